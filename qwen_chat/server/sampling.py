"""The sampling parameters of a request, checked in the words of every front end."""

from typing import Any

from pydantic import BaseModel

from qwen_chat.errors import UsageError
from qwen_chat.sampling import SamplingParams
from qwen_chat.server.chat_schema import MAX_STOPS, SamplingBody
from qwen_chat.server.errors import ApiError

_SAME = {
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "seed",
}
_OTHERS = {
    "max_completion_tokens": "max_new_tokens",
    "max_output_tokens": "max_new_tokens",
    "max_tokens": "max_new_tokens",
    "stop": "stop",
    "stop_sequences": "stop",
}
"""Fields of the interfaces, and our names; of several, the first that is given counts."""

_MAX_BIAS = 100.0


def read_sampling(body: BaseModel) -> SamplingParams:
    """Return the sampling parameters among the fields of a request.

    Raises: ApiError, which names the field.
    """
    fields = type(body).model_fields
    names = {**{name: name for name in fields if name in _SAME}, **_OTHERS}
    checked: dict[str, Any] = {}
    for field, name in names.items():
        value = getattr(body, field, None) if field in fields else None
        if value is not None and not (name == "stop" and value == []):
            checked.setdefault(name, _check(field, name, value))
    return SamplingParams(**checked)


def read_logit_bias(body: SamplingBody) -> dict[int, float]:
    """Return the biases by token ids.

    Raises: ApiError.
    """
    bias: dict[int, float] = {}
    for key, value in (body.logit_bias or {}).items():
        if not (key.isascii() and key.isdecimal() and len(key) < 10):
            raise ApiError(400, f"logit_bias: {key[:40]!r} is not the id of a token", param="logit_bias")
        if abs(value) > _MAX_BIAS:
            fault = f"logit_bias: must be from {-_MAX_BIAS:g} to {_MAX_BIAS:g}"
            raise ApiError(400, fault, param="logit_bias")
        bias[int(key)] = value
    return bias


def _check(field: str, name: str, value: object) -> Any:  # noqa: ANN401 - a number or texts
    """Return a value as our parameter of that name takes it."""
    if name == "stop" and isinstance(value, list) and len(value) > MAX_STOPS:
        raise ApiError(400, f"{field}: there may be {MAX_STOPS} texts at most", param=field)
    try:
        return getattr(SamplingParams.from_mapping({name: value}), name)
    except UsageError as error:
        raise ApiError(400, str(error).replace(name, field), param=field) from None
