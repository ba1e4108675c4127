"""What a role is: the system prompt, and what a front end shows and a chat adds around it."""

from dataclasses import dataclass, field, replace

from qwen_chat.roles.lorebook import Lorebook
from qwen_chat.roles.macros import fill_names
from qwen_chat.roles.probes import Probe
from qwen_chat.sampling import SamplingParams


@dataclass(frozen=True, slots=True)
class Role:
    """A role; its texts may say {{char}} and {{user}}, which stand for names until it is taken."""

    name: str
    title: str
    system: str
    use: str = ""
    language: str = ""
    greeting: str = ""
    examples: tuple[str, ...] = ()
    sampling: SamplingParams = field(default_factory=SamplingParams)
    character: str = ""
    """What {{char}} stands for; the title where it is empty."""
    alternate_greetings: tuple[str, ...] = ()
    lorebook: Lorebook = field(default_factory=Lorebook)
    probes: tuple[Probe, ...] = ()

    @property
    def greetings(self) -> tuple[str, ...]:
        """Every way the chat may begin, the usual one first."""
        return tuple(filter(None, (self.greeting, *self.alternate_greetings)))

    def fill_names(self, user: str) -> "Role":
        """Return the role with the names filled in; `user` is what the person is called."""
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
