"""Commands that show the conversation and move within its branch."""

from qwen_chat.commands.attach import check_files
from qwen_chat.commands.registry import command, parse_number
from qwen_chat.commands.result import CommandResult
from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import full_text, join_files, split_files
from qwen_chat.history import Node
from qwen_chat.message import Attachment, Message
from qwen_chat.session.attachments import attach_mentions, describe_sizes
from qwen_chat.session.session import ChatSession

_MAX_EXCERPT = 60
_NAMES = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}


@command("new")
def new(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001 - every handler takes both
    """Begin a new conversation under the same system prompt."""
    was_incognito = session.incognito
    session.new()
    return CommandResult("new conversation, saved again" if was_incognito else "new conversation")


@command("clear-his", "clear-history", "clh")
def clear_history(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Hide all turns from the model; they stay saved."""
    gone = len(session.history.path())
    session.clear()
    return CommandResult(f"history cleared: the model no longer sees {gone} messages (they stay saved)")


@command("history", "his")
def history(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Show the current branch, numbered as in /edit."""
    lines = [_format_message(number, node) for number, node in enumerate(session.history.path(), 1)]
    return CommandResult("\n".join(lines) or "nothing has been said yet")


@command("retry", "regen")
def retry(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Answer the last question again; the earlier answers are kept."""
    return CommandResult(turn=session.regenerate())


@command("continue", "cont")
def continue_answer(session: ChatSession, argument: str) -> CommandResult:  # noqa: ARG001
    """Continue the last answer from exactly the tokens that it has."""
    return CommandResult(turn=session.continue_answer())


@command("undo", usage="[n]")
def undo(session: ChatSession, argument: str) -> CommandResult:
    """Undo the last turns; they stay in the tree."""
    gone = session.undo(parse_number(argument) if argument else 1)
    first = next(full_text(node.message) for node in gone if node.message.role == "user")
    return CommandResult(f"taken back: {shorten(first)}")


@command("edit", usage="[n] [text]")
def edit(session: ChatSession, argument: str) -> CommandResult:
    """Change a message in a new branch; without a text, put the old text into the prompt."""
    head, _, rest = argument.partition(" ")
    named = head.isdecimal()
    number, text = (parse_number(head), rest.strip()) if named else (_last_question_number(session), argument)
    node = session.history.message_at(number)
    if not text:
        return CommandResult(full_text(node.message), action="compose", number=number)
    message, mentioned = _edited_message(node.message, text)
    check_files(session, message)
    sizes = "\n".join(describe_sizes(mentioned, session.model))
    turn = session.edit(node.id, message.content, message.attachments)
    return CommandResult(
        sizes if turn else f"message {number} now says this; the old one stays in its branch", turn
    )


def _edited_message(old: Message, text: str) -> tuple[Message, list[Attachment]]:
    """Return the new version of a message, and the files that its text mentions.

    The text that people edit holds the files of a question as fenced blocks.
    """
    kept, typed = split_files(text) if old.role == "user" else ((), text)
    typed, mentioned = attach_mentions(typed)
    if old.role != "user":
        return Message(old.role, join_files(typed, mentioned)), mentioned
    return Message(old.role, typed, attachments=(*mentioned, *kept)), mentioned


def summarize_conversation(session: ChatSession) -> str:
    """Return the title and the last messages of the conversation, to show when a person opens it."""
    path = session.history.path()
    if not session.history.title:
        return "\n".join(node.message.content for node in path)
    lines = [f"{session.history.title} ({len(path)} messages)"]
    lines += [_format_message(number, node) for number, node in list(enumerate(path, 1))[-2:]]
    if path and path[-1].message.role == "user":
        lines.append("the last question has no answer yet: /retry gives one")
    return "\n".join(lines)


def _last_question_number(session: ChatSession) -> int:
    numbers = [i for i, node in enumerate(session.history.path(), 1) if node.message.role == "user"]
    if not numbers:
        raise UsageError("nothing to edit: ask something first")
    return numbers[-1]


def _format_message(number: int, node: Node) -> str:
    finish = node.answer.finish_reason if node.answer else None
    mark = f" ({finish})" if finish not in (None, "stop") else ""
    text_of_message = full_text(node.message) or ("(reasoning alone)" if node.message.reasoning else "")
    return f"[{number}] {_NAMES[node.message.role]}{mark}: {text_of_message}"


def shorten(text: str) -> str:
    """Return the beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_EXCERPT else line[: _MAX_EXCERPT - 1] + "…"
