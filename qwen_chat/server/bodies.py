"""Reads the JSON bodies of requests, and names the field that is at fault."""

import re
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.requests import ClientDisconnect, Request

from qwen_chat.server.errors import ApiError

_TYPES = ("str", "int", "float", "bool", "dict", "list")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Body(BaseModel):
    """A request's body: types are not converted, numbers are finite, and further fields are kept."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")

    @property
    def unknown_fields(self) -> list[str]:
        """The fields that this server does not know."""
        return [*(self.model_extra or ())]


BodyType = TypeVar("BodyType", bound=Body)


async def read_body(request: Request, kind: type[BodyType]) -> BodyType:
    """Return the body of a request.

    Raises: ApiError with status 400, which names the field.
    """
    try:
        text = (await request.body()).decode()
        values = from_json(text, allow_inf_nan=False)
    except ClientDisconnect:
        raise ApiError(499, "the client left") from None
    except UnicodeDecodeError:
        raise ApiError(400, "the body is not UTF-8") from None
    except ValueError as error:
        raise ApiError(400, f"the body is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ApiError(400, "the body is not a JSON object")
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise _first_fault(error.errors(include_url=False, include_input=False)) from None


def _first_fault(faults: list[ErrorDetails]) -> ApiError:
    """Return the fault that came furthest into the body: of several types, that is the one that was meant."""
    fault = max(faults, key=lambda each: len(each["loc"]))
    param = _param(fault["loc"])
    return ApiError(400, f"{param}: {_SURROGATE.sub('?', fault['msg'])}", param=param)


def _param(place: tuple[int | str, ...]) -> str:
    """Return a place as `messages[0].content`, without the names of our classes."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place if _is_field(part)]
    return "".join(parts).removeprefix(".")


def _is_field(part: int | str) -> bool:
    return isinstance(part, int) or (part not in _TYPES and re.fullmatch(r"[a-z_]+", part) is not None)
