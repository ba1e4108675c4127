"""Builds a conversation from the messages of another program, with every branch and the one in view."""

from dataclasses import dataclass, replace

from qwen_chat.history import AnswerDetails, History, Node, title_from
from qwen_chat.importers.parsed import ParsedConversation, ParsedMessage
from qwen_chat.message import Message


@dataclass(frozen=True, slots=True)
class _Position:
    """The place of a parsed message in the tree: its node, or the last node before it that was kept."""

    node: str | None = None
    system: str | None = None
    """The id of the system prompt for the messages below."""
    after_prompt: bool = True
    """Whether no message came since that prompt."""
    unbranched: bool = True
    """Whether no branch begins between the node and the messages below."""


def build_history(conversation: ParsedConversation, moment: float) -> History:
    """Return a conversation; messages without a time get `moment`, in seconds since the epoch.

    Raises: ValueError when it has no messages, or they form a circle.
    """
    return TreeBuilder(conversation, moment).history()


class TreeBuilder:
    """Adds messages to a tree, parents before children."""

    def __init__(self, conversation: ParsedConversation, moment: float) -> None:
        self._conversation = conversation
        self._nodes: dict[str, Node] = {}
        self._positions: dict[str, _Position] = {}
        self._messages = {message.id: message for message in conversation.messages}
        self._children: dict[str | None, list[ParsedMessage]] = {}
        for message in self._messages.values():
            parent = message.parent if message.parent in self._messages else None
            self._children.setdefault(parent, []).append(message)
        first = min(
            (message.created for message in conversation.messages if message.created is not None),
            default=moment,
        )
        self._root = _Position()
        if conversation.system.strip():
            self._root = self._add_prompt(conversation.system, first, self._root)
        for message in self._in_order(first):
            self._positions[message.id] = self._place(message)

    def history(self) -> History:
        """Return the conversation."""
        spoken = [node for node in self._nodes.values() if node.message.role != "system"]
        if not spoken:
            raise ValueError("nothing is said in it")
        at = self._positions.get(self._conversation.head or "", self._root)
        if at.node is None:
            # Of several in the same second, the last one is the newest.
            newest = max(reversed(spoken), key=lambda node: node.created)
            at = next(position for position in self._positions.values() if position.node == newest.id)
        title = " ".join(self._conversation.title.split()) or title_from(spoken[0].message.content)
        return History.restore(History().id, title, self._nodes.values(), at.node, at.system)

    def _in_order(self, moment: float) -> list[ParsedMessage]:
        """Return the messages, parents before children, siblings by age; messages without a time get one."""
        order: list[ParsedMessage] = []
        waiting: list[tuple[str | None, float]] = [(None, moment)]
        while waiting:
            parent, time = waiting.pop()
            siblings = self._children.get(parent, [])
            for message in siblings:
                message.created = time if message.created is None else message.created
            siblings.sort(key=lambda message: message.created or 0.0)
            order += siblings
            waiting += [(message.id, message.created or 0.0) for message in reversed(siblings)]
        if len(order) < len(self._messages):
            raise ValueError("its messages run in a circle: each has another before it")
        return order

    def _place(self, message: ParsedMessage) -> _Position:
        above = self._positions.get(message.parent or "", self._root)
        unbranched = len(self._children.get(message.id, [])) < 2
        if message.role == "system":
            has_text = message.content.strip()
            position = self._add_prompt(message.content, message.created or 0.0, above) if has_text else above
            return replace(position, unbranched=unbranched and above.unbranched)
        if not (message.content.strip() or message.reasoning.strip() or message.attachments):
            return replace(above, unbranched=unbranched and above.unbranched)
        before = self._nodes[above.node] if above.node and above.unbranched else None
        if (
            message.continues_answer
            and before is not None
            and message.role == before.message.role == "assistant"
        ):
            self._nodes[before.id] = _extend_answer(before, message)
            return replace(above, unbranched=unbranched)
        node = self._add_node(message, above)
        return _Position(node, above.system, after_prompt=False, unbranched=unbranched)

    def _add_prompt(self, text: str, created: float, above: _Position) -> _Position:
        """Add a system prompt; one that directly follows another gets the text of both."""
        before = self._nodes[above.system].message.content if above.system and above.after_prompt else ""
        node = Node(Message("system", f"{before}\n\n{text}" if before else text), created=created)
        self._nodes[node.id] = node
        return replace(above, system=node.id, after_prompt=True)

    def _add_node(self, message: ParsedMessage, above: _Position) -> str:
        answer = AnswerDetails(message.model, above.system, None, message.finish, message.usage)
        node = Node(
            Message(message.role, message.content, message.reasoning, attachments=message.attachments),
            above.node,
            answer if message.role == "assistant" else None,
            created=message.created or 0.0,
        )
        self._nodes[node.id] = node
        return node.id


def _extend_answer(node: Node, message: ParsedMessage) -> Node:
    """Return an answer with another part at its end."""
    before, details = node.message, node.answer or AnswerDetails()
    content = "\n\n".join(filter(None, (before.content, message.content)))
    reasoning = "\n\n".join(filter(None, (before.reasoning, message.reasoning)))
    answer = replace(
        details,
        model=message.model or details.model,
        finish_reason=message.finish,
        usage=message.usage or details.usage,
    )
    return replace(node, message=Message(before.role, content, reasoning), answer=answer)
