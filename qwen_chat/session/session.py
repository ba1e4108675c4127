"""A conversation with a model: the operations of every front end."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from qwen_chat import i18n
from qwen_chat.errors import UsageError
from qwen_chat.files.fenced import full_text, join_files
from qwen_chat.history import AnswerDetails, History, Node, title_from
from qwen_chat.message import Alternative, Attachment, Message, Think
from qwen_chat.model.base import ChatModel
from qwen_chat.roles import Role
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.context_window import ContextWindow
from qwen_chat.session.conversation_role import find_role, role_name
from qwen_chat.session.turn import Turn
from qwen_chat.session.turn_runner import TurnRunner
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store


class ChatSession(TurnRunner):
    """One conversation with a model, for any number of front ends; one turn runs at a time."""

    def __init__(
        self,
        model: ChatModel,
        settings: Settings | None = None,
        *,
        store: Store | None = None,
        role: Role | None = None,
    ) -> None:
        super().__init__(model, settings or Settings(), store, role)
        self._set_up(self.settings.system_prompt(self.role))

    @property
    def store(self) -> Store | None:
        """The store that keeps the conversation, None when nothing is saved."""
        return self._journal.store

    def use(self, model: ChatModel) -> Turn | None:
        """Use another model from the next answer on; return the turn that still runs on the old model."""
        with self.changing():
            self.model, self._window = model, ContextWindow()
            return self.running

    @property
    def incognito(self) -> bool:
        """Whether this conversation is not saved although others are."""
        return self.store is not None and self._journal.paused

    @property
    def saved(self) -> bool:
        """Whether the conversation has messages and the store has all of them."""
        return self._journal.saved

    # Turns

    def send(self, text: str, attachments: Sequence[Attachment] = ()) -> Turn:
        """Save a question with its files, then start the turn that answers it.

        Raises: SessionBusyError, UsageError for a message that is empty or not Unicode.
        """
        with self.idle():
            question = Message("user", text, attachments=tuple(attachments))
            _check_text(full_text(question))
            if not self.history.title:
                names = ", ".join(file.name for file in attachments)
                self.history.title = title_from(text if text.strip() else names)
            self._journal.begin(self.history)
            self._journal.keep(self.history, self.history.add(question))
            return self._start_answer()

    def regenerate(self, question: str | None = None) -> Turn:
        """Add another answer to the question with that id, or to the last question of the branch.

        Raises: SessionBusyError, UsageError when nothing was asked.
        """
        with self.idle():
            if question is None:
                self.history.rewind_to_question()
            else:
                self.history.move_head(question)
            return self._start_answer()

    def edit(self, node_id: str, text: str, attachments: Sequence[Attachment] = ()) -> Turn | None:
        """Add another version of a message in a new branch; start a turn when it is a question.

        Raises: SessionBusyError, UsageError for an unknown message or a text that cannot be sent.
        """
        with self.idle():
            _check_text(join_files(text, attachments))
            node = self.history.edit(node_id, text, attachments)
            self._journal.begin(self.history)
            self._journal.keep(self.history, node)
            return self._start_answer() if node.message.role == "user" else None

    def continue_answer(self) -> Turn:
        """Start a turn that continues the last answer, which was cut off, from its exact tokens.

        Raises: SessionBusyError, UsageError when the last answer is complete, or there is none.
        """
        with self.idle():
            node = self.history.last_answer()
            if node.answer and node.answer.finish_reason == "stop":
                raise UsageError(i18n.Text("answer.complete"))
            return self._continue_answer(node)

    def take_alternative(self, chosen: Alternative, *, ends: bool) -> Turn | None:
        """Replace a token of the last answer, and continue the answer from there in a new branch.

        Raises: SessionBusyError, UsageError.
        """
        with self.idle():
            old = self.history.last_answer()
            details = replace(
                old.answer or AnswerDetails(), finish_reason="stop" if ends else None, usage=None
            )
            self.history.move_head(old.parent)
            node = self.history.add(chosen.answer, details)
            if not ends:
                return self._continue_answer(node)
            self._journal.keep(self.history, node)
            return None

    # The conversation

    def switch(self, head: str | None) -> None:
        """Bring the branch that ends at a message into view; the next message continues it."""
        with self.idle():
            self.history.move_head(head)
            self._journal.keep(self.history)

    def undo(self, turns: int = 1) -> list[Node]:
        """Take the last turns out of view and return them."""
        with self.idle():
            removed = self.history.undo(turns)
            self._journal.keep(self.history)
            return removed

    def clear(self) -> None:
        """Take all turns out of view; the saved tree keeps them."""
        with self.idle():
            self.history.move_head(None)
            self._journal.keep(self.history)

    def new(self) -> None:
        """Start another conversation with the same role or system prompt."""
        self._start_conversation(incognito=False)

    def go_incognito(self) -> None:
        """Start another conversation that is not saved; `new` and `open` end this."""
        self._start_conversation(incognito=True)

    def _start_conversation(self, *, incognito: bool) -> None:
        with self.idle():
            system = self.history.system
            self._reset(incognito=incognito)
            self._set_up(system.message.content if system else None)

    def rename(self, title: str) -> None:
        """Give the conversation another title."""
        with self.idle():
            title = " ".join(title.split())
            _check_text(title)
            self.history.title = title
            self._journal.keep(self.history)

    def open(self, history: History) -> None:
        """Continue another conversation that the store has."""
        with self.idle():
            self._reset(begun=True)
            self.history, self.role = history, find_role(history, self.settings.user_name)

    def adopt(self, history: History) -> None:
        """Continue a conversation that the store does not have, and save it."""
        self.open(history)
        self._journal.keep_all(history)

    def set_system(self, text: str) -> None:
        """Replace the system prompt from the next answer on."""
        with self.idle():
            _check_text(text, may_be_empty=True)
            if self.role is not None and text != self.role.system:
                self.history.role = ""  # opened again, the conversation plays no role
            self._journal.keep(self.history, self.history.set_system(text))

    def take_role(self, role: Role) -> None:
        """Start another conversation in a role, with its system prompt, greeting and sampling."""
        with self.idle():
            self.role, self.params = role.fill_names(self.settings.user_name), self.settings.params(role)
            self._reset(incognito=self._journal.paused)
            self._set_up(self.role.system)

    def set_think(self, think: Think) -> None:
        """Set whether the model reasons before it answers, from the next answer on."""
        with self.changing():
            self.think = think

    def reset_params(self) -> None:
        """Undo every change of sampling since the start, or since the role was taken."""
        with self.changing():
            self.params = self.settings.params(self.role)

    def configure(self, changes: SamplingParams, unset: frozenset[str] = frozenset()) -> None:
        """Change sampling from the next answer on; the names in `unset` get the checkpoint's default."""
        with self.changing():
            self.params = replace(changes.over(self.params), **dict.fromkeys(unset))

    def close(self) -> Path | None:
        """Stop the turn; return the file with the conversation if the store refused it, else None.

        Raises: StoreError when no file can be written either.
        """
        if (turn := self.running) is not None:
            turn.stop()
            turn.wait()
        # The turn may still be committing its answer.
        with self._lock:
            return self._journal.rescue()

    def _set_up(self, system: str | None) -> None:
        """Give a new conversation its system prompt and the greeting of the role."""
        if system is not None:
            self.set_system(system)
        if self.role is not None and self.role.greeting:
            greeting = AnswerDetails(self.model.name, finish_reason="stop")
            self._journal.keep(
                self.history, self.history.add(Message("assistant", self.role.greeting), greeting)
            )

    def _reset(self, *, begun: bool = False, incognito: bool = False) -> None:
        self.history, self._window, self.latest = History(role=role_name(self.role)), ContextWindow(), None
        self._journal.switch_conversation(begun=begun, paused=incognito)


def _check_text(text: str, *, may_be_empty: bool = False) -> None:
    if not text.strip() and not may_be_empty:
        raise UsageError(i18n.Text("message.empty"))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(i18n.Text("message.not_unicode")) from None
