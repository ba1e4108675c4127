"""Commands that move between the branches of a conversation."""

from qwen_chat.commands.conversation import brief, standing
from qwen_chat.commands.table import Outcome, command, whole_number
from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import full_text
from qwen_chat.history import History, Node
from qwen_chat.session.session import ChatSession

_RUN = 6
"""Messages that follow each other without a fork, beyond which the middle of them is not drawn."""


@command("fork", usage="n", en="Go on from message n, in a new branch", zh="从第 n 条消息另起分支")
def fork(session: ChatSession, argument: str) -> Outcome:
    """Bring the branch up to a message into view; what is said next begins a new one."""
    if not argument:
        raise UsageError("say from which message: /fork 2; /history shows their numbers")
    node = session.history.message_at(whole_number(argument))
    session.switch(node.id)
    return Outcome(f"message {argument} is the last in view: what you say next begins a new branch")


@command("branches", "tree", en="Draw the conversation as a tree", zh="以树形显示所有分支")
def branches(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001 - every handler takes both
    """Draw all branches; those in view are marked, and the ends of all are numbered for /switch."""
    return Outcome("\n".join(_drawn(session.history)) or "nothing has been said yet")


@command("switch", usage="n", en="Show branch n of /branches", zh="切换到第 n 个分支")
def switch(session: ChatSession, argument: str) -> Outcome:
    """Bring another branch into view."""
    ends = _ends(session.history)
    if not argument:
        raise UsageError("say which branch: /switch 1; /branches shows their numbers")
    if not argument.isdecimal() or not 1 <= whole_number(argument) <= len(ends):
        raise UsageError(f"no branch {argument}: /branches shows {len(ends)}")
    session.switch(ends[whole_number(argument) - 1])
    return Outcome(standing(session))


def branch_of(history: History, message: str) -> int:
    """Return the number of the newest branch that a message is in, as /switch counts."""
    at = message
    while children := history.children(at):
        at = children[-1].id
    return _ends(history).index(at) + 1


def _drawn(history: History) -> list[str]:
    """Draw a line for each message; long runs without a fork are shortened."""
    view = {node.id for node in history.path()}
    lines: list[str] = []
    run: list[str] = []
    numbers = {id: number for number, id in enumerate(_ends(history), 1)}
    for depth, node in _rows(history):
        name = {"user": "You", "assistant": "Assistant"}.get(node.message.role, node.message.role)
        mark = "●" if node.id in view else "○"
        number = numbers.get(node.id)
        label = f"  [{number}]" if number else ""
        label += " in view" if node.id == history.head else ""
        beside = len(history.siblings(node.id)) > 1
        if beside:
            lines, run = [*lines, *_shortened(run)], []
        run.append(f"{'│  ' * depth}{mark} {name}: {brief(full_text(node.message))}{label}")
        if number or len(history.children(node.id)) > 1:
            lines, run = [*lines, *_shortened(run)], []
    return lines


def _shortened(run: list[str]) -> list[str]:
    if len(run) <= _RUN:
        return run
    gone = len(run) - 3
    margin = run[0][: len(run[0]) - len(run[0].lstrip("│ "))]
    return [*run[:2], f"{margin}⋮ {gone} messages", run[-1]]


def _rows(history: History) -> list[tuple[int, Node]]:
    """Return every message with the depth it is drawn at: side branches first, then the one in view.

    The trunk, which is in view or else the newest, keeps its depth, so that a long chat does not run away.
    """
    view = {node.id for node in history.path()}
    rows: list[tuple[int, Node]] = []
    waiting: list[tuple[int, str | None]] = [(0, None)]
    while waiting:
        depth, at = waiting.pop()
        if at is not None:
            rows.append((depth, history[at]))
        children = history.children(at)
        trunk = next((node for node in children if node.id in view), children[-1] if children else None)
        if trunk is not None:
            waiting.append((depth, trunk.id))
            waiting += [(depth + 1, node.id) for node in reversed(children) if node is not trunk]
    return rows


def _ends(history: History) -> list[str]:
    """Return the last messages of all branches; their order, and so their numbers, outlive every switch."""
    return [
        node.id for node in history.nodes() if node.message.role != "system" and not history.children(node.id)
    ]
