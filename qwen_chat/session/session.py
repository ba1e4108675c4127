"""A conversation with a model: turns are started, watched, stopped and kept here, for every front end."""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import RLock

from qwen_chat.errors import ContextLengthError, SessionBusyError, UsageError
from qwen_chat.files.fenced import full_text, join_files
from qwen_chat.history import Answer, History, Node, title_from
from qwen_chat.message import Alternative, Attachment, Message, Think, Token
from qwen_chat.model.base import ChatModel, PromptOptions, require_tokens
from qwen_chat.observer import Observable
from qwen_chat.roles import Role, all_roles, load_role
from qwen_chat.sampling import MAX_SEED, SamplingParams
from qwen_chat.session.request import Asker, Request, with_lore
from qwen_chat.session.turn import Turn
from qwen_chat.settings import Settings
from qwen_chat.storage.journal import Journal
from qwen_chat.storage.store import Store


class ChatSession:
    """One conversation, whoever watches it; one turn runs at a time.

    `params` is the only place where sampling is set: what it leaves open, the checkpoint decides.
    `changes` are told whenever there is something new to look at: a turn that began, went on or ended,
    another branch in view, another conversation, another setting.
    """

    def __init__(
        self,
        model: ChatModel,
        settings: Settings | None = None,
        *,
        store: Store | None = None,
        role: Role | None = None,
    ) -> None:
        self.model = model
        self.settings = settings or Settings()
        self.params = self.settings.params(role)
        self.role = self._addressed(role) if role else None
        self.history = History(role=self._role_name)
        self.think: Think = self.settings.think
        self.running: Turn | None = None
        self.latest: Turn | None = None
        """The turn that was begun last in this conversation."""
        self.changes = Observable()
        self.revision = 0
        """Another number after each change but those of an answer that goes on being written."""
        self._journal = Journal(store)
        self._asker = Asker()
        self._lock = RLock()
        self._enter(self.settings.system_prompt(self.role))

    @property
    def store(self) -> Store | None:
        """Where the conversation is kept, or None for a chat that leaves no trace."""
        return self._journal.store

    def use(self, model: ChatModel) -> Turn | None:
        """Answer with another model from now on; return the turn that the old one still writes."""
        with self._changing():
            self.model, self._asker = model, Asker()
            return self.running

    @property
    def incognito(self) -> bool:
        """Whether this conversation is not saved, though others are."""
        return self.store is not None and self._journal.paused

    @property
    def saved(self) -> bool:
        """Whether something was said and all of it is in the store, from where it can be opened again."""
        return self._journal.saved

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
        return self._asker.left_out

    # Turns

    def send(self, text: str, attachments: Sequence[Attachment] = ()) -> Turn:
        """Keep the question with its files, then start the turn that answers it.

        Raises: SessionBusyError, UsageError for a message that is empty or not Unicode.
        """
        with self._idle():
            question = Message("user", text, attachments=tuple(attachments))
            _check_text(full_text(question))
            if not self.history.title:
                names = ", ".join(file.name for file in attachments)
                self.history.title = title_from(text if text.strip() else names)
            self._journal.begin(self.history)
            self._journal.keep(self.history, self.history.add(question))
            return self._start()

    def regenerate(self, question: str | None = None) -> Turn:
        """Answer the last question of the branch, or the one of that id, as a sibling of the answers it has.

        Raises: SessionBusyError, UsageError when nothing was asked.
        """
        with self._idle():
            if question is None:
                self.history.ask_again()
            else:
                self.history.move(question)
            return self._start()

    def edit(self, node_id: str, text: str, attachments: Sequence[Attachment] = ()) -> Turn | None:
        """Add another version of a message in a new branch; start a turn when it is a question.

        Raises: SessionBusyError, UsageError for an unknown message or a text that cannot be sent.
        """
        with self._idle():
            _check_text(join_files(text, attachments))
            node = self.history.edit(node_id, text, attachments)
            self._journal.begin(self.history)
            self._journal.keep(self.history, node)
            return self._start() if node.message.role == "user" else None

    def continue_answer(self) -> Turn:
        """Go on within an answer that was cut off, from the very tokens it has.

        Raises: SessionBusyError, UsageError when the last answer ended by itself, or there is none.
        """
        with self._idle():
            node = self.history.last_answer()
            if node.answer and node.answer.finish_reason == "stop":
                raise UsageError("the last answer is complete: only one that was cut off can be gone on with")
            return self._go_on(node)

    def stop(self) -> None:
        """End the running turn, if there is one."""
        if (turn := self.running) is not None:
            turn.stop()

    # The conversation

    def switch(self, head: str | None) -> None:
        """Bring the branch that ends at a message into view; what is said next goes on from there."""
        with self._idle():
            self.history.move(head)
            self._journal.keep(self.history)

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
            self._journal.keep(self.history)

    def new(self) -> None:
        """Begin another conversation, in the same role or under the same system prompt."""
        self._renew(incognito=False)

    def go_incognito(self) -> None:
        """Begin another conversation, one that is not saved; those begun or opened later are again."""
        self._renew(incognito=True)

    def _renew(self, *, incognito: bool) -> None:
        with self._idle():
            system = self.history.system
            self._fresh(incognito=incognito)
            self._enter(system.message.content if system else None)

    def rename(self, title: str) -> None:
        """Give the conversation another title."""
        with self._idle():
            title = " ".join(title.split())
            _check_text(title)
            self.history.title = title
            self._journal.keep(self.history)

    def open(self, history: History) -> None:
        """Go on with another conversation, one that the store has."""
        with self._idle():
            self._fresh(begun=True)
            self.history, self.role = history, self._role_of(history)

    def adopt(self, history: History) -> None:
        """Go on with a conversation from elsewhere, and keep it."""
        self.open(history)
        self._journal.keep_all(history)

    def set_system(self, text: str) -> None:
        """Replace the system prompt from the next answer on."""
        with self._idle():
            _check_text(text, may_be_empty=True)
            if self.role is not None and text != self.role.system:
                self.history.role = ""  # under another prompt, an opened conversation plays no role
            self._journal.keep(self.history, self.history.set_system(text))

    def take_role(self, role: Role) -> None:
        """Begin a conversation in a role, with its system prompt, greeting and sampling."""
        with self._idle():
            self.role, self.params = self._addressed(role), self.settings.params(role)
            self._fresh(incognito=self._journal.paused)
            self._enter(self.role.system)

    def set_think(self, think: Think) -> None:
        """Choose whether the model reasons before it answers, from the next answer on."""
        with self._changing():
            self.think = think

    def reset_params(self) -> None:
        """Take back every change of sampling since the start, or since the role was taken."""
        with self._changing():
            self.params = self.settings.params(self.role)

    def configure(self, changes: SamplingParams, unset: frozenset[str] = frozenset()) -> None:
        """Change sampling from the next answer on; `unset` names go back to the checkpoint's default."""
        with self._changing():
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
        return self._asker.messages(self.model, self._request(path[: last + 1], self.history.system))

    @property
    def prompt_options(self) -> PromptOptions:
        """What the checkpoint's chat template is told besides the messages."""
        return PromptOptions(think=self.think)

    # Within the last answer

    def answer_tokens(self) -> list[Token]:
        """Return the tokens of the last answer.

        Raises: UsageError when there is none, or the model runs elsewhere.
        """
        messages, model = self._answered(), require_tokens(self.model)
        before = len(model.encode(messages[:-1], self.prompt_options))
        return model.encode(messages, self.prompt_options)[before:]

    def alternatives(self, position: int, number: int) -> list[Alternative]:
        """Return the likeliest tokens at a place of the last answer, counted from 0; best first.

        Raises: SessionBusyError, UsageError, ModelError.
        """
        with self._idle():
            model = require_tokens(self.model)
            return model.alternatives(self._answered(), position, number, self.prompt_options)

    def take_alternative(self, chosen: Alternative, *, ends: bool) -> Turn | None:
        """Answer the last question as before up to a token, then go on from another one, in a new branch.

        Raises: SessionBusyError, UsageError.
        """
        with self._idle():
            old = self.history.last_answer()
            made = replace(old.answer or Answer(), finish_reason="stop" if ends else None, usage=None)
            self.history.move(old.parent)
            node = self.history.add(chosen.answer, made)
            if not ends:
                return self._go_on(node)
            self._journal.keep(self.history, node)
            return None

    def _answered(self) -> list[Message]:
        """Return what the model read for the last answer, with it at the end."""
        node = self.history.last_answer()
        request = self._request(self.history.path()[:-1], self._system_of(node))
        return self._asker.messages(self.model, replace(request, begun=node.message))

    def _system_of(self, node: Node) -> Node | None:
        """Return the system prompt that an answer was given under."""
        return self.history[node.answer.system] if node.answer and node.answer.system else None

    # Inside a turn

    def _start(self) -> Turn:
        path, system = self.history.path(), self.history.system
        request = replace(self._request(path, system), params=self._seeded(path[-1]))
        answer = Answer(self.model.name, system.id if system else None, request.params.seed)
        return self._run(self.history.add(Message("assistant", ""), answer), request)

    def _go_on(self, node: Node) -> Turn:
        """Start a turn that goes on within an answer."""
        answer = replace(node.answer or Answer(), finish_reason=None, usage=None)
        node = replace(node, answer=answer)
        self.history.update(node)
        request = self._request(self.history.path()[:-1], self._system_of(node))
        params = replace(request.params, seed=answer.seed)
        return self._run(node, replace(request, params=params, begun=node.message))

    def _request(self, path: list[Node], system: Node | None) -> Request:
        return Request(path, with_lore(self.role, system, path), self.params, self.prompt_options)

    def _run(self, node: Node, request: Request) -> Turn:
        self._journal.keep(self.history, node)
        asker, model = self._asker, self.model
        turn = Turn(
            node,
            lambda cancel: asker.answer(model, request, turn.notices, cancel),
            lambda *piece: self._journal.draft(self.history, node.id, *piece),
            lambda node: self._commit(turn, node),
            self.changes,
        )
        self.running = self.latest = turn
        self.revision += 1  # before its first word is told of
        return turn.start()

    def _seeded(self, question: Node) -> SamplingParams:
        """Return what the next answer is made with; each retry under a fixed seed has another, known one."""
        if self.params.seed is None:
            return replace(self.params, seed=random.randint(0, MAX_SEED))
        return self.params.reseeded(self.history.answers(question.id))

    def _commit(self, turn: Turn, node: Node) -> None:
        with self._lock:
            self.running = None
            self.revision += 1
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
            self._journal.keep(
                self.history, self.history.add(Message("assistant", self.role.greeting), greeting)
            )

    def _role_of(self, history: History) -> Role | None:
        """Return the role of a conversation, None when its file is gone.

        Conversations of old versions do not name their role: it is the one with the same system prompt.
        """
        if history.role is None:
            return self._guess_role(history)
        with suppress(UsageError):
            return self._addressed(load_role(history.role)) if history.role else None
        return None

    def _guess_role(self, history: History) -> Role | None:
        system = history.system.message.content if history.system else ""
        roles = map(self._addressed, all_roles()[0] if system else [])
        role = next((role for role in roles if role.system == system), None)
        history.role = role.name if role else ""
        return role

    @property
    def _role_name(self) -> str:
        return self.role.name if self.role else ""

    def _addressed(self, role: Role) -> Role:
        """Return a role with the names of who talks filled in."""
        return role.fill_names(self.settings.user_name)

    def _fresh(self, *, begun: bool = False, incognito: bool = False) -> None:
        self.history, self._asker, self.latest = History(role=self._role_name), Asker(), None
        self._journal.turn_to(begun=begun, paused=incognito)

    @contextmanager
    def _idle(self) -> Iterator[None]:
        with self._changing():
            if self.running is not None:
                raise SessionBusyError("an answer is still being written: wait for it, or stop it")
            yield

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._lock:
            yield
            self.revision += 1
        self.changes.notify()


def _check_text(text: str, *, may_be_empty: bool = False) -> None:
    if not text.strip() and not may_be_empty:
        raise UsageError("the message is empty")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("the text is not valid Unicode: it holds half of a surrogate pair") from None
