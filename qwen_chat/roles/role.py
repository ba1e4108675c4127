"""The value of a role: its system prompt, greetings, examples, sampling, lore and probes."""

from dataclasses import dataclass, field, replace

from qwen_chat.roles.lorebook import Lorebook
from qwen_chat.roles.macros import fill_names
from qwen_chat.roles.probes import Probe
from qwen_chat.sampling import SamplingParams


@dataclass(frozen=True, slots=True)
class Role:
    """A role; its texts may hold {{char}} and {{user}}, which `fill_names` replaces when a chat takes it."""

    name: str
    title: str
    system: str
    use: str = ""
    language: str = ""
    greeting: str = ""
    examples: tuple[str, ...] = ()
    sampling: SamplingParams = field(default_factory=SamplingParams)
    character: str = ""
    """The name that {{char}} stands for; the title where it is empty."""
    alternate_greetings: tuple[str, ...] = ()
    lorebook: Lorebook = field(default_factory=Lorebook)
    probes: tuple[Probe, ...] = ()

    @property
    def greetings(self) -> tuple[str, ...]:
        """Every greeting that a chat may begin with, the usual one first."""
        return tuple(filter(None, (self.greeting, *self.alternate_greetings)))

    def fill_names(self, user: str) -> "Role":
        """Return the role with its names filled in; `user` is the name of the person."""
        char = self.character or self.title

        def filled(text: str) -> str:
            return fill_names(text, char=char, user=user)

        return replace(
            self,
            system=filled(self.system),
            greeting=filled(self.greeting),
            alternate_greetings=tuple(map(filled, self.alternate_greetings)),
            examples=tuple(map(filled, self.examples)),
            lorebook=self.lorebook.map_texts(filled),
            probes=tuple(replace(probe, say=tuple(map(filled, probe.say))) for probe in self.probes),
        )
