"""The request bodies of the page's script, with their limits."""

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


class NewMessage(_Body):
    """A message to send."""

    text: str = Field(max_length=MAX_MESSAGE)
    files: list[FileText] = Field(default=[], max_length=MAX_FILES)


class MessageId(_Body):
    """The id of the message that a request is about."""

    message: str = Field(max_length=64)


class EditedMessage(MessageId):
    """The new text of a message."""

    text: str = Field(max_length=MAX_MESSAGE)


class TextBody(_Body):
    """A system prompt or a title."""

    text: str = Field(max_length=MAX_MESSAGE)


class PinState(_Body):
    """Whether a conversation stands at the top of the list."""

    pinned: bool


class ThinkChoice(_Body):
    """Whether the model is to reason first."""

    think: Think
