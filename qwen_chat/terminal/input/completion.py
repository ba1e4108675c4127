"""Tab completion of the prompt: commands, their arguments, and files after @."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from pathlib import Path

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from qwen_chat.commands import COMMANDS, Command
from qwen_chat.commands.registry import find_command
from qwen_chat.errors import QwenChatError, UsageError
from qwen_chat.model.state import Loading
from qwen_chat.roles import all_roles
from qwen_chat.sampling import MEANINGS
from qwen_chat.session.attachments import BEFORE_MENTION
from qwen_chat.session.session import ChatSession

_MENTION = re.compile(BEFORE_MENTION + r'(?P<word>@(?:"(?P<quoted>[^"\n]*)|(?P<bare>[^\s"@]*)))$')
_WORD = re.compile(r'(?:"(?P<quoted>[^"\n]*)|(?P<bare>[^\s"]*))$')
_CALL = re.compile(r"\s*[/:]([^\W\d][\w-]*|\?) +([^\n]*)")
_MAX_FILES = 500
_MAX_CHATS = 1000


class ChatCompleter(Completer):
    """Completes the word before the cursor, from what the session knows."""

    def __init__(self, session: ChatSession) -> None:
        self._session = session

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:  # noqa: ARG002
        """Yield the completions of the word before the cursor; after an error there are none."""
        text = document.text_before_cursor
        try:
            yield from self._complete_text(text)
        except (QwenChatError, OSError):
            return

    def _complete_text(self, text: str) -> Iterator[Completion]:
        if mention := _MENTION.search(text):
            prefix = mention["quoted"] or mention["bare"] or ""
            yield from _complete_path(prefix, mention["word"], lambda path: f"@{_quote(path)}")
        elif text[:1] in ("/", ":") and not any(mark.isspace() for mark in text):
            yield from _complete_command(text[0], text[1:].lower())
        elif call := _CALL.fullmatch(text):
            yield from self._complete_argument(_find_command(call[1]), call[2])

    def _complete_argument(self, command: Command | None, typed: str) -> Iterator[Completion]:
        if command is None:
            return
        head, space, rest = typed.partition(" ")
        yield from _complete_word(command.words, typed)
        after = rest if space and head in command.words else typed
        if after is not typed and command.completes is not None:
            yield from _complete_path(after, after, str)
            return
        match command.completes:
            case "command":
                yield from _complete_command("", typed.lower())
            case "role":
                yield from _complete_role(typed)
            case "setting":
                yield from self._complete_setting(typed.rpartition(" ")[2])
            case "chat":
                yield from self._complete_chat(typed)
            case "path":
                yield from _complete_path(typed, typed, str)
            case "paths" if " -- " not in typed and (word := _WORD.search(typed)):
                yield from _complete_path(word["quoted"] or word["bare"] or "", word[0], _quote)

    def _complete_setting(self, word: str) -> Iterator[Completion]:
        name, equals, prefix = word.partition("=")
        if not equals:
            for known, meaning in MEANINGS.items():
                if known.startswith(name):
                    yield Completion(f"{known}=", -len(word), display=known, display_meta=meaning)
            return
        if name in MEANINGS:
            yield from _complete_word(("default", *self._current_value(name)), prefix)

    def _current_value(self, name: str) -> list[str]:
        """Return the current value, if any, without waiting for a model that still loads."""
        session = self._session
        loads = isinstance(session.model.state, Loading)
        params = session.params if loads else session.effective_params
        value = params.chosen().get(name)
        return [] if value is None or isinstance(value, tuple) else [str(value)]

    def _complete_chat(self, typed: str) -> Iterator[Completion]:
        store = self._session.store
        for chat in store.recent(_MAX_CHATS) if store is not None else ():
            if chat.id.startswith(typed) or typed.lower() in chat.title.lower():
                yield Completion(chat.id, -len(typed), display=f"{chat.id}  {chat.title}")


def _find_command(name: str) -> Command | None:
    try:
        return find_command(name)
    except UsageError:
        return None


def _complete_command(mark: str, prefix: str) -> Iterator[Completion]:
    def begins(name: str) -> bool:
        return name.startswith(prefix)

    meant = ((next(filter(begins, command.names), ""), command) for command in COMMANDS)
    for name, command in sorted(((name, command) for name, command in meant if name), key=itemgetter(0)):
        text = f"{mark}{name}{' ' if mark and command.usage else ''}"
        shown = f"{mark}{name}"
        yield Completion(text, -len(mark + prefix), display=shown, display_meta=command.summary)


def _complete_word(words: Iterable[str], prefix: str) -> Iterator[Completion]:
    for word in words:
        if word.startswith(prefix):
            yield Completion(word, -len(prefix))


def _complete_role(prefix: str) -> Iterator[Completion]:
    for preset in all_roles()[0]:
        if preset.name.startswith(prefix):
            yield Completion(preset.name, -len(prefix), display_meta=preset.title)


def _complete_path(prefix: str, replaced: str, format_path: Callable[[str], str]) -> Iterator[Completion]:
    """Complete a path; `format_path` returns the text that takes the place of `replaced`."""
    folder, slash, name_prefix = prefix.rpartition("/")
    with os.scandir(Path(folder + slash).expanduser()) as entries:
        named = (entry for entry in entries if _is_offered(entry.name, name_prefix))
        found = sorted((entry.name, "/" * entry.is_dir()) for entry in islice(named, _MAX_FILES))
    for name, mark in found:
        text = format_path(f"{folder}{slash}{name}{mark}")
        yield Completion(text, -len(replaced), display=name + mark)


def _is_offered(name: str, prefix: str) -> bool:
    # Hidden files are offered after a typed dot; names that cannot be shown cannot be typed.
    return name.startswith(prefix) and (name[0] != "." or prefix[:1] == ".") and name.isprintable()


def _quote(path: str) -> str:
    """Return a path as one word; after a folder the quotation mark stays open for the rest of the path."""
    if not re.search(r"[\s@'\\]", path):
        return path
    return f'"{path}' if path.endswith("/") else f'"{path}"'
