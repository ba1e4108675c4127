"""Our side of the measurements: the small embedded model in a ChatSession that saves its conversation."""

import sys
import time
from pathlib import Path

from benchmarks import bare
from benchmarks.smol import checkpoint
from benchmarks.watch import Watched
from qwen_chat.model.base import ChatModel
from qwen_chat.model.catalog import embedded
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.session import ChatSession
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store, default_path

PROGRAM = [sys.executable, "-m", "qwen_chat"]
"""The command as a person starts it."""

COMMAND = [*PROGRAM, "-c", embedded.SMALL.key, "--seed", str(bare.SAMPLING["seed"])]
"""The command on the model that the bare script runs, with its own sampling and system prompt."""

TORCH_DTYPE = "float32"


def model_path() -> Path:
    return embedded.fetch(embedded.SMALL, sys.stderr)


class SessionChat:
    """A session like those of the front ends, with the conversation saved in the default store."""

    def __init__(self, model: ChatModel, sampling: SamplingParams) -> None:
        self._model = model
        self._store = Store(default_path())
        self._session = ChatSession(model, Settings(sampling=sampling), store=self._store)

    def begin(self) -> None:
        """Start a new conversation."""
        self._session.new()

    def ask(self, question: str) -> Watched:
        """Ask, and read the answer as a front end does."""
        started = time.perf_counter()
        turn = self._session.send(question)
        moments = [time.perf_counter() for delta in turn if delta.text]
        answer = turn.wait().answer
        assert answer is not None
        assert answer.usage is not None
        usage = answer.usage
        return Watched(
            started,
            moments,
            usage.completion_tokens,
            usage.decode_seconds,
            usage.prompt_tokens,
            usage.cached_tokens,
        )

    def close(self) -> None:
        """Close the session, the model and the store."""
        self._session.close()
        self._model.close()
        self._store.close()


class OurChat(SessionChat):
    """The small embedded model on llama.cpp."""

    def __init__(self, max_tokens: int) -> None:
        model = LlamaCppModel(
            model_path(),
            embedded.SMALL.name,
            default_params=embedded.SMALL.params,
            default_system=embedded.SMALL.system_prompt,
        )
        super().__init__(model, SamplingParams(max_new_tokens=max_tokens, seed=int(bare.SAMPLING["seed"])))


class OurTorchChat(SessionChat):
    """The same model on torch, with greedy decoding, so that both sides generate the same text."""

    def __init__(self, max_tokens: int) -> None:
        from qwen_chat.model.hf.engine import TransformersModel

        options = TransformersOptions(dtype=TORCH_DTYPE)
        model = TransformersModel(read_checkpoint(checkpoint()), "smol", options)
        super().__init__(model, SamplingParams(max_new_tokens=max_tokens, temperature=0))
