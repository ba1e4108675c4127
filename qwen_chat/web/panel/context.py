"""The context of the events of the panel: the person, the conversation in view, and the language."""

import re
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import gradio as gr

from qwen_chat import i18n
from qwen_chat.errors import QwenChatError
from qwen_chat.model.base import ChatModel
from qwen_chat.model.state import Failed, Loading, Ready
from qwen_chat.session.session import ChatSession
from qwen_chat.session.users import People, Person

_MARKDOWN_CHARACTERS = re.compile(r"([!-/:-@\[-`{-~])")
_MAX_SHOWN = 2000


class PanelContext:
    """Finds the person and the conversation of a request.

    The page writes the id of the conversation in view into the panel's address, as `?chat=ID`.
    """

    def __init__(self, people: People, language: i18n.Language) -> None:
        self._people = people
        self._language = language
        self.shown = ShownStates()

    def translate(self, text: str) -> str:
        """Return a text in the language of the panel."""
        return i18n.translate(text, self._language)

    def person(self, request: gr.Request) -> Person:
        """Return the person who sends a request."""
        return self._people[request.username or ""]

    def is_alone(self, request: gr.Request) -> bool:
        """Return whether the server has one person only, who may change what all conversations share."""
        return not request.username

    def session(self, request: gr.Request) -> ChatSession | None:
        """Return the conversation in view, or None when none is yet.

        Raises: UsageError when it is gone.
        """
        id = request.query_params.get("chat", "")
        return self.person(request).find(id) if id else None


class ShownStates:
    """Remembers for each open panel the state of every section that it shows."""

    def __init__(self) -> None:
        self._states: OrderedDict[tuple[str, str], object] = OrderedDict()
        self._lock = Lock()

    def replace(self, request: gr.Request, section: str, state: object) -> bool:
        """Remember a section's state, and return whether the panel showed another one."""
        key = (request.session_hash or "", section)
        with self._lock:
            changed = key not in self._states or self._states[key] != state
            self._states[key] = state
            self._states.move_to_end(key)
            while len(self._states) > _MAX_SHOWN:
                self._states.popitem(last=False)
        return changed


def is_ready(model: ChatModel) -> bool:
    """Return whether a model can be asked about itself without waiting for it."""
    return isinstance(model.state, Ready)


def is_loading(model: ChatModel) -> bool:
    """Return whether a model is still being loaded."""
    return isinstance(model.state, Loading)


def fault_of(model: ChatModel) -> str:
    """Return why a model could not be loaded, or ""."""
    return model.state.error.text if isinstance(model.state, Failed) else ""


def escape_markdown(text: str) -> str:
    """Return Markdown that shows a text as it is, on one line."""
    return _MARKDOWN_CHARACTERS.sub(r"\\\1", " ".join(text.split()))


class StatusLine:
    """The line below a section: the error of the block that it guards, or what is set as its text."""

    def __init__(self, translate: Callable[[str], str]) -> None:
        self.text = ""
        self._translate = translate

    def __enter__(self) -> "StatusLine":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if isinstance(error, QwenChatError):
            self.text = escape_markdown(self._translate(error.text))
        return isinstance(error, QwenChatError)
