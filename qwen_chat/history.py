"""A conversation as an append-only tree of messages, with one branch in view."""

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from qwen_chat import i18n
from qwen_chat.errors import UsageError
from qwen_chat.message import Attachment, FinishReason, Message, Usage
from qwen_chat.text import plural

_TITLE_LENGTH = 60


@dataclass(frozen=True, slots=True)
class AnswerDetails:
    """How an answer was generated: enough to generate it again."""

    model: str = ""
    system: str | None = None
    """The id of its system prompt."""
    seed: int | None = None
    finish_reason: FinishReason | None = None
    """None while the model writes the answer."""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A message of the tree; `created` is in seconds since the epoch."""

    message: Message
    parent: str | None = None
    answer: AnswerDetails | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    created: float = field(default_factory=time.time)


class History:
    """A conversation: the tree of its messages, the branch in view, the present system prompt.

    Regenerate, edit, undo and fork move the head, which ends the branch in view; the tree keeps every node.
    """

    def __init__(self, id: str | None = None, title: str = "", role: str | None = "") -> None:
        self.id = id or uuid.uuid4().hex[:12]
        self.title = title
        self.role = role
        """The name of the role that the model plays, "" for none; None where an old store did not keep it."""
        self.head: str | None = None
        self.system: Node | None = None
        self._nodes: dict[str, Node] = {}
        self._children: dict[str | None, list[str]] = {}

    @classmethod
    def restore(
        cls,
        id: str,
        title: str,
        nodes: Iterable[Node],
        head: str | None,
        system: str | None,
        *,
        role: str | None = "",
    ) -> "History":
        """Return a conversation from its saved parts; a node whose parent is missing starts a branch."""
        history = cls(id, title, role)
        for node in nodes:
            history._insert(node if history._is_message(node.parent) else replace(node, parent=None))
        kept = history._nodes.get(system) if system else None
        history.system = kept if kept and kept.message.role == "system" else None
        history.head = head if history._is_message(head) else None
        return history

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def __getitem__(self, node_id: str) -> Node:
        return self._nodes[node_id]

    def nodes(self) -> list[Node]:
        """Return every node, system prompts included, parents before children."""
        return list(self._nodes.values())

    def message_count(self) -> int:
        """Return the number of messages in all branches, without system prompts."""
        return sum(map(len, self._children.values()))

    def path(self) -> list[Node]:
        """Return the branch in view, oldest first."""
        nodes: list[Node] = []
        at = self.head
        while at is not None:
            nodes.append(self._nodes[at])
            at = self._nodes[at].parent
        return nodes[::-1]

    def siblings(self, node_id: str) -> list[Node]:
        """Return all versions of a node, itself included, oldest first."""
        return [self._nodes[id] for id in self._children[self._nodes[node_id].parent]]

    def answer_count(self, question: str) -> int:
        """Return the number of answers to a question."""
        return len(self._children.get(question, []))

    def children(self, node_id: str | None) -> list[Node]:
        """Return the nodes below a node, oldest first; below None are the first messages."""
        return [self._nodes[id] for id in self._children.get(node_id, [])]

    def question_of(self, answer: str) -> Node | None:
        """Return the question of an answer, or None."""
        parent = self._nodes[answer].parent
        node = self._nodes[parent] if parent else None
        return node if node is not None and node.message.role == "user" else None

    def last_answer(self) -> Node:
        """Return the answer at the end of the branch in view.

        Raises: UsageError when the branch does not end with an answer.
        """
        node = self._nodes[self.head] if self.head else None
        if node is None or node.message.role != "assistant" or node.answer is None:
            raise UsageError("there is no answer at the end of this branch: ask something, or /retry")
        return node

    def add(self, message: Message, answer: AnswerDetails | None = None) -> Node:
        """Append a message below the head and move the head to it."""
        node = Node(message, self.head, answer)
        self._insert(node)
        self.head = node.id
        return node

    def update(self, node: Node) -> None:
        """Replace the unfinished form of an answer by its finished form."""
        self._nodes[node.id] = node

    def set_system(self, text: str) -> Node:
        """Replace the system prompt from the next answer on; earlier answers still refer to theirs."""
        self.system = Node(Message("system", text))
        self._nodes[self.system.id] = self.system
        return self.system

    def move_head(self, head: str | None) -> None:
        """Bring the branch that ends at a message into view; None empties the view."""
        if head is not None and not self._is_message(head):
            raise UsageError(f"no message {head!r} in this conversation")
        self.head = head

    def undo(self, turns: int = 1) -> list[Node]:
        """Move the head before the last `turns` questions and return the messages that leave the view.

        Raises: UsageError when the branch has fewer turns.
        """
        path = self.path()
        questions = [index for index, node in enumerate(path) if node.message.role == "user"]
        if not 1 <= turns <= len(questions):
            raise UsageError(f"cannot undo {turns}: the branch in view has {plural(len(questions), 'turn')}")
        first = questions[-turns]
        self.head = path[first].parent
        return path[first:]

    def rewind_to_question(self) -> Node:
        """Move the head to the last question, so that the model can answer it once more.

        Raises: UsageError when the branch has no question.
        """
        for node in reversed(self.path()):
            if node.message.role == "user":
                self.head = node.id
                return node
        raise UsageError(i18n.Text("answer.nothing_to_retry"))

    def edit(self, node_id: str, text: str, attachments: Iterable[Attachment] = ()) -> Node:
        """Add another version of a message, in a new branch, and move the head to it.

        Raises: UsageError when the conversation has no such message.
        """
        self.move_head(node_id)
        old = self._nodes[node_id]
        self.head = old.parent
        answer = replace(old.answer, finish_reason="stop", usage=None) if old.answer else None
        return self.add(Message(old.message.role, text, attachments=tuple(attachments)), answer)

    def message_at(self, number: int) -> Node:
        """Return message `number` of the branch in view, counted from 1.

        Raises: UsageError when there is no such message.
        """
        path = self.path()
        if not 1 <= number <= len(path):
            raise UsageError(f"no message {number}: the branch in view has {plural(len(path), 'message')}")
        return path[number - 1]

    def _is_message(self, node_id: str | None) -> bool:
        node = self._nodes.get(node_id) if node_id else None
        return node is not None and node.message.role != "system"

    def _insert(self, node: Node) -> None:
        self._nodes[node.id] = node
        if node.message.role != "system":
            self._children.setdefault(node.parent, []).append(node.id)


def title_from(text: str) -> str:
    """Return a title made of the beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1] + "…"
