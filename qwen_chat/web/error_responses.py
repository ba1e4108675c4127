"""Turns errors into responses: JSON with one line, `error`, which the page shows."""

from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from qwen_chat import i18n
from qwen_chat.errors import QwenChatError, SessionBusyError, StoreError
from qwen_chat.http.error_body import error_body


async def answer_error(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - FastAPI gives both
    """Return an error of this package as one line, which the page shows."""
    status = 409 if isinstance(error, SessionBusyError) else 503 if isinstance(error, StoreError) else 400
    text = error.text if isinstance(error, QwenChatError) else str(error)
    return JSONResponse(error_body(text), status)


async def answer_invalid_request(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001
    """Name what is wrong with a request without repeating it: a body may hold anything."""
    unknown = {"type": "", "loc": ()}
    first: dict[str, Any] = error.errors()[0] if isinstance(error, RequestValidationError) else unknown
    if first["type"] == "string_too_long":
        most = first["ctx"]["max_length"]
        return JSONResponse(error_body(i18n.Text("message.too_long", longest=most)), 413)
    place = ".".join(str(part) for part in first["loc"][1:] if not isinstance(part, int))
    return JSONResponse(error_body(f"the request cannot be understood: {place[:100]}: {first['type']}"), 400)
