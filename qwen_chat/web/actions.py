"""Changes of a conversation by the ids of its messages, as the page asks for them."""

from qwen_chat import i18n
from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import split_files
from qwen_chat.history import History
from qwen_chat.session.session import ChatSession


def retry(session: ChatSession, message: str) -> None:
    """Answer the question before a message once more, in a new branch."""
    history = session.history
    position = _position(history, message)
    question = next((node for node in history.path()[:position][::-1] if node.message.role == "user"), None)
    if question is None:
        raise UsageError(i18n.Text("answer.nothing_to_retry"))
    session.regenerate(question.id)


def edit(session: ChatSession, message: str, text: str) -> None:
    """Replace the text of a message; a question is answered anew."""
    _position(session.history, message)
    is_question = session.history[message].message.role == "user"
    files, typed = split_files(text) if is_question else ((), text)
    session.edit(message, typed, files)


def take_out(session: ChatSession, message: str) -> None:
    """Remove a message and what follows it from the branch in view; the tree keeps them."""
    node = session.history.path()[_position(session.history, message) - 1]
    session.switch(node.parent)


def show(session: ChatSession, message: str) -> None:
    """Switch to the newest branch that contains a message."""
    history = session.history
    if message not in history:
        raise UsageError(i18n.Text("message.gone"))
    while children := history.children(message):
        message = children[-1].id
    session.switch(message)


def _position(history: History, message: str) -> int:
    """Return the number of a message in the branch in view, counted from 1; raise UsageError without one."""
    for number, node in enumerate(history.path(), 1):
        if node.id == message:
            return number
    raise UsageError(i18n.Text("message.in_another_branch"))
