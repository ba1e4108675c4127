"""Refusals in OpenAI's form, and what each of our errors becomes.

https://platform.openai.com/docs/guides/error-codes
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from starlette.responses import JSONResponse, Response

from qwen_chat.errors import (
    ContextLengthError,
    MissingExtraError,
    ModelBusyError,
    ModelLoadError,
    PromptRefusedError,
    QwenChatError,
    UsageError,
)

ANTHROPIC_PATH = "/v1/messages"
_ANTHROPIC = {
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}
"""Anthropic's kinds of errors by their status."""

_RETRY_SECONDS = 2
_STATUS = (
    (ModelBusyError, 429, "rate_limit_exceeded"),
    (PromptRefusedError, 400, None),
    (ContextLengthError, 400, "context_length_exceeded"),
    (MissingExtraError, 501, "not_installed"),
    (ModelLoadError, 503, "model_not_loaded"),
    (UsageError, 400, None),
)
"""The first that fits counts; anything else is a fault of the server."""


class ApiError(Exception):
    """A request is refused; `param` is the field of the body that is at fault."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code = status, message, param, code

    @property
    def kind(self) -> str:
        """OpenAI's name for the kind of the error."""
        known = {401: "authentication_error", 429: "rate_limit_error"}
        return known.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the response."""
        if self.status == 401:
            return {"www-authenticate": "Bearer"}
        return {"retry-after": str(_RETRY_SECONDS)} if self.status in (429, 503) else {}

    def body(self) -> dict[str, Any]:
        """Return the body of the response."""
        fault = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": fault}

    def anthropic_body(self) -> dict[str, Any]:
        """Return the body of the response in Anthropic's form."""
        kind = _ANTHROPIC.get(self.status, "invalid_request_error" if self.status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": self.message}}

    def response(self, path: str = "") -> Response:
        """Return the response of a route."""
        body = self.anthropic_body() if path.startswith(ANTHROPIC_PATH) else self.body()
        return JSONResponse(body, self.status, self.headers)


def as_api_error(error: BaseException) -> ApiError:
    """Return any exception as an ApiError; what none expected is told by its type alone."""
    if isinstance(error, ApiError):
        return error
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return ApiError(status, str(error), code=code)
    if isinstance(error, QwenChatError):
        return ApiError(500, str(error), code="model_error")
    return ApiError(500, f"the server failed: {type(error).__name__}", code="internal_error")


@contextmanager
def errors_of(param: str) -> Generator[None, None, None]:
    """Raise our errors as ApiErrors of a field.

    Raises: ApiError.
    """
    try:
        yield
    except QwenChatError as error:
        fault = as_api_error(error)
        raise ApiError(fault.status, f"{param}: {fault.message}", param=param, code=fault.code) from None


def refuse(status: int, fault: str) -> Response:
    """Return the refusal of a check that comes before the routes."""
    return ApiError(status, fault).response()
