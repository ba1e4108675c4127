"""A model that says what it is told, for failures that a real one cannot be made to have."""

from collections.abc import Iterator
from threading import Event

from qwen_chat.errors import ContextLengthError
from qwen_chat.message import Delta, Message
from qwen_chat.model.base import PLAIN, Cancel, Capabilities, Chat, Deltas, LoadedModel, PromptOptions
from qwen_chat.sampling import SamplingParams


class ScriptedModel(LoadedModel):
    """Yields the words of `script`, raises the exceptions in it, and waits for the events in it."""

    name = "scripted"
    default_params = SamplingParams(temperature=0.5)
    default_system = ""
    notice = ""
    capabilities = Capabilities()

    def __init__(self, *script: str | Exception | Event, context_length: int | None = 1000) -> None:
        self.script = script
        self.context_length = context_length
        self.prompts: list[list[Message]] = []

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the script; a prompt of more characters than the context is refused."""
        size = sum(len(message.content) for message in messages)
        if self.context_length is not None and size >= self.context_length:
            raise ContextLengthError(size, self.context_length)
        self.prompts.append(list(messages))
        for word in self.script:
            if isinstance(word, Exception):
                raise word
            if isinstance(word, str):
                yield Delta(word)
                continue
            while not word.wait(0.01):
                if cancel is not None and cancel.is_set():
                    return
        yield Delta(finish_reason="stop")

    def close(self) -> None:
        """Do nothing."""


class AnsweringModel(ScriptedModel):
    """Answers what it is told, whatever its length, with a pause before each piece; how, its kinds say."""

    pause = 0.0

    def answer(self, told: str) -> Iterator[Delta]:
        """Yield the pieces of an answer, but for its end."""
        raise NotImplementedError

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the answer to the last message."""
        self.prompts.append(list(messages))
        for delta in self.answer(messages[-1].content):
            if cancel is not None and cancel.wait(self.pause):
                return
            yield delta
        yield Delta(finish_reason="stop")
