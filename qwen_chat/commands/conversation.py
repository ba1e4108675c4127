"""Commands that move in the conversation."""

from qwen_chat.commands.attach import check_files
from qwen_chat.commands.table import Outcome, command, whole_number
from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import full_text, join_files, split_files
from qwen_chat.history import Node
from qwen_chat.message import Attachment, Message
from qwen_chat.session.attachments import attach_mentions, describe_sizes
from qwen_chat.session.session import ChatSession

_BRIEF = 60
_NAMES = {"system": "System", "user": "You", "assistant": "Assistant", "tool": "Tool"}


@command("new", en="Begin a new conversation", zh="开始新对话")
def new(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001 - every handler takes both
    """Begin a new conversation under the same system prompt."""
    hidden = session.incognito
    session.new()
    return Outcome("new conversation, saved again" if hidden else "new conversation")


@command("clear-his", "clear-history", "clh", en="Forget the chat so far", zh="清除对话历史")
def clear_history(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001
    """Take all turns out of view."""
    gone = len(session.history.path())
    session.clear()
    return Outcome(f"history cleared: the model no longer sees {gone} messages (they stay saved)")


@command("history", "his", en="Show the conversation", zh="显示对话历史")
def history(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001
    """Show the branch in view, numbered as /edit counts."""
    lines = [_shown(number, node) for number, node in enumerate(session.history.path(), 1)]
    return Outcome("\n".join(lines) or "nothing has been said yet")


@command("retry", "regen", en="Answer the last question once more", zh="重新回答上一个问题")
def retry(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001
    """Answer the last question once more; the other answers are kept."""
    return Outcome(turn=session.regenerate())


@command("continue", "cont", en="Go on with an answer that was cut off", zh="继续被中断的回答")
def go_on(session: ChatSession, argument: str) -> Outcome:  # noqa: ARG001
    """Go on within the last answer, from the very tokens it has."""
    return Outcome(turn=session.continue_answer())


@command("undo", usage="[n]", en="Take back the last n turns", zh="撤销最近 n 轮对话")
def undo(session: ChatSession, argument: str) -> Outcome:
    """Take the last turns out of view."""
    gone = session.undo(whole_number(argument) if argument else 1)
    first = next(full_text(node.message) for node in gone if node.message.role == "user")
    return Outcome(f"taken back: {brief(first)}")


@command(
    "edit", usage="[n] [text]", en="Say message n (or your last) differently", zh="修改第 n 条消息并重新回答"
)
def edit(session: ChatSession, argument: str) -> Outcome:
    """Say a message differently, in a branch of its own; without a text it is composed anew."""
    head, _, rest = argument.partition(" ")
    named = head.isdecimal()
    number, text = (whole_number(head), rest.strip()) if named else (_last_question(session), argument)
    node = session.history.message_at(number)
    if not text:
        return Outcome(full_text(node.message), action="compose", number=number)
    message, mentioned = _edited_message(node.message, text)
    check_files(session, message)
    sizes = "\n".join(describe_sizes(mentioned, session.model))
    turn = session.edit(node.id, message.content, message.attachments)
    return Outcome(
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


def standing(session: ChatSession) -> str:
    """Return where the conversation stands, to be shown when one comes to it: its last messages."""
    path = session.history.path()
    if not session.history.title:
        return "\n".join(node.message.content for node in path)
    lines = [f"{session.history.title} ({len(path)} messages)"]
    lines += [_shown(number, node) for number, node in list(enumerate(path, 1))[-2:]]
    if path and path[-1].message.role == "user":
        lines.append("the last question has no answer yet: /retry gives one")
    return "\n".join(lines)


def _last_question(session: ChatSession) -> int:
    numbers = [i for i, node in enumerate(session.history.path(), 1) if node.message.role == "user"]
    if not numbers:
        raise UsageError("nothing to edit: ask something first")
    return numbers[-1]


def _shown(number: int, node: Node) -> str:
    finish = node.answer.finish_reason if node.answer else None
    mark = f" ({finish})" if finish not in (None, "stop") else ""
    said = full_text(node.message) or ("(reasoning alone)" if node.message.reasoning else "")
    return f"[{number}] {_NAMES[node.message.role]}{mark}: {said}"


def brief(text: str) -> str:
    """Return the beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= _BRIEF else line[: _BRIEF - 1] + "…"
