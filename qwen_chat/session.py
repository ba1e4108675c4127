"""A conversation with a model: turns are started, watched, stopped and kept here, for every front end."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, RLock

from qwen_chat.errors import ContextLengthError, SessionBusyError, UsageError
from qwen_chat.history import Answer, History, Node
from qwen_chat.journal import Journal
from qwen_chat.message import Delta, Message
from qwen_chat.model.base import ChatModel
from qwen_chat.model.loading import LoadingModel
from qwen_chat.presets import Preset
from qwen_chat.sampling import MAX_SEED, SamplingParams
from qwen_chat.settings import Settings
from qwen_chat.store import Store
from qwen_chat.turn import Turn
from qwen_chat.window import ContextWindow

_TITLE_LENGTH = 60


class ChatSession:
    """One conversation, whoever watches it; one turn runs at a time.

    `params` is the only place where sampling is set: what it leaves open, the checkpoint decides.
    """

    def __init__(
        self,
        model: ChatModel,
        settings: Settings | None = None,
        *,
        store: Store | None = None,
        role: Preset | None = None,
    ) -> None:
        self.model = model
        self.settings = settings or Settings()
        self.history = History()
        self.params = self.settings.params(role)
        self.role = role
        self.running: Turn | None = None
        self._journal = Journal(store)
        self._window = ContextWindow()
        self._unspoken: list[Node] = []
        self._begun = False
        self._lock = RLock()
        self._enter(self.settings.system_prompt(role))

    @property
    def store(self) -> Store | None:
        """Where the conversation is kept, or None for a chat that leaves no trace."""
        return self._journal.store

    @property
    def effective_params(self) -> SamplingParams:
        """The parameters the next answer is made with."""
        return self.params.over(self.model.default_params)

    @property
    def system_prompt(self) -> str:
        """The system prompt in force, the checkpoint's own default included."""
        return self.history.system.message.content if self.history.system else self.model.default_system

    @property
    def left_out(self) -> int:
        """How many of the oldest turns the model no longer reads."""
        return self._window.left_out

    # Turns

    def send(self, text: str) -> Turn:
        """Keep the question, then start the turn that answers it.

        Raises: SessionBusyError, UsageError for a text that is empty or not Unicode.
        """
        with self._idle():
            question = Message("user", _checked(text))
            if not self.history.title:
                self.history.title = _title(text)
            self._begin()
            self._journal.keep(self.history, self.history.add(question))
            return self._start()

    def regenerate(self) -> Turn:
        """Answer the last question once more, as a sibling of the answers it has.

        Raises: SessionBusyError, UsageError when nothing was asked.
        """
        with self._idle():
            self.history.ask_again()
            return self._start()

    def edit(self, number: int, text: str) -> Turn | None:
        """Say message `number` of the branch differently; an edited question is answered anew.

        Raises: SessionBusyError, UsageError for a number out of range or a text that cannot be sent.
        """
        with self._idle():
            node = self.history.edit(number, _checked(text))
            self._begin()
            self._journal.keep(self.history, node)
            return self._start() if node.message.role == "user" else None

    def stop(self) -> None:
        """End the running turn, if there is one."""
        if (turn := self.running) is not None:
            turn.stop()

    # The conversation

    def undo(self, turns: int = 1) -> list[Node]:
        """Take the last turns out of view and return them."""
        with self._idle():
            gone = self.history.undo(turns)
            self._journal.keep(self.history)
            return gone

    def clear(self) -> None:
        """Take all turns out of view; the saved tree keeps them."""
        with self._idle():
            self.history.move(None)
            if self._begun:
                self._journal.keep(self.history)

    def new(self) -> None:
        """Begin another conversation, in the same role or under the same system prompt."""
        with self._idle():
            system = self.history.system
            self._fresh()
            self._enter(system.message.content if system else None)

    def open(self, history: History) -> None:
        """Go on with another conversation, one that the store has."""
        with self._idle():
            self._fresh()
            self.history, self.role, self._begun = history, None, True

    def adopt(self, history: History) -> None:
        """Go on with a conversation from elsewhere, and keep it."""
        self.open(history)
        self._journal.keep_all(history)

    def set_system(self, text: str) -> None:
        """Replace the system prompt from the next answer on."""
        with self._idle():
            node = self.history.set_system(_checked(text, empty=True))
            if self._begun:
                self._journal.keep(self.history, node)
            else:
                self._unspoken.append(node)

    def take_role(self, role: Preset) -> None:
        """Begin a conversation in a role, with its system prompt, greeting and sampling."""
        with self._idle():
            self._fresh()
            self.role, self.params = role, self.settings.params(role)
            self._enter(role.system)

    def reset_params(self) -> None:
        """Take back every change of sampling since the start, or since the role was taken."""
        with self._lock:
            self.params = self.settings.params(self.role)

    def configure(self, changes: SamplingParams, unset: frozenset[str] = frozenset()) -> None:
        """Change sampling from the next answer on; `unset` names go back to the checkpoint's default."""
        with self._lock:
            self.params = replace(changes.over(self.params), **dict.fromkeys(unset))

    def close(self) -> Path | None:
        """Stop, and return the file a conversation was rescued to when the store would not take it.

        Raises: StoreError when no file would take it either.
        """
        if (turn := self.running) is not None:
            turn.stop()
            turn.wait()
        # The commit of a turn that has just ended may still be under way.
        with self._lock:
            return self._journal.rescue()

    def prompt(self) -> list[Message]:
        """Return the messages that the model reads to answer the last question."""
        path = self.history.path()
        last = max((i for i, node in enumerate(path) if node.message.role == "user"), default=-1)
        system = self.history.system.message if self.history.system else None
        limit = self.effective_params.max_new_tokens
        return self._window.messages(self.model, system, path[: last + 1], limit)

    # Inside a turn

    def _start(self) -> Turn:
        path, system = self.history.path(), self.history.system
        params = replace(self.params, seed=self._seed(path[-1]))
        answer = Answer(self.model.name, system.id if system else None, params.seed)
        node = self.history.add(Message("assistant", ""), answer)
        self._journal.keep(self.history, node)
        turn = Turn(
            node,
            lambda cancel: self._stream(turn, path, system, params, cancel),
            lambda *piece: self._journal.draft(self.history, node.id, *piece),
            lambda node: self._commit(turn, node),
        )
        self.running = turn
        return turn.start()

    def _begin(self) -> None:
        """Write down what waited for the first words: a chat nobody spoke in leaves no trace."""
        for node in self._unspoken:
            self._journal.keep(self.history, node)
        self._unspoken = []
        self._begun = True

    def _seed(self, question: Node) -> int:
        """Return the seed of the next answer: each retry under a fixed seed differs, and can be had again."""
        if self.params.seed is None:
            return random.randint(0, MAX_SEED)
        return (self.params.seed + self.history.answers(question.id)) % (MAX_SEED + 1)

    def _stream(
        self, turn: Turn, path: list[Node], system: Node | None, params: SamplingParams, cancel: Event
    ) -> Iterator[Delta]:
        if isinstance(self.model, LoadingModel) and not self.model.wait(cancel):
            return
        params = params.over(self.model.default_params)
        prompt = system.message if system else None
        before = self._window.left_out
        messages: list[Message] | None = self._window.messages(
            self.model, prompt, path, params.max_new_tokens
        )
        while messages is not None:
            if self._window.left_out > before:
                turn.notices = [_left_out(self._window.left_out)]
            try:
                yield from self.model.stream(messages, params, cancel=cancel)
                return
            except ContextLengthError as error:
                messages = self._window.shrink(error, prompt, path)
                if messages is None:
                    raise

    def _commit(self, turn: Turn, node: Node) -> None:
        with self._lock:
            self.running = None
            self.history.update(node)
            if isinstance(turn.error, ContextLengthError) and not node.message.content:
                # A question that can never be read would make every later one fail too.
                question = self.history[node.parent or ""]
                self.history.move(question.parent)
                turn.notices.append("the message is kept, but not in the chat: shorten it and send it again")
            self._journal.keep(self.history, node)
            if (fault := self._journal.fault) is not None:
                turn.notices.append(f"not saved yet, will try again: {fault}")

    def _enter(self, system: str | None) -> None:
        """Begin a fresh conversation under a system prompt, with the greeting of the role."""
        if system is not None:
            self.set_system(system)
        if self.role is not None and self.role.greeting:
            greeting = Answer(self.model.name, finish_reason="stop")
            self._unspoken.append(self.history.add(Message("assistant", self.role.greeting), greeting))

    def _fresh(self) -> None:
        self.history, self._window = History(), ContextWindow()
        self._unspoken, self._begun = [], False

    @contextmanager
    def _idle(self) -> Iterator[None]:
        with self._lock:
            if self.running is not None:
                raise SessionBusyError("an answer is still being written: wait for it, or stop it")
            yield


def _checked(text: str, *, empty: bool = False) -> str:
    if not text.strip() and not empty:
        raise UsageError("the message is empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("the text is not valid Unicode: it holds half of a surrogate pair") from None
    return text


def _title(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_LENGTH else line[: _TITLE_LENGTH - 1] + "…"


def _left_out(turns: int) -> str:
    return f"the context is full: the model no longer reads the oldest {turns} turn" + "s" * (turns != 1)
