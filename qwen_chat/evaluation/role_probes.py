"""Roles held to their probes by a model that plays them; prints nothing."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from threading import Event

from qwen_chat.errors import ModelError, UsageError
from qwen_chat.message import Message
from qwen_chat.model.base import PLAIN, ChatModel, PromptOptions
from qwen_chat.roles import Role
from qwen_chat.roles.probes import Probe
from qwen_chat.sampling import SamplingParams

DEFAULT_PARAMS = SamplingParams(seed=1, max_new_tokens=512)
"""What is used where neither settings nor the role choose; each further run has the next seed."""


@dataclass(frozen=True, slots=True)
class Run:
    """One answer to a probe, and what is wrong with it."""

    seed: int
    said: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a role did on one of its probes."""

    role: str
    probe: Probe
    runs: tuple[Run, ...]

    @property
    def passed(self) -> bool:
        """Whether every run was without fault."""
        return not any(run.faults for run in self.runs)


def run_probes(
    model: ChatModel,
    role: Role,
    params: SamplingParams,
    options: PromptOptions = PLAIN,
    *,
    cancel: Event | None = None,
) -> Generator[Verdict, None, None]:
    """Yield the verdict on each probe of a role, whose names are filled in, in their order.

    It is played as in a chat: under its system prompt, after its greeting, with its lore. The last answer
    to a probe is judged. What the model cannot answer is a fault of that run.
    """
    player = _Player(model, role, options, cancel or Event())
    chosen = params.over(DEFAULT_PARAMS.over(model.default_params))
    for probe in role.probes:
        runs = []
        for number in range(probe.runs):
            runs.append(player.run(probe, chosen.reseeded(number)))
            if player.cancel.is_set():
                return
        yield Verdict(role.name, probe, tuple(runs))


@dataclass(frozen=True, slots=True)
class _Player:
    """A model in a role."""

    model: ChatModel
    role: Role
    options: PromptOptions
    cancel: Event

    def run(self, probe: Probe, params: SamplingParams) -> Run:
        said = ""
        try:
            said = self._answer(probe.say, params)
            faults = probe.find_faults(said)
        except (ModelError, UsageError) as error:
            faults = [" ".join(str(error).split())]
        return Run(params.seed or 0, said, tuple(faults))

    def _answer(self, say: Sequence[str], params: SamplingParams) -> str:
        """Say every turn, and return the last answer."""
        greeting = self.role.greeting
        spoken = [Message("assistant", greeting)] if greeting else []
        answer = ""
        for text in say:
            spoken.append(Message("user", text))
            said = [message.content for message in spoken]
            messages = [Message("system", self.role.lorebook.extend_prompt(self.role.system, said)), *spoken]
            with closing(self.model.stream(messages, params, self.options, cancel=self.cancel)) as deltas:
                answer = "".join(delta.text for delta in deltas)
            spoken.append(Message("assistant", answer))
        return answer
