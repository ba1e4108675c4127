"""Builds the messages of programs that keep them one after the other, some with several versions."""

from collections.abc import Sequence

from qwen_chat.importers.parsed import ParsedMessage
from qwen_chat.message import MessageRole


class Chain:
    """Messages one after the other; a branch may begin at any of them."""

    def __init__(self) -> None:
        self.messages: list[ParsedMessage] = []
        self.last: ParsedMessage | None = None
        """The message that the next one follows."""

    def add(self, role: MessageRole, content: str, *, reasoning: str = "") -> ParsedMessage:
        """Add a message after the last one, and return it."""
        message = ParsedMessage(
            str(len(self.messages) + 1), self.last.id if self.last else None, role, content, reasoning
        )
        self.messages.append(message)
        self.last = message
        return message

    def add_versions(self, role: MessageRole, versions: Sequence[str], chosen: int) -> list[ParsedMessage]:
        """Add versions of one message; the next message follows the chosen one."""
        before, added = self.last, []
        for version in versions:
            self.last = before
            added.append(self.add(role, version))
        if added:
            self.last = added[chosen if 0 <= chosen < len(added) else -1]
        return added

    @property
    def head(self) -> str | None:
        """The id of the last message of the branch in view."""
        return self.last.id if self.last else None
