"""What the page's script may send, and how much of it."""

from pydantic import BaseModel, ConfigDict, Field

from qwen_chat.message import Think

MAX_MESSAGE = 400_000
"""Characters of a message."""

MAX_FILES = 20


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewChat(_Body):
    """A conversation to begin."""

    role: str = Field(default="", max_length=200)
    incognito: bool = False


class FileText(_Body):
    """A file whose text goes into a message."""

    name: str = Field(max_length=300)
    text: str = Field(max_length=MAX_MESSAGE)


class Said(_Body):
    """A message to send."""

    text: str = Field(max_length=MAX_MESSAGE)
    files: list[FileText] = Field(default=[], max_length=MAX_FILES)


class OnMessage(_Body):
    """A message that something is done to."""

    message: str = Field(max_length=64)


class NewText(OnMessage):
    """What a message is to say instead."""

    text: str = Field(max_length=MAX_MESSAGE)


class Text(_Body):
    """A system prompt, or a title."""

    text: str = Field(max_length=MAX_MESSAGE)


class Pinned(_Body):
    """Whether a conversation stands at the top of the list."""

    pinned: bool


class Thinking(_Body):
    """Whether the model is to reason first."""

    think: Think
