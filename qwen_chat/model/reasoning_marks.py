"""The marks between which models write their reasoning, by the families that write them."""

import re
from collections.abc import Callable
from dataclasses import dataclass

_TOKEN = re.compile(r"<[^<>\s]+>|\[/?[A-Z]+\]|◁[^▷]+▷")


@dataclass(frozen=True, slots=True)
class ReasoningMarks:
    """What opens and closes reasoning, and what an answer without any may begin with.

    `gap` is what models write after the opening, and twice after the closing.
    """

    opening: str
    closing: str
    bare_opening: str = ""
    gap: str = ""

    @property
    def written_opening(self) -> str:
        """The opening as a model writes it."""
        return self.opening + self.gap

    @property
    def written_closing(self) -> str:
        """The closing as a model writes it, before an answer."""
        return f"{self.gap}{self.closing}{self.gap}{self.gap}"

    @property
    def tokens(self) -> tuple[str, ...]:
        """The names within the marks that may be control tokens."""
        names = _TOKEN.findall(self.opening + self.closing + self.bare_opening)
        return tuple(dict.fromkeys(names))


THINK = ReasoningMarks("<think>", "</think>", gap="\n")

KNOWN = (
    THINK,
    ReasoningMarks("[THINK]", "[/THINK]"),
    ReasoningMarks("<|START_THINKING|>", "<|END_THINKING|>"),
    ReasoningMarks("<seed:think>", "</seed:think>"),
    ReasoningMarks("◁think▷", "◁/think▷"),
    ReasoningMarks("<|channel>thought\n", "<channel|>"),
    ReasoningMarks("<unused94>thought\n", "<unused95>"),
    ReasoningMarks(
        "<|channel|>analysis<|message|>",
        "<|end|><|start|>assistant<|channel|>final<|message|>",
        "<|channel|>final<|message|>",
    ),
    ReasoningMarks("<|begin_of_thought|>", "<|end_of_thought|>"),
    ReasoningMarks("<thinking>", "</thinking>", gap="\n"),
    ReasoningMarks("<reasoning>", "</reasoning>", gap="\n"),
    ReasoningMarks("<thought>", "</thought>", gap="\n"),
)


def marks_of_template(template: str) -> ReasoningMarks | None:
    """Return the marks that a chat template mentions, of which the closing one alone may be there."""
    return next((marks for marks in KNOWN if _mentions(template, marks)), None)


def marks_of_vocabulary(knows: Callable[[str], bool]) -> ReasoningMarks | None:
    """Return the marks that are tokens of a vocabulary; `knows` tells whether a name is a token."""
    return next((marks for marks in KNOWN if all(map(knows, marks.tokens))), None)


def _mentions(template: str, marks: ReasoningMarks) -> bool:
    if marks.bare_opening:  # its parts are written one by one
        return "<|channel|>" in template and "analysis" in template
    return marks.closing in template or marks.opening in template
