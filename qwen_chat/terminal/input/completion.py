"""What Tab completes: commands, what their arguments name, and files after @."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from qwen_chat.commands import COMMANDS, Command
from qwen_chat.commands.table import find
from qwen_chat.errors import QwenChatError, UsageError
from qwen_chat.model.state import Loading
from qwen_chat.roles import all_roles
from qwen_chat.sampling import MEANINGS
from qwen_chat.session.attachments import BEFORE_MENTION
from qwen_chat.session.session import ChatSession

_MENTION = re.compile(BEFORE_MENTION + r'(?P<word>@(?:"(?P<quoted>[^"\n]*)|(?P<bare>[^\s"@]*)))$')
_WORD = re.compile(r'(?:"(?P<quoted>[^"\n]*)|(?P<bare>[^\s"]*))$')
_CALL = re.compile(r"\s*[/:]([^\W\d][\w-]*|\?) +([^\n]*)")
_MOST_FILES = 500
_MOST_CHATS = 1000


class ChatCompleter(Completer):
    """Completes the word before the cursor by what the session knows."""

    def __init__(self, session: ChatSession) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """Return what the word before the cursor may become; a fault completes nothing."""
        text = document.text_before_cursor
        try:
            yield from self._completions(text)
        except (QwenChatError, OSError):
            return

    def _completions(self, text: str) -> Iterator[Completion]:
        if mention := _MENTION.search(text):
            begun = mention["quoted"] or mention["bare"] or ""
            yield from _paths(begun, mention["word"], lambda path: f"@{_quoted(path)}")
        elif text[:1] in ("/", ":") and not any(mark.isspace() for mark in text):
            yield from _commands(text[0], text[1:].lower())
        elif call := _CALL.fullmatch(text):
            yield from self._argument(_command(call[1]), call[2])

    def _argument(self, command: Command | None, typed: str) -> Iterator[Completion]:
        if command is None:
            return
        head, space, rest = typed.partition(" ")
        yield from _choices(command.words, typed)
        after = rest if space and head in command.words else typed
        if after is not typed and command.completes is not None:
            yield from _paths(after, after, str)
            return
        match command.completes:
            case "command":
                yield from _commands("", typed.lower())
            case "role":
                yield from _roles(typed)
            case "setting":
                yield from self._settings(typed.rpartition(" ")[2])
            case "chat":
                yield from self._chats(typed)
            case "path":
                yield from _paths(typed, typed, str)
            case "paths" if " -- " not in typed and (word := _WORD.search(typed)):
                yield from _paths(word["quoted"] or word["bare"] or "", word[0], _quoted)

    def _settings(self, word: str) -> Iterator[Completion]:
        name, equals, begun = word.partition("=")
        if not equals:
            for known, meaning in MEANINGS.items():
                if known.startswith(name):
                    yield Completion(f"{known}=", -len(word), display=known, display_meta=meaning)
            return
        if name in MEANINGS:
            yield from _choices(("default", *self._value(name)), begun)

    def _value(self, name: str) -> list[str]:
        """Return the value in force, where one is; a model that still loads is not waited for."""
        session = self._session
        loads = isinstance(session.model.state, Loading)
        params = session.params if loads else session.effective_params
        value = params.chosen().get(name)
        return [] if value is None or isinstance(value, tuple) else [str(value)]

    def _chats(self, typed: str) -> Iterator[Completion]:
        store = self._session.store
        for chat in store.recent(_MOST_CHATS) if store is not None else ():
            if chat.id.startswith(typed) or typed.lower() in chat.title.lower():
                yield Completion(chat.id, -len(typed), display=f"{chat.id}  {chat.title}")


def _command(name: str) -> Command | None:
    try:
        return find(name)
    except UsageError:
        return None


def _commands(mark: str, begun: str) -> Iterator[Completion]:
    def begins(name: str) -> bool:
        return name.startswith(begun)

    meant = ((next(filter(begins, command.names), ""), command) for command in COMMANDS)
    for name, command in sorted(((name, command) for name, command in meant if name), key=itemgetter(0)):
        text = f"{mark}{name}{' ' if mark and command.usage else ''}"
        shown = f"{mark}{name}"
        yield Completion(text, -len(mark + begun), display=shown, display_meta=command.english)


def _choices(words: Iterable[str], begun: str) -> Iterator[Completion]:
    for word in words:
        if word.startswith(begun):
            yield Completion(word, -len(begun))


def _roles(begun: str) -> Iterator[Completion]:
    for role in all_roles()[0]:
        if role.name.startswith(begun):
            yield Completion(role.name, -len(begun), display_meta=role.title)


def _paths(begun: str, replaced: str, written: Callable[[str], str]) -> Iterator[Completion]:
    """Complete a path; `written` says how the whole path stands in the line, in place of `replaced`."""
    folder, slash, prefix = begun.rpartition("/")
    with os.scandir(Path(folder + slash).expanduser()) as entries:
        named = (entry for entry in entries if _fits(entry.name, prefix))
        found = sorted((entry.name, "/" * entry.is_dir()) for entry in islice(named, _MOST_FILES))
    for name, mark in found:
        text = written(f"{folder}{slash}{name}{mark}")
        yield Completion(text, -len(replaced), display=name + mark)


def _fits(name: str, prefix: str) -> bool:
    # A hidden file is meant only by one who writes its dot; what cannot be shown cannot be typed.
    return name.startswith(prefix) and (name[0] != "." or prefix[:1] == ".") and name.isprintable()


def _quoted(path: str) -> str:
    """Return a path as a word; the quotation mark of a folder stays open for what is in it."""
    if not re.search(r"[\s@'\\]", path):
        return path
    return f'"{path}' if path.endswith("/") else f'"{path}"'
