"""The request for one turn: the messages that fit the context window, and the stream of the answer."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from threading import Event

from qwen_chat import i18n
from qwen_chat.errors import ContextLengthError
from qwen_chat.files.fenced import full_text
from qwen_chat.history import Node
from qwen_chat.message import Delta, Message
from qwen_chat.model.base import ChatModel, PromptOptions, wait_until_loaded
from qwen_chat.model.state import Loading
from qwen_chat.roles import Role
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.context_window import ContextWindow
from qwen_chat.session.soft_switch import soft_switch_notice


@dataclass(frozen=True, slots=True)
class TurnRequest:
    """A branch that ends with a question, and how to answer it.

    The model continues `partial_answer` where one is given.
    """

    path: Sequence[Node]
    system: Node | None
    params: SamplingParams
    options: PromptOptions
    partial_answer: Message | None = None

    @property
    def system_message(self) -> Message | None:
        """The system prompt, None for none."""
        return self.system.message if self.system else None

    def with_answer(self, messages: Sequence[Message]) -> list[Message]:
        """Return messages with the partial answer at their end."""
        answer = self.partial_answer
        has_text = answer is not None and (answer.content or answer.reasoning)
        return [*messages, answer] if answer is not None and has_text else list(messages)


def request_messages(request: TurnRequest, model: ChatModel, window: ContextWindow) -> list[Message]:
    """Return the messages of a request that fit the context window."""
    limit = request.params.over(model.default_params).max_new_tokens
    return request.with_answer(window.messages(model, request.system_message, request.path, limit))


def stream_answer(
    request: TurnRequest, model: ChatModel, window: ContextWindow, cancel: Event, said: set[str]
) -> Iterator[Delta]:
    """Yield the answer to a request, first with its notices.

    `said` keeps what the model told about its prompts, which is not told again. When the model refuses the
    messages as too long, it is asked again with fewer turns.

    Raises: ContextLengthError when a single turn is too long; ModelError.
    """
    if isinstance(wait_until_loaded(model, cancel), Loading):
        return
    params = request.params.over(model.default_params)
    left_out_before = window.left_out
    messages = request_messages(request, model, window)
    while True:
        notices = _notices(request, model, window.left_out if window.left_out > left_out_before else 0)
        try:
            with closing(model.stream(messages, params, request.options, cancel=cancel)) as deltas:
                for delta in deltas:
                    fresh = (*notices, *(notice for notice in delta.notices if notice not in said))
                    said.update(delta.notices)
                    yield replace(delta, notices=fresh) if fresh or delta.notices else delta
                    notices = ()
            return
        except ContextLengthError as error:
            fewer = window.shrink(error, request.system_message, request.path)
            if fewer is None:
                yield Delta(notices=notices)
                raise
            messages = request.with_answer(fewer)


def add_lore(role: Role | None, system: Node | None, path: Sequence[Node]) -> Node | None:
    """Return a system prompt with the entries of the role's lorebook that the end of a branch triggers."""
    if system is None or role is None or not role.lorebook.entries:
        return system
    texts = [full_text(node.message) for node in path]
    prompt = role.lorebook.extend_prompt(system.message.content, texts)
    return replace(system, message=Message("system", prompt))


def _notices(request: TurnRequest, model: ChatModel, left_out: int) -> tuple[str, ...]:
    switched = soft_switch_notice(request.path, request.options.think) if model.capabilities.thinking else []
    return (*switched, *([left_out_notice(left_out)] if left_out else []))


def left_out_notice(turns: int) -> str:
    """Return what a person is told when the model stops reading the oldest turns."""
    return i18n.Text("notice.context_full", count=turns)
