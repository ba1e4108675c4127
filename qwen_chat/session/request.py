"""What a turn asks a model: the part of the conversation that fits, and the answer as it comes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event

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
from qwen_chat.text import plural


@dataclass(frozen=True, slots=True)
class Request:
    """A branch that ends with a question, under a system prompt; `begun` of its answer is gone on with."""

    path: Sequence[Node]
    system: Node | None
    params: SamplingParams
    options: PromptOptions
    begun: Message | None = None


class Asker:
    """Asks within one conversation; it remembers which turns it had to leave out."""

    def __init__(self) -> None:
        self._window = ContextWindow()

    @property
    def left_out(self) -> int:
        """How many of the oldest turns the model no longer reads."""
        return self._window.left_out

    def messages(self, model: ChatModel, request: Request) -> list[Message]:
        """Return the messages that the model reads."""
        limit = request.params.over(model.default_params).max_new_tokens
        system = request.system.message if request.system else None
        return self._window.messages(model, system, request.path, limit) + _begun(request)

    def answer(
        self, model: ChatModel, request: Request, notices: list[str], cancel: Event
    ) -> Iterator[Delta]:
        """Yield the answer, asked for with fewer turns where the engine refuses; `notices` get what to tell.

        Raises: ContextLengthError when a single turn is too long; ModelError.
        """
        if isinstance(wait_until_loaded(model, cancel), Loading):
            return
        params = request.params.over(model.default_params)
        system = request.system.message if request.system else None
        before = self._window.left_out
        told = soft_switch_notice(request.path, request.options.think) if model.capabilities.thinking else []
        messages = self.messages(model, request)
        while True:
            notices[:] = told + ([_left_out(self.left_out)] if self.left_out > before else [])
            try:
                yield from model.stream(messages, params, request.options, cancel=cancel)
                return
            except ContextLengthError as error:
                fewer = self._window.shrink(error, system, request.path)
                if fewer is None:
                    raise
                messages = fewer + _begun(request)


def with_lore(role: Role | None, system: Node | None, path: Sequence[Node]) -> Node | None:
    """Return a system prompt with what the lorebook of a role adds to it at the end of a branch."""
    if system is None or role is None or not role.lorebook.entries:
        return system
    said = [full_text(node.message) for node in path]
    return replace(
        system, message=Message("system", role.lorebook.extend_prompt(system.message.content, said))
    )


def _begun(request: Request) -> list[Message]:
    begun = request.begun
    return [begun] if begun is not None and (begun.content or begun.reasoning) else []


def _left_out(turns: int) -> str:
    return f"the context is full: the model no longer reads the oldest {plural(turns, 'turn')}"
