"""Commands that write conversations to files, and read them back."""

from pathlib import Path

from qwen_chat.commands.chats import store_of
from qwen_chat.commands.conversation import standing
from qwen_chat.commands.table import Outcome, command
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
    en="Save all branches as JSON, for /load",
    zh="将全部对话保存为 JSON",
    completes="path",
)
def save(session: ChatSession, argument: str) -> Outcome:
    """Write the whole conversation to a file that /load reads."""
    return _write(session.history, argument, "json")


@command(
    "export",
    usage="[md|json|html|qwen] [file]",
    en="Write the chat to a file; qwen is for fine-tuning",
    zh="导出对话到文件；qwen 为微调格式",
    completes="path",
    words=tuple(WRITERS),
)
def export(session: ChatSession, argument: str) -> Outcome:
    """Write the branch in view to read, to show or to learn from, or the whole conversation as JSON."""
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
    en="Go on with a conversation from /save",
    zh="载入已保存的对话文件",
    completes="path",
)
def load(session: ChatSession, argument: str) -> Outcome:
    """Go on with a conversation that /save wrote."""
    if not argument:
        raise UsageError("name the file: /load FILE.json")
    path = Path(argument).expanduser()
    text = read_text(path)
    try:
        history = from_json(text)
    except UsageError as error:
        raise UsageError(f"cannot load {path}: {error}") from None
    session.adopt(history)
    return Outcome(standing(session))


@command(
    "import",
    usage="file",
    en="Add chats of ChatGPT, Open WebUI, ShareGPT",
    zh="导入 ChatGPT、Open WebUI、ShareGPT 的对话",
    completes="path",
)
def import_chats(session: ChatSession, argument: str) -> Outcome:
    """Add the chats of a file to the saved ones; those that are there already are left alone."""
    if not argument:
        raise UsageError("name the file: /import conversations.json")
    store = store_of(session)
    found = read_chats(Path(argument).expanduser())
    added = store.add_all(found.chats)
    return Outcome("\n".join([*format_import(added, len(found.chats), "/resume"), *found.faults]))


def _write(history: History, name: str, kind: str) -> Outcome:
    if not history.path():
        raise UsageError("nothing to save: nothing has been said yet")
    path = Path(name).expanduser() if name else Path(file_name(history, kind))
    write_new(path, WRITERS[kind](history))
    return Outcome(f"saved to {path}")
