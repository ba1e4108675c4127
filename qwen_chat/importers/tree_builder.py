"""Another program's messages -> one of our conversations, with every branch and the one in view."""

from dataclasses import dataclass, replace

from qwen_chat.history import Answer, History, Node, title_from
from qwen_chat.importers.parsed import Piece, Plan
from qwen_chat.message import Message


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a message of theirs is in our tree: itself, or what was kept last before it."""

    node: str | None = None
    system: str | None = None
    """Id of the system prompt that counts below it."""
    fresh: bool = True
    """Whether nothing was said since that prompt."""
    alone: bool = True
    """Whether no branch begins between the kept node and what comes below."""


def plant(plan: Plan, moment: float) -> History:
    """Return a conversation; `moment` is the time, in seconds since the epoch, of what has none.

    Raises: ValueError when nothing is said in it, or its messages run in a circle.
    """
    return _Planter(plan, moment).history()


class _Planter:
    """Takes messages, parents before children, and keeps where each has gone."""

    def __init__(self, plan: Plan, moment: float) -> None:
        self._plan = plan
        self._nodes: dict[str, Node] = {}
        self._spots: dict[str, _Spot] = {}
        self._pieces = {piece.id: piece for piece in plan.pieces}
        self._children: dict[str | None, list[Piece]] = {}
        for piece in self._pieces.values():
            parent = piece.parent if piece.parent in self._pieces else None
            self._children.setdefault(parent, []).append(piece)
        first = min((piece.created for piece in plan.pieces if piece.created is not None), default=moment)
        self._root = _Spot()
        if plan.system.strip():
            self._root = self._prompt(plan.system, first, self._root)
        for piece in self._in_order(first):
            self._spots[piece.id] = self._take(piece)

    def history(self) -> History:
        """Return the conversation."""
        spoken = [node for node in self._nodes.values() if node.message.role != "system"]
        if not spoken:
            raise ValueError("nothing is said in it")
        at = self._spots.get(self._plan.head or "", self._root)
        if at.node is None:
            newest = max(spoken, key=lambda node: node.created)
            at = next(spot for spot in self._spots.values() if spot.node == newest.id)
        title = " ".join(self._plan.title.split()) or title_from(spoken[0].message.content)
        return History.restore(History().id, title, self._nodes.values(), at.node, at.system)

    def _in_order(self, moment: float) -> list[Piece]:
        """Return the messages, parents before children, siblings by age; those without a time get one."""
        order: list[Piece] = []
        waiting: list[tuple[str | None, float]] = [(None, moment)]
        while waiting:
            parent, time = waiting.pop()
            beside = self._children.get(parent, [])
            for piece in beside:
                piece.created = time if piece.created is None else piece.created
            beside.sort(key=lambda piece: piece.created or 0.0)
            order += beside
            waiting += [(piece.id, piece.created or 0.0) for piece in reversed(beside)]
        if len(order) < len(self._pieces):
            raise ValueError("its messages run in a circle: each has another before it")
        return order

    def _take(self, piece: Piece) -> _Spot:
        above = self._spots.get(piece.parent or "", self._root)
        alone = len(self._children.get(piece.id, [])) < 2
        if piece.role == "system":
            said = piece.content.strip()
            spot = self._prompt(piece.content, piece.created or 0.0, above) if said else above
            return replace(spot, alone=alone and above.alone)
        if not piece.content.strip() and not piece.reasoning.strip():
            return replace(above, alone=alone and above.alone)
        before = self._nodes[above.node] if above.node and above.alone else None
        if piece.joins and before is not None and piece.role == before.message.role == "assistant":
            self._nodes[before.id] = _joined(before, piece)
            return replace(above, alone=alone)
        return _Spot(self._add(piece, above), above.system, fresh=False, alone=alone)

    def _prompt(self, text: str, created: float, above: _Spot) -> _Spot:
        """Keep a system prompt; one that follows another at once is added to it."""
        before = self._nodes[above.system].message.content if above.system and above.fresh else ""
        node = Node(Message("system", f"{before}\n\n{text}" if before else text), created=created)
        self._nodes[node.id] = node
        return replace(above, system=node.id, fresh=True)

    def _add(self, piece: Piece, above: _Spot) -> str:
        answer = Answer(piece.model, above.system, None, piece.finish, piece.usage)
        node = Node(
            Message(piece.role, piece.content, piece.reasoning),
            above.node,
            answer if piece.role == "assistant" else None,
            created=piece.created or 0.0,
        )
        self._nodes[node.id] = node
        return node.id


def _joined(node: Node, piece: Piece) -> Node:
    """Return an answer with the part that goes on with it."""
    said, made = node.message, node.answer or Answer()
    content = "\n\n".join(filter(None, (said.content, piece.content)))
    reasoning = "\n\n".join(filter(None, (said.reasoning, piece.reasoning)))
    answer = replace(
        made, model=piece.model or made.model, finish_reason=piece.finish, usage=piece.usage or made.usage
    )
    return replace(node, message=Message(said.role, content, reasoning), answer=answer)
