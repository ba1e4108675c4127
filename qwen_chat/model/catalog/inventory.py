"""The models that are here: what each is, whether it fits the memory, how fast it ran; prints nothing."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from qwen_chat.errors import ModelError, StoreError, UsageError
from qwen_chat.files.paths import cache_dir
from qwen_chat.model.catalog import embedded, speeds
from qwen_chat.model.catalog.cache import Stored, in_folder, in_huggingface_cache, in_modelscope_cache
from qwen_chat.model.catalog.machine import Machine
from qwen_chat.model.catalog.speeds import Speed
from qwen_chat.model.catalog.survey import Survey, survey_file, survey_folder
from qwen_chat.model.llamacpp import DEFAULT_CONTEXT

Fits = Literal["yes", "tight", "no"]


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that is here; `fault` says in one line why it cannot be used, where it cannot."""

    stored: Stored
    survey: Survey | None = None
    speed: Speed | None = None
    fault: str = ""

    @property
    def context(self) -> int:
        """The tokens of context that `memory` counts: what a chat has that asks for no other."""
        return min((self.survey and self.survey.context_length) or DEFAULT_CONTEXT, DEFAULT_CONTEXT)

    @property
    def memory(self) -> tuple[int, int] | None:
        """The least and the most bytes that weights and context take."""
        return self.survey.memory(self.context) if self.survey else None

    def fits(self, machine: Machine) -> Fits | None:
        """Whether it fits: at once, or only with less of something, or not at all."""
        if self.memory is None:
            return None
        least, most = self.memory
        return "yes" if most <= machine.free else "tight" if least <= machine.total else "no"


def inventory(folders: Sequence[Path] = ()) -> Iterator[Entry]:
    """Yield the demo model, then what the caches and the folders have, then what ran here before.

    Raises: UsageError when one of the folders is not there.
    """
    known, seen = speeds.recorded(), set()
    for stored in _everywhere(folders, list(known)):
        place = _resolved(stored.path)
        if place not in seen:
            seen.add(place)
            yield _entry(stored, known.get(place))


def _everywhere(folders: Sequence[Path], used: Sequence[Path]) -> Iterator[Stored]:
    if (demo := embedded.find()) is not None:
        yield Stored("embedded", demo)
    yield from in_huggingface_cache()
    yield from in_modelscope_cache()
    for folder in folders:
        yield from in_folder(folder)
    with suppress(StoreError, UsageError):
        yield from in_folder(cache_dir() / "models")
    yield from (Stored(str(path), path) for path in used if path.exists())


def _entry(stored: Stored, speed: Speed | None) -> Entry:
    try:
        survey = survey_folder(stored.path) if stored.path.is_dir() else survey_file(stored.path)
        same = speed is not None and speed.size == speeds.size_of(stored.path)
    except (ModelError, OSError) as error:
        return Entry(stored, fault=" ".join(str(error).split()))
    return Entry(stored, survey, speed if same else None)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path
