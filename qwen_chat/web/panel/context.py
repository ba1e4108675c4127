"""What the settings on a page are about: who asks, and which conversation is in view there."""

import re

import gradio as gr

from qwen_chat.errors import QwenChatError
from qwen_chat.model.base import ChatModel
from qwen_chat.model.state import Failed, Loading, Ready
from qwen_chat.session.session import ChatSession
from qwen_chat.session.users import People, Person

_MARKS = re.compile(r"([!-/:-@\[-`{-~])")


class Asked:
    """Finds person and conversation; `chat` is an id, or an id, a space and whatever the page counts."""

    def __init__(self, people: People) -> None:
        self._people = people

    def person(self, request: gr.Request) -> Person:
        """Return who asks."""
        return self._people[request.username or ""]

    def alone(self, request: gr.Request) -> bool:
        """Return whether this page is one person's, who may change what all conversations share."""
        return not request.username

    def session(self, chat: str, request: gr.Request) -> ChatSession | None:
        """Return the conversation in view, or None when none is yet.

        Raises: UsageError when it is gone.
        """
        id = chat.partition(" ")[0]
        return self.person(request).find(id) if id else None


def is_ready(model: ChatModel) -> bool:
    """Return whether a model can be asked about itself without waiting for it."""
    return isinstance(model.state, Ready)


def is_loading(model: ChatModel) -> bool:
    """Return whether a model is still being loaded."""
    return isinstance(model.state, Loading)


def fault_of(model: ChatModel) -> str:
    """Return why a model could not be loaded, or ""."""
    return str(model.state.error) if isinstance(model.state, Failed) else ""


def plain(text: str) -> str:
    """Return Markdown that shows a text as it is, on one line."""
    return _MARKS.sub(r"\\\1", " ".join(text.split()))


class Line:
    """The line below a section: what a person did wrong inside the block, or what is set there."""

    def __init__(self) -> None:
        self.text = ""

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        if isinstance(error, QwenChatError):
            self.text = plain(str(error))
        return isinstance(error, QwenChatError)
