"""A model that loads in the background, so that people can type meanwhile."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock, Thread

from qwen_chat.errors import ModelError, ModelLoadError, UsageError, as_load_error
from qwen_chat.message import Alternative, Delta, Message, Token
from qwen_chat.model.base import (
    FREE,
    NOT_KNOWN_YET,
    PLAIN,
    BatchingModel,
    BatchRequest,
    Cancel,
    Capabilities,
    Chat,
    ChatModel,
    CompletedAnswer,
    CompletingModel,
    Deltas,
    OutputOptions,
    PromptOptions,
    TokenizingModel,
    require_tokens,
    supports_batching,
    supports_completion,
)
from qwen_chat.model.queue import SlotQueue
from qwen_chat.model.state import Failed, Loading, ModelState, Ready
from qwen_chat.observer import Observable
from qwen_chat.sampling import SamplingParams


class LoadingModel:
    """A ChatModel whose name and state are known at once; most other calls wait until it is loaded.

    It answers `parallel` requests at once; further requests wait in a queue. `capabilities` are those that
    are known before loading.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], ChatModel],
        checkpoint: Path | None = None,
        *,
        capabilities: Capabilities = NOT_KNOWN_YET,
        parallel: int = 4,
    ) -> None:
        self.name = name
        self.checkpoint = checkpoint
        self.state_changes = Observable()
        self._state: ModelState = Loading()
        self._capabilities = capabilities
        self._load = load
        self._queue = SlotQueue(parallel)
        self._model: ChatModel | None = None
        self._ended = Event()
        self._lock = Lock()
        self._thread = Thread(target=self._run, name="load-model", daemon=True)

    @property
    def state(self) -> ModelState:
        """Whether the model is loading, ready or failed; does not wait."""
        return self._state

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do, as far as it is known; does not wait."""
        return self._capabilities if self._model is None else self._model.capabilities

    def start_loading(self) -> None:
        """Begin to load the model in the background, and return at once; a second call does nothing."""
        with self._lock:
            if not self._thread.ident:
                self._state = Loading(time.monotonic())
                self._thread.start()

    def report_progress(self, share: float) -> None:
        """Note which share of the loading is done, from 0 to 1; called by the function that loads."""
        if isinstance(self._state, Loading):
            self._state = replace(self._state, progress=share)
            self.state_changes.notify()

    @property
    def context_length(self) -> int | None:
        """Tokens that a prompt and its answer may have together."""
        return self.loaded().context_length

    @property
    def default_params(self) -> SamplingParams:
        """The sampling parameters that the checkpoint itself asks for."""
        return self.loaded().default_params

    @property
    def default_system(self) -> str:
        """The system prompt of a conversation that has none."""
        return self.loaded().default_system

    @property
    def notice(self) -> str:
        """One line for people about how the model computes."""
        return self.loaded().notice

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield the answer to the last message; first, while the request waits, how many are before it.

        A prompt that the model refuses is refused before the request waits.
        """
        yield from self._in_turn(self.loaded().stream(messages, params, options, cancel=cancel), cancel)

    def answer(
        self, requests: Sequence[BatchRequest], *, cancel: Cancel = None
    ) -> list[CompletedAnswer | ModelError]:
        """Return an answer or an error for each request."""
        model = self.loaded()
        if not supports_batching(model):
            raise UsageError(f"{self.name} does not answer batches")
        return model.answer(requests, cancel=cancel)

    def complete(
        self,
        prompt: str | Sequence[int],
        params: SamplingParams,
        output: OutputOptions = FREE,
        *,
        cancel: Cancel = None,
    ) -> Deltas:
        """Yield what follows a text or token ids; first, while the request waits, how many are before it."""
        model = self._completing()
        yield from self._in_turn(model.complete(prompt, params, output, cancel=cancel), cancel)

    def tokenize(self, text: str) -> list[int]:
        """Return the ids of a text, in which nothing is a control token."""
        return self._completing().tokenize(text)

    def detokenize(self, ids: Sequence[int]) -> bytes:
        """Return the text of ids."""
        return self._completing().detokenize(ids)

    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return exactly the tokens that `stream` would read."""
        return require_tokens(self.loaded()).encode(messages, options)

    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens `stream` would read."""
        return require_tokens(self.loaded()).count(messages)

    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a position of the answer that the messages end with."""
        return require_tokens(self.loaded()).alternatives(messages, position, number, options)

    def loaded(self) -> ChatModel:
        """Wait until the model is loaded, and return the engine itself.

        Raises: ModelLoadError.
        """
        self.start_loading()
        self._ended.wait()
        if self._model is None:
            raise self._error()
        return self._model

    def close(self) -> None:
        """Free the memory and threads of the model if it is loaded."""
        if self._model is not None:
            self._model.close()

    def _completing(self) -> CompletingModel:
        model = self.loaded()
        if not supports_completion(model):
            raise UsageError(f"{self.name} answers messages only")
        return model

    def _in_turn(self, answer: Deltas, cancel: Cancel) -> Deltas:
        with closing(answer), self._queue.enter() as ticket:
            for before in self._queue.wait(ticket, cancel):
                yield Delta(waiting=before)
            if cancel is None or not cancel.is_set():
                yield from answer

    def _error(self) -> ModelLoadError:
        return (
            self._state.error if isinstance(self._state, Failed) else ModelLoadError(f"{self.name} is closed")
        )

    def _run(self) -> None:
        started = time.monotonic()
        try:
            self._model = self._load()
            self._state = Ready(time.monotonic() - started)
        except BaseException as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            self._state = Failed(as_load_error(error, f"{self.name} cannot be loaded"))
        finally:
            self._ended.set()
            self.state_changes.notify()


def _conforms(model: LoadingModel) -> tuple[TokenizingModel, BatchingModel, CompletingModel]:
    return model, model, model
