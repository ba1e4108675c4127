"""What the command line sets for requests that leave it open."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from qwen_chat.message import Message, Think
from qwen_chat.sampling import SamplingParams


@dataclass(frozen=True, slots=True)
class Defaults:
    """The sampling parameters, the reasoning and the system prompt of a request that has none of its own.

    A system prompt of None leaves it to the checkpoint.
    """

    params: SamplingParams = field(default_factory=SamplingParams)
    think: Think = "auto"
    system: str | None = None

    def with_system(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Return messages with the system prompt, if they have none."""
        if self.system is None or messages[0].role == "system":
            return tuple(messages)
        return Message("system", self.system), *messages


NO_DEFAULTS = Defaults()
