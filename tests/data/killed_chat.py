"""A chat that tells on stdout what it sends and what its model says, a JSON line each, until it is killed.

Arguments: DATABASE QUESTION CONVERSATION ('' for a new one) [MODEL.gguf, else tokens come from a script].
"""

import json
import os
import sys
import time
from pathlib import Path

from qwen_chat.message import Delta
from qwen_chat.model.base import (
    PLAIN,
    Cancel,
    Capabilities,
    Chat,
    ChatModel,
    Deltas,
    LoadedModel,
    PromptOptions,
)
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.session import ChatSession
from qwen_chat.storage.store import Store


class Script(LoadedModel):
    """Tokens every 5 ms, as no small model makes them on a slow machine; the first ones are thoughts."""

    name = "script"
    context_length = 1_000_000
    default_params = SamplingParams()
    default_system = ""
    notice = ""
    capabilities = Capabilities()

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        for number in range(100_000):
            text = f"{number} 月\t\r\n" if number % 7 else f"«{len(messages)}» "
            yield Delta(reasoning=text) if number < 40 else Delta(text)
            time.sleep(0.005)

    def close(self) -> None:
        """There is nothing to close."""


class Told(LoadedModel):
    """A model whose every piece is told before the session has it."""

    def __init__(self, model: ChatModel) -> None:
        self.name, self.context_length = model.name, model.context_length
        self.default_params, self.default_system = model.default_params, model.default_system
        self.notice, self.capabilities = model.notice, model.capabilities
        self._model = model

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        for delta in self._model.stream(messages, params, options, cancel=cancel):
            if delta.text or delta.reasoning:
                tell(time=time.time(), text=delta.text, reasoning=delta.reasoning)
            yield delta

    def close(self) -> None:
        self._model.close()


def tell(**event: object) -> None:
    os.write(1, json.dumps(event).encode() + b"\n")


def open_model(path: str | None) -> ChatModel:
    if path is None:
        return Script()
    from qwen_chat.model.llamacpp.engine import LlamaCppModel
    from qwen_chat.model.llamacpp.options import LlamaCppOptions

    options = LlamaCppOptions(ctx_size=1024, threads=1, parallel=1)
    return LlamaCppModel(Path(path), "demo", options, default_params=SamplingParams(max_new_tokens=600))


def main(database: str, question: str, conversation: str, model: str | None = None) -> None:
    opened = Told(open_model(model))
    tell(opens=database)
    store = Store(Path(database))
    session = ChatSession(opened, store=store)
    if conversation:
        session.open(store.load(conversation))
    else:
        session.set_system("Be brief.")
    turn = session.send(question)
    tell(sent=session.history.id)
    tell(ended=turn.wait().message.content)
    time.sleep(60)


if __name__ == "__main__":
    main(*sys.argv[1:])
