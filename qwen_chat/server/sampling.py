"""The sampling parameters of a request, checked in the words of every front end."""

from typing import Any

from qwen_chat.errors import UsageError
from qwen_chat.sampling import SamplingParams
from qwen_chat.server.chat_schema import MAX_STOPS, ChatBody, SamplingBody
from qwen_chat.server.errors import ApiError

_SAME = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "seed",
)
_MAX_BIAS = 100.0


def read_sampling(body: SamplingBody) -> SamplingParams:
    """Return the sampling parameters of a request.

    Raises: ApiError.
    """
    values = {name: value for name in _SAME if (value := getattr(body, name)) is not None}
    checked = {name: check_param(name, name, value) for name, value in values.items()}
    if (length := _read_length(body)) is not None:
        checked["max_new_tokens"] = length
    if body.stop not in (None, []):
        checked["stop"] = _read_stops(body.stop)
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


def _read_length(body: SamplingBody) -> int | None:
    for name in ("max_completion_tokens", "max_tokens") if isinstance(body, ChatBody) else ("max_tokens",):
        if (value := getattr(body, name)) is not None:
            length: int = check_param(name, "max_new_tokens", value)
            return length
    return None


def _read_stops(value: object) -> tuple[str, ...]:
    stops: tuple[str, ...] = check_param("stop", "stop", value)
    if len(stops) > MAX_STOPS:
        raise ApiError(400, f"stop: there may be {MAX_STOPS} texts at most", param="stop")
    return stops


def check_param(param: str, name: str, value: object) -> Any:  # noqa: ANN401 - a number or texts
    """Return a value as our parameter of that name takes it.

    Raises: ApiError, which names the field `param`.
    """
    try:
        return getattr(SamplingParams.from_mapping({name: value}), name)
    except UsageError as error:
        raise ApiError(400, str(error).replace("max_new_tokens", param), param=param) from None
