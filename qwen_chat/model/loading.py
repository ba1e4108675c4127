"""A model that loads in the background, so that a person can type meanwhile."""

import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from threading import Event, Lock, Thread

from qwen_chat.errors import ModelError, ModelLoadError
from qwen_chat.message import Alternative, Delta, Message, Token
from qwen_chat.model.base import PLAIN, ChatModel, PromptOptions, TokenizingModel
from qwen_chat.model.queue import SlotQueue
from qwen_chat.observer import Observable
from qwen_chat.sampling import SamplingParams

_POLL_SECONDS = 0.05


class LoadingModel:
    """A ChatModel known by name at once; whatever else is asked of it waits until it is loaded.

    It writes `places` answers at once; who asks for another one stands in line.

    Raises: ModelLoadError from every method but `wait`, when it could not be loaded.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], TokenizingModel],
        checkpoint: Path | None = None,
        *,
        places: int = 4,
    ) -> None:
        self.name = name
        self.checkpoint = checkpoint
        """The file or the folder that it is loaded from."""
        self.load_seconds: float | None = None
        """How long loading took; None until it is loaded."""
        self.changes = Observable()
        """Told when loading ended, well or not."""
        self._load = load
        self._line = SlotQueue(places)
        self._model: TokenizingModel | None = None
        self._error: ModelLoadError | None = None
        self._loaded = Event()
        self._lock = Lock()
        self._thread = Thread(target=self._run, name="load-model", daemon=True)

    def start(self) -> "LoadingModel":
        """Begin to load; a second call does nothing."""
        with self._lock:
            if not self._thread.ident:
                self._thread.start()
        return self

    def wait(self, cancel: Event) -> bool:
        """Wait until loading ended, well or not, and return True; False when `cancel` is set before."""
        self.start()
        while not self._loaded.wait(_POLL_SECONDS):
            if cancel.is_set():
                return False
        return True

    def failure(self) -> ModelLoadError | None:
        """Wait until loading ended, and return why it failed, or None."""
        self._loaded.wait()
        return self._error

    @property
    def ready(self) -> bool:
        """Whether it is loaded, or failed to."""
        return self._loaded.is_set()

    @property
    def context_length(self) -> int:
        """Tokens that a prompt and its answer may have together."""
        return self._get().context_length

    @property
    def default_params(self) -> SamplingParams:
        """The parameters the checkpoint itself asks for."""
        return self._get().default_params

    @property
    def default_system(self) -> str:
        """The system prompt in force when the conversation has none."""
        return self._get().default_system

    @property
    def notice(self) -> str:
        """What a person should know of how it computes."""
        return self._get().notice

    @property
    def thinks(self) -> bool:
        """Whether it can write its reasoning before the answer."""
        return self._get().thinks

    def stream(
        self,
        messages: Sequence[Message],
        params: SamplingParams,
        options: PromptOptions = PLAIN,
        *,
        cancel: Event | None = None,
    ) -> Generator[Delta, None, None]:
        """Yield the answer to the last message, new text only; first, while others are answered, how many."""
        model = self._get()
        with self._line.place() as place:
            for before in self._line.wait(place, cancel):
                yield Delta(waiting=before)
            if cancel is None or not cancel.is_set():
                yield from model.stream(messages, params, options, cancel=cancel)

    def encode(self, messages: Sequence[Message], options: PromptOptions = PLAIN) -> list[Token]:
        """Return exactly the tokens that `stream` would read."""
        return self._get().encode(messages, options)

    def count(self, messages: Sequence[Message]) -> int:
        """Return how many tokens `stream` would read."""
        return self._get().count(messages)

    def alternatives(
        self, messages: Sequence[Message], position: int, number: int, options: PromptOptions = PLAIN
    ) -> list[Alternative]:
        """Return the likeliest tokens at a place of the answer that the messages end with."""
        return self._get().alternatives(messages, position, number, options)

    def loaded(self) -> TokenizingModel:
        """Wait until it is loaded, and return the model itself.

        Raises: ModelLoadError.
        """
        return self._get()

    def close(self) -> None:
        """Give back the model's memory and threads, once it is loaded."""
        if self._model is not None:
            self._model.close()

    def _get(self) -> TokenizingModel:
        self.start()
        self._loaded.wait()
        if self._model is None:
            raise self._error or ModelLoadError(f"{self.name} was not loaded")
        return self._model

    def _run(self) -> None:
        started = time.monotonic()
        try:
            self._model = self._load()
            self.load_seconds = time.monotonic() - started
        except ModelLoadError as error:
            self._error = error
        except (ModelError, OSError, RuntimeError, ImportError) as error:
            self._error = ModelLoadError(f"{self.name} cannot be loaded: {error}")
        finally:
            self._loaded.set()
            self.changes.notify()


def _conforms(model: LoadingModel) -> ChatModel:
    return model
