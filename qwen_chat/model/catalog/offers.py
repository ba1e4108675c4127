"""Lists the models of the catalogue with what they would do on this machine, before anything is fetched."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qwen_chat.model.catalog.forecast import Forecast, forecast, machine_speed
from qwen_chat.model.catalog.known_files import find_here
from qwen_chat.model.catalog.known_models import Variant, known_variants
from qwen_chat.model.catalog.machine import Fits, MachineMemory


@dataclass(frozen=True, slots=True)
class Offer:
    """A model of the catalogue: where it is on this machine, if it is here, and how fast it would run."""

    variant: Variant
    path: Path | None
    forecast: Forecast

    @property
    def memory(self) -> int:
        """The bytes for the weights and the context of a chat."""
        return self.variant.memory(self.variant.context)

    def fits(self, machine: MachineMemory) -> Fits:
        """Return whether it fits the memory, as of `LocalModel`."""
        return machine.fits(self.memory, self.memory)


def list_offers() -> Iterator[Offer]:
    """Yield all models of the catalogue, at all their quantizations, in its order."""
    speed = machine_speed()
    for variant in known_variants():
        yield Offer(variant, find_here(variant), forecast(variant, speed))
