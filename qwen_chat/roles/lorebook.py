"""Lore: texts that are added to a role's system prompt while recent messages mention their keys."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

DEPTH = 4
"""How many of the newest messages are searched for keys, unless a lorebook says otherwise."""

BUDGET = 1000
"""The most tokens of lore in a prompt, unless a lorebook says otherwise."""

ORDER = 100

_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Lore:
    """A text, and the keys that bring it up; if it has `secondary_keys`, one of them must occur, too.

    Texts of low `order` come first in the prompt; those of low `priority` are left out first.
    """

    text: str
    keys: tuple[str, ...]
    secondary_keys: tuple[str, ...] = ()
    order: int = ORDER
    priority: int = 0
    case_sensitive: bool = False
    enabled: bool = True

    def matches(self, text: str) -> bool:
        """Return whether a text brings this lore up: it contains a key, also within a word."""
        return (
            self.enabled
            and self._any(self.keys, text)
            and (not self.secondary_keys or self._any(self.secondary_keys, text))
        )

    def _any(self, keys: Sequence[str], text: str) -> bool:
        if self.case_sensitive:
            return any(key in text for key in keys)
        folded = text.casefold()
        return any(key.casefold() in folded for key in keys)


@dataclass(frozen=True, slots=True)
class Lorebook:
    """The lore of a role; `depth` counts messages from the newest, `budget` is in tokens."""

    entries: tuple[Lore, ...] = ()
    depth: int = DEPTH
    budget: int = BUDGET

    def relevant(self, messages: Sequence[str]) -> list[Lore]:
        """Return the lore that the newest messages bring up, sorted by order and within the budget."""
        recent = "\n".join(messages[-self.depth :]) if self.depth else ""
        found = [entry for entry in self.entries if entry.matches(recent)]
        kept: list[Lore] = []
        left = self.budget
        for entry in sorted(found, key=lambda entry: (-entry.priority, -entry.order)):
            left -= estimated_tokens(entry.text)
            if left < 0:
                break
            kept.append(entry)
        return [entry for entry in sorted(found, key=lambda entry: entry.order) if entry in kept]

    def extend_prompt(self, system: str, messages: Sequence[str]) -> str:
        """Return a system prompt with the lore that the messages bring up added to its end.

        At its end, so that the prefix cache still holds the prompt before it when the lore changes.
        """
        return "\n\n".join(filter(None, (system, *(entry.text for entry in self.relevant(messages)))))

    def map_texts(self, change: Callable[[str], str]) -> "Lorebook":
        """Return the lorebook with `change` applied to every text and key."""
        return replace(
            self,
            entries=tuple(
                replace(
                    entry,
                    text=change(entry.text),
                    keys=tuple(map(change, entry.keys)),
                    secondary_keys=tuple(map(change, entry.secondary_keys)),
                )
                for entry in self.entries
            ),
        )


def estimated_tokens(text: str) -> int:
    """Return an estimate of the tokens of a text: Qwen's have about four bytes in English and Chinese."""
    return -(-len(text.encode(errors="replace")) // _BYTES_PER_TOKEN)
