"""Commands that write conversations to files and read them from files."""

from pathlib import Path

from qwen_chat.commands.chats import require_store
from qwen_chat.commands.conversation import summarize_conversation
from qwen_chat.commands.registry import command
from qwen_chat.commands.result import CommandResult
from qwen_chat.errors import UsageError
from qwen_chat.export import SUFFIXES, WRITERS, from_json
from qwen_chat.export.output_file import file_name, write_new
from qwen_chat.files.bounded_read import read_text
from qwen_chat.history import History
from qwen_chat.importers import format_import, read_chats
from qwen_chat.session.session import ChatSession


@command(
    "save",
    usage="[file]",
    completes="path",
)
def save(session: ChatSession, argument: str) -> CommandResult:
    """Write the whole conversation to a file that /load reads."""
    return _write(session.history, argument, "json")


@command(
    "export",
    usage="[md|json|html|qwen] [file]",
    completes="path",
    words=tuple(WRITERS),
)
def export(session: ChatSession, argument: str) -> CommandResult:
    """Write the current branch in the chosen format, or all branches as JSON."""
    head, _, rest = argument.partition(" ")
    if head in WRITERS:
        return _write(session.history, rest.strip(), head)
    suffix = Path(argument).suffix.lstrip(".").lower()
    if argument and suffix not in SUFFIXES:
        known = ", ".join(WRITERS)
        raise UsageError(f"cannot export {argument!r}: write /export FORMAT FILE, the format one of {known}")
    return _write(session.history, argument, SUFFIXES.get(suffix, "md"))


@command(
    "load",
    usage="file",
    completes="path",
)
def load(session: ChatSession, argument: str) -> CommandResult:
    """Open a conversation that /save wrote, and save it."""
    if not argument:
        raise UsageError("name the file: /load FILE.json")
    path = Path(argument).expanduser()
    text = read_text(path)
    try:
        history = from_json(text)
    except UsageError as error:
        raise UsageError(f"cannot load {path}: {error}") from None
    session.adopt(history)
    return CommandResult(summarize_conversation(session))


@command(
    "import",
    usage="file",
    completes="path",
)
def import_chats(session: ChatSession, argument: str) -> CommandResult:
    """Add the chats of a file to the saved chats; chats that are already saved are skipped."""
    if not argument:
        raise UsageError("name the file: /import conversations.json")
    store = require_store(session)
    found = read_chats(Path(argument).expanduser())
    added = store.add_all(found.chats)
    return CommandResult(
        "\n".join([*format_import(added, len(found.chats), "/resume"), *found.faults, *found.notes])
    )


def _write(history: History, name: str, kind: str) -> CommandResult:
    if not history.path():
        raise UsageError("nothing to save: nothing has been said yet")
    path = Path(name).expanduser() if name else Path(file_name(history, kind))
    write_new(path, WRITERS[kind](history))
    return CommandResult(f"saved to {path}")
