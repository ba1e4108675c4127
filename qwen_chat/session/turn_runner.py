"""Runs the turns of a conversation: one at a time, each in the history and the store from its start."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import RLock

from qwen_chat import i18n
from qwen_chat.errors import ContextLengthError, SessionBusyError
from qwen_chat.history import AnswerDetails, History, Node
from qwen_chat.message import Message, Think
from qwen_chat.model.base import ChatModel, PromptOptions
from qwen_chat.observer import Observable
from qwen_chat.roles import Role
from qwen_chat.sampling import MAX_SEED, SamplingParams
from qwen_chat.session.context_window import ContextWindow
from qwen_chat.session.conversation_role import role_name
from qwen_chat.session.turn import Turn
from qwen_chat.session.turn_request import TurnRequest, add_lore, request_messages, stream_answer
from qwen_chat.settings import Settings
from qwen_chat.storage.journal import Journal
from qwen_chat.storage.store import Store


class TurnRunner:
    """A conversation, the model that answers in it, and the turn that runs.

    `params` holds the sampling parameters that were set; the checkpoint decides the others.
    `changes` notifies its subscribers when a turn starts, goes on or ends, and when the branch in view,
    the conversation or a setting changes.
    """

    def __init__(self, model: ChatModel, settings: Settings, store: Store | None, role: Role | None) -> None:
        self.model = model
        self.settings = settings
        self.params = settings.params(role)
        self.role = role.fill_names(settings.user_name) if role else None
        self.history = History(role=role_name(self.role))
        self.think: Think = settings.think
        self.running: Turn | None = None
        self.latest: Turn | None = None
        """The turn of this conversation that started last."""
        self.changes = Observable()
        self.revision = 0
        """A number that differs after each change, except for those of an answer that is being written."""
        self._journal = Journal(store)
        self._window = ContextWindow()
        self._said = set[str]()
        self._lock = RLock()

    @property
    def left_out(self) -> int:
        """The number of the oldest turns that the model no longer reads."""
        return self._window.left_out

    @property
    def effective_params(self) -> SamplingParams:
        """The sampling parameters of the next answer."""
        return self.params.over(self.model.default_params)

    @property
    def system_prompt(self) -> str:
        """The system prompt of the next answer: the conversation's, or else the checkpoint's default."""
        return self.history.system.message.content if self.history.system else self.model.default_system

    @property
    def prompt_options(self) -> PromptOptions:
        """The options of the checkpoint's chat template."""
        return PromptOptions(think=self.think)

    def prompt(self) -> list[Message]:
        """Return the messages that the model reads to answer the last question."""
        path = self.history.path()
        last = max((i for i, node in enumerate(path) if node.message.role == "user"), default=-1)
        return self._messages(self._request(path[: last + 1], self.history.system))

    def answered_messages(self) -> list[Message]:
        """Return the messages that the model read for the last answer, and the answer.

        Raises: UsageError when there is no answer.
        """
        node = self.history.last_answer()
        request = self._request(self.history.path()[:-1], self._system_of(node))
        return self._messages(replace(request, partial_answer=node.message))

    def stop(self) -> None:
        """Stop the running turn, if there is one."""
        if (turn := self.running) is not None:
            turn.stop()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Let no turn start within the block, and notify subscribers after it.

        Raises: SessionBusyError when a turn runs.
        """
        with self.changing():
            if self.running is not None:
                raise SessionBusyError(i18n.Text("session.busy"))
            yield

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let no other thread change the session within the block, and notify subscribers after it."""
        with self._lock:
            yield
            self.revision += 1
        self.changes.notify()

    def _messages(self, request: TurnRequest) -> list[Message]:
        return request_messages(request, self.model, self._window)

    def _request(self, path: list[Node], system: Node | None) -> TurnRequest:
        return TurnRequest(path, add_lore(self.role, system, path), self.params, self.prompt_options)

    def _system_of(self, node: Node) -> Node | None:
        """Return the system prompt of an answer."""
        return self.history[node.answer.system] if node.answer and node.answer.system else None

    def _start_answer(self) -> Turn:
        """Start a turn that answers the question at the end of the branch."""
        path, system = self.history.path(), self.history.system
        request = replace(self._request(path, system), params=self._params_with_seed(path[-1]))
        answer = AnswerDetails(self.model.name, system.id if system else None, request.params.seed)
        return self._run(self.history.add(Message("assistant", ""), answer), request)

    def _continue_answer(self, node: Node) -> Turn:
        """Start a turn that continues an answer."""
        answer = replace(node.answer or AnswerDetails(), finish_reason=None, usage=None)
        node = replace(node, answer=answer)
        self.history.update(node)
        request = self._request(self.history.path()[:-1], self._system_of(node))
        params = replace(request.params, seed=answer.seed)
        return self._run(node, replace(request, params=params, partial_answer=node.message))

    def _run(self, node: Node, request: TurnRequest) -> Turn:
        self._journal.keep(self.history, node)
        model, window, said = self.model, self._window, self._said
        turn = Turn(
            node,
            lambda cancel: stream_answer(request, model, window, cancel, said),
            lambda *piece: self._journal.draft(self.history, node.id, *piece),
            lambda node: self._commit(turn, node),
            self.changes,
        )
        self.running = self.latest = turn
        self.revision += 1  # before subscribers hear of its first delta
        return turn.start()

    def _params_with_seed(self, question: Node) -> SamplingParams:
        """Return the parameters of the next answer; under a fixed seed, each retry has another known seed."""
        if self.params.seed is None:
            return replace(self.params, seed=random.randint(0, MAX_SEED))
        return self.params.reseeded(self.history.answer_count(question.id))

    def _commit(self, turn: Turn, node: Node) -> None:
        with self._lock:
            self.running = None
            self.revision += 1
            self.history.update(node)
            if isinstance(turn.error, ContextLengthError) and not node.message.content:
                self._take_back_question(turn, node)
            self._journal.keep(self.history, node)
            if (fault := self._journal.fault) is not None:
                turn.notices.append(i18n.Text("notice.not_saved_yet", reason=fault.text))

    def _take_back_question(self, turn: Turn, answer: Node) -> None:
        # A question that never fits the context would make every later one fail, too.
        question = self.history[answer.parent or ""]
        self.history.move_head(question.parent)
        turn.notices.append(i18n.Text("notice.message_kept"))
