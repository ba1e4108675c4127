"""Texts that can be shown in several languages, and still be used wherever a str is."""

from typing import Any, Self

from qwen_chat.i18n.catalog import Argument, Language, render


class Text(str):
    """A text of the catalogue in English, which keeps its code and arguments.

    An argument may be a Text itself, as where one fault holds another.

    Raises: KeyError for a code that is not in the catalogue, or an argument that is missing.
    """

    __slots__ = ("arguments", "code")
    code: str
    arguments: dict[str, Argument]

    def __new__(cls, code: str, /, **arguments: Argument) -> Self:
        """Return the text of a code with these arguments."""
        made = super().__new__(cls, render(code, arguments, "en"))
        made.code, made.arguments = code, arguments
        return made

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Argument]]:
        return (self.code,), self.arguments


def translate(text: str, language: Language) -> str:
    """Return a text in a language; a str that is not from the catalogue stays as it is."""
    if not isinstance(text, Text):
        return text
    arguments = {
        name: translate(value, language) if isinstance(value, str) else value
        for name, value in text.arguments.items()
    }
    return render(text.code, arguments, language)


def as_json(text: str) -> dict[str, Any]:
    """Return a text for a page, which puts it into its own language by `code` and `arguments`.

    The code of a str that is not from the catalogue is "".
    """
    if not isinstance(text, Text):
        return {"text": text, "code": "", "arguments": {}}
    arguments = {
        name: as_json(value) if isinstance(value, Text) else value for name, value in text.arguments.items()
    }
    return {"text": str(text), "code": text.code, "arguments": arguments}
