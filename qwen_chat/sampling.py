"""Sampling parameters as one value, and the parser of texts like `top_p=0.8`."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

from qwen_chat.errors import UsageError

MAX_SEED = 2**32 - 2
"""llama.cpp takes the next number for "random"."""


def _number(
    kind: type[int] | type[float], low: float, high: float, meaning: str, short_flag: str = ""
) -> Any:  # noqa: ANN401 - a field
    limits = {"kind": kind, "low": low, "high": high}
    return field(default=None, metadata=limits | {"meaning": meaning, "short_flag": short_flag})


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen; None leaves a parameter to the layer below.

    Raises: UsageError for a value of the wrong type or out of range.
    """

    temperature: float | None = _number(float, 0, 5, "randomness; 0 always takes the likeliest token")
    top_p: float | None = _number(float, 0, 1, "keep the likeliest tokens up to this total probability")
    top_k: int | None = _number(int, 0, 1_000_000, "keep this many of the likeliest tokens; 0 keeps all")
    min_p: float | None = _number(float, 0, 1, "drop tokens below this share of the likeliest one's")
    repetition_penalty: float | None = _number(float, 0.01, 10, "above 1 discourages repeating; 1 is off")
    presence_penalty: float | None = _number(float, -2, 2, "discourages tokens that have occurred")
    frequency_penalty: float | None = _number(float, -2, 2, "discourages tokens by how often they occurred")
    max_new_tokens: int | None = _number(int, 1, 10_000_000, "the longest answer, in tokens")
    seed: int | None = _number(int, 0, MAX_SEED, "the same seed and parameters give the same text", "-s")
    stop: tuple[str, ...] | None = field(
        default=None, metadata={"meaning": "end the answer before this text"}
    )

    def __post_init__(self) -> None:
        for spec in fields(self):
            if (value := getattr(self, spec.name)) is not None:
                checked = _check_stop(value) if spec.name == "stop" else _check_number(spec, value)
                object.__setattr__(self, spec.name, checked)

    def over(self, base: "SamplingParams") -> "SamplingParams":
        """Return these parameters, with those that are unset taken from `base`."""
        return replace(base, **self.chosen())

    def reseeded(self, number: int) -> "SamplingParams":
        """Return the parameters for answer `number`, from 0: under a fixed seed each answer has its own."""
        return self if self.seed is None else replace(self, seed=(self.seed + number) % (MAX_SEED + 1))

    def chosen(self) -> dict[str, Any]:
        """Return the parameters that are set, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "SamplingParams":
        """Return the parameters of names and typed values, as a TOML table or a JSON object has them."""
        for name in values:
            _check_name(name)
        return cls(**values)

    @classmethod
    def parse(cls, assignments: Iterable[str]) -> "SamplingParams":
        """Return the parameters of texts like `top_p=0.8`; `name=default` leaves that parameter unset."""
        return cls(**{name: value for name, value in map(parse_assignment, assignments) if value is not None})


NAMES: tuple[str, ...] = tuple(spec.name for spec in fields(SamplingParams))
MEANINGS: dict[str, str] = {spec.name: spec.metadata["meaning"] for spec in fields(SamplingParams)}
SHORT_FLAGS: dict[str, str] = {
    spec.name: spec.metadata.get("short_flag", "") for spec in fields(SamplingParams)
}


def parse_assignment(text: str) -> tuple[str, Any]:
    """Return the name and the value of one `name=value`; the value is None for `default`.

    Raises: UsageError for an unknown name, a missing `=`, or a value that does not fit.
    """
    name, equals, value = text.partition("=")
    name, value = name.strip().replace("-", "_"), value.strip()
    _check_name(name)
    if not equals or not value:
        raise UsageError(f"write it as {name}=VALUE, for example {name}={_example(name)}")
    if value.lower() in ("default", "none"):
        return name, None
    parsed: Any = value if name == "stop" else _to_number(name, value)
    return name, getattr(SamplingParams(**{name: parsed}), name)


def _check_name(name: str) -> None:
    if name not in NAMES:
        close = get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(NAMES)}"
        raise UsageError(f"unknown parameter {name!r}: {hint}")


def _example(name: str) -> str:
    return {"stop": "END", "seed": "1234", "max_new_tokens": "512", "top_k": "20"}.get(name, "0.8")


def _to_number(name: str, text: str) -> float:
    try:
        return int(text) if text.lstrip("+-").isdecimal() else float(text)
    except ValueError:
        raise UsageError(
            f"{name}={text}: {text!r} is not a number, write for example {name}={_example(name)}"
        ) from None


def _check_number(spec: Field[Any], value: object) -> int | float:
    kind, low, high = spec.metadata["kind"], spec.metadata["low"], spec.metadata["high"]
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise UsageError(f"{spec.name}={value}: must be a number from {low} to {high}")
    if not low <= value <= high:
        raise UsageError(f"{spec.name}={_format_number(value)}: must be from {low} to {high}")
    if kind is int and value != int(value):
        raise UsageError(f"{spec.name}={value}: must be a whole number from {low} to {high}")
    return int(value) if kind is int else float(value)


def _format_number(value: float) -> str:
    # Python refuses to spell out whole numbers of many thousand digits.
    return str(value) if abs(value) < 10**30 else "..."


def _check_stop(value: object) -> tuple[str, ...]:
    texts = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else ()
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise UsageError("stop must be a text, or a list of texts, none of them empty")
    if any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
        raise UsageError("stop is not valid Unicode: it holds half of a surrogate pair")
    return texts
