"""What a setting means, and which values fit it."""

from dataclasses import dataclass
from typing import Literal

from qwen_chat.errors import UsageError

Kind = Literal["text", "number", "switch", "list"]

_SWITCH_WORDS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(
    ("0", "false", "no", "off"), False
)


@dataclass(frozen=True, slots=True)
class Spec:
    """What a setting means, and which values fit it."""

    kind: Kind
    help: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """Say which values fit, to follow the words "must be"."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        ranged = f"a whole number from {self.low:,} to {self.high:,}"
        return {"number": ranged, "switch": "true or false", "list": "a list of texts, none empty"}.get(
            self.kind, "text in quotes"
        )

    def check(self, label: str, value: object) -> object:
        """Return the value as `Settings` holds it; `label` is what a person calls the setting.

        Raises: UsageError when it does not fit.
        """
        if not self._fits(value):
            raise UsageError(f"{label} must be {self.wanted}")
        return tuple(value) if isinstance(value, list) else value

    def parse(self, label: str, text: str) -> object:
        """Return the value that `text` in the environment stands for.

        Raises: UsageError when it does not fit.
        """
        if self.kind == "switch":
            return self.check(label, _SWITCH_WORDS.get(text.lower()))
        if self.kind == "list":
            return self.check(label, tuple(part.strip() for part in text.split(",")))
        return self.check(label, _whole_number(text) if self.kind == "number" else text)

    def _fits(self, value: object) -> bool:
        match self.kind:
            case "switch":
                return isinstance(value, bool)
            case "number":
                return (
                    isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high
                )
            case "list":
                return isinstance(value, list | tuple) and all(_is_text(item) and item for item in value)
        return _is_text(value) and (not self.choices or value in self.choices)


def spec(
    kind: Kind, help: str, low: int = 0, high: int = 0, choices: tuple[str, ...] = ()
) -> dict[str, Spec]:
    """Return the metadata of a field of `Settings`."""
    return {"spec": Spec(kind, help, low, high, choices)}


def _whole_number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value
