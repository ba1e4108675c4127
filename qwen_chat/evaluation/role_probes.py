"""Tests roles: a model that plays a role answers its probes; prints nothing."""

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
"""The sampling where neither the settings nor the role choose; each further run has the next seed."""


@dataclass(frozen=True, slots=True)
class ProbeRun:
    """One answer to a probe, and its faults."""

    seed: int
    said: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a role on one of its probes."""

    role: str
    probe: Probe
    runs: tuple[ProbeRun, ...]

    @property
    def passed(self) -> bool:
        """Whether no run had a fault."""
        return not any(run.faults for run in self.runs)


def run_probes(
    model: ChatModel,
    role: Role,
    params: SamplingParams,
    options: PromptOptions = PLAIN,
    *,
    cancel: Event | None = None,
) -> Generator[Verdict, None, None]:
    """Yield the verdict on each probe of a role, in their order; the names in the role are filled in already.

    The model plays the role as in a chat: under its system prompt, after its greeting, with its lore. The
    last answer to a probe is judged. An error of the model is a fault of that run.
    """
    player = _Player(model, role, options, cancel or Event())
    chosen = params.over(DEFAULT_PARAMS.over(model.default_params))
    for probe in role.probes:
        runs = []
        for number in range(probe.runs):
            runs.append(player.answer_probe(probe, chosen.reseeded(number)))
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

    def answer_probe(self, probe: Probe, params: SamplingParams) -> ProbeRun:
        answer = ""
        try:
            answer = self._last_answer(probe.say, params)
            faults = probe.find_faults(answer)
        except (ModelError, UsageError) as error:
            faults = [" ".join(str(error).split())]
        return ProbeRun(params.seed or 0, answer, tuple(faults))

    def _last_answer(self, say: Sequence[str], params: SamplingParams) -> str:
        """Send every question of a probe, and return the last answer."""
        greeting = self.role.greeting
        spoken = [Message("assistant", greeting)] if greeting else []
        answer = ""
        for text in say:
            spoken.append(Message("user", text))
            texts = [message.content for message in spoken]
            system = self.role.lorebook.extend_prompt(self.role.system, texts)
            messages = [Message("system", system), *spoken]
            with closing(self.model.stream(messages, params, self.options, cancel=self.cancel)) as deltas:
                answer = "".join(delta.text for delta in deltas)
            spoken.append(Message("assistant", answer))
        return answer
