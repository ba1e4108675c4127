"""The description of one setting: its help, its scope, and the values that fit it."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

from qwen_chat.errors import UsageError
from qwen_chat.files.validation import Meta, fits

Kind = Literal["text", "number", "switch", "list"]

Engine = Literal["llama.cpp", "torch"]

Scope = Literal["checkpoint", "model", Engine, "chat", "terminal"]
"""The part that a setting is for: which checkpoint to open, a model of any engine, a model of one engine,
the conversations of every front end, or the terminal alone."""

Completion = Literal["", "model", "role", "file"]
"""What a shell offers as values, besides the choices."""

ENGINES: tuple[Engine, ...] = get_args(Engine)

_SWITCH_WORDS = dict.fromkeys(("1", "true", "yes", "on"), True) | dict.fromkeys(
    ("0", "false", "no", "off"), False
)
_Text = Annotated[str, Meta(pattern=r"\A[^\0]*\Z")]
_TYPES: dict[Kind, Any] = {
    "text": _Text,
    "switch": bool,
    "list": tuple[Annotated[_Text, Meta(min_length=1)], ...],
}


@dataclass(frozen=True)
class Spec:
    """The description of one setting.

    `engine_choices` are further choices that only one engine knows; shells offer `suggestions` besides what
    `completes` names; with `empty_unsets` an empty text leaves the setting unset.
    """

    kind: Kind
    scope: Scope
    help: str
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    engine_choices: dict[Engine, tuple[str, ...]] = field(default_factory=dict)
    suggestions: tuple[str, ...] = ()
    completes: Completion = ""
    short_flag: str = ""
    empty_unsets: bool = False

    @property
    def wanted(self) -> str:
        """Return the values that fit, in words that follow "must be"."""
        if choices := self.all_choices:
            return f"one of {', '.join(choices)}"
        if self.kind == "number":
            return f"a whole number from {self.low:,} to {self.high:,}"
        return {"switch": "true or false", "list": "a list of texts, none empty"}.get(
            self.kind, "text in quotes"
        )

    @property
    def all_choices(self) -> tuple[str, ...]:
        """Return the choices of every engine, or none where any value of the kind fits."""
        return self.choices + tuple(choice for own in self.engine_choices.values() for choice in own)

    def is_for(self, engine: Engine) -> bool:
        """Return whether a model of the engine knows this setting."""
        return self.scope not in ENGINES or self.scope == engine

    def refused_choices(self, engine: Engine) -> tuple[str, ...]:
        """Return the choices that only other engines know."""
        return tuple(
            choice for other, own in self.engine_choices.items() if other != engine for choice in own
        )

    def check(self, label: str, value: object) -> object:
        """Return the value as `Settings` holds it; `label` is what a person calls the setting.

        Raises: UsageError when it does not fit.
        """
        if not fits(value, self._type):
            raise UsageError(f"{label} must be {self.wanted}")
        return tuple(value) if isinstance(value, list) else value

    def parse(self, label: str, text: str) -> object:
        """Return the value of a text from the environment.

        Raises: UsageError when it does not fit.
        """
        if self.kind == "switch":
            return self.check(label, _SWITCH_WORDS.get(text.lower()))
        if self.kind == "list":
            return self.check(label, tuple(part.strip() for part in text.split(",")))
        return self.check(label, _parse_number(text) if self.kind == "number" else text)

    @cached_property
    def _type(self) -> Any:  # noqa: ANN401
        if choices := self.all_choices:
            return Literal[choices]
        if self.kind == "number":
            return Annotated[int, Meta(ge=self.low, le=self.high)]
        return _TYPES[self.kind]


def _parse_number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
