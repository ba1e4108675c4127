"""Commands that draw the branches of a conversation and switch between them."""

from qwen_chat.commands.conversation import shorten, summarize_conversation
from qwen_chat.commands.registry import command, parse_number
from qwen_chat.commands.result import CommandResult
from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import full_text
from qwen_chat.history import History, Node
from qwen_chat.session.session import ChatSession

_MAX_RUN = 6
"""Of longer runs of messages without a fork, the middle is not drawn."""


@command("fork", usage="n")
def fork(session: ChatSession, argument: str) -> CommandResult:
    """Show the branch up to a message; the next message begins a new branch."""
    if not argument:
        raise UsageError("say from which message: /fork 2; /history shows their numbers")
    node = session.history.message_at(parse_number(argument))
    session.switch(node.id)
    return CommandResult(f"message {argument} is now the last in view: your next message begins a new branch")


@command("branches", "tree")
def branches(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001 - every handler takes both
    """Draw all branches: the current one is marked, and the end of each is numbered for /switch."""
    return CommandResult("\n".join(_draw_tree(session.history)) or "nothing has been said yet")


@command("switch", usage="n")
def switch(session: ChatSession, argument: str) -> CommandResult:
    """Show another branch."""
    ends = _branch_ends(session.history)
    if not argument:
        raise UsageError("say which branch: /switch 1; /branches shows their numbers")
    if not argument.isdecimal() or not 1 <= parse_number(argument) <= len(ends):
        raise UsageError(f"no branch {argument}: /branches shows {len(ends)}")
    session.switch(ends[parse_number(argument) - 1])
    return CommandResult(summarize_conversation(session))


def branch_number(history: History, message: str) -> int:
    """Return the number, as in /switch, of the newest branch with a message."""
    at = message
    while children := history.children(at):
        at = children[-1].id
    return _branch_ends(history).index(at) + 1


def _draw_tree(history: History) -> list[str]:
    """Return a line for each message; long runs without a fork are shortened."""
    view = {node.id for node in history.path()}
    lines: list[str] = []
    run: list[str] = []
    numbers = {id: number for number, id in enumerate(_branch_ends(history), 1)}
    for depth, node in _list_rows(history):
        name = {"user": "You", "assistant": "Assistant"}.get(node.message.role, node.message.role)
        mark = "●" if node.id in view else "○"
        number = numbers.get(node.id)
        label = f"  [{number}]" if number else ""
        label += " in view" if node.id == history.head else ""
        beside = len(history.siblings(node.id)) > 1
        if beside:
            lines, run = [*lines, *_shorten_run(run)], []
        run.append(f"{'│  ' * depth}{mark} {name}: {shorten(full_text(node.message))}{label}")
        if number or len(history.children(node.id)) > 1:
            lines, run = [*lines, *_shorten_run(run)], []
    return lines


def _shorten_run(run: list[str]) -> list[str]:
    if len(run) <= _MAX_RUN:
        return run
    gone = len(run) - 3
    margin = run[0][: len(run[0]) - len(run[0].lstrip("│ "))]
    return [*run[:2], f"{margin}⋮ {gone} messages", run[-1]]


def _list_rows(history: History) -> list[tuple[int, Node]]:
    """Return every message with its depth in the drawing: side branches first, then the current branch.

    The trunk, which is the current or else the newest branch, keeps its depth: a long chat is not indented.
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


def _branch_ends(history: History) -> list[str]:
    """Return the ids of the last messages of all branches, in an order that no switch changes."""
    return [
        node.id for node in history.nodes() if node.message.role != "system" and not history.children(node.id)
    ]
