"""The body of an answer that refuses a request."""

from typing import Any

from qwen_chat import i18n


def error_body(text: str) -> dict[str, Any]:
    """Return one line, `error`, with the code and the arguments by which a page puts it into its language."""
    values = i18n.as_json(text)
    return {"error": values.pop("text"), **values}
