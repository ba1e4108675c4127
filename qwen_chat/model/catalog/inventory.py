"""Lists the models on this machine: format, size, whether each fits the memory, and how fast it ran."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from qwen_chat.errors import ModelError, StoreError, UsageError
from qwen_chat.files.paths import cache_dir
from qwen_chat.model.catalog import embedded, speeds
from qwen_chat.model.catalog.cache import (
    StoredModel,
    scan_folder,
    scan_huggingface_cache,
    scan_modelscope_cache,
)
from qwen_chat.model.catalog.known_files import fetched_variants
from qwen_chat.model.catalog.machine import Fits, MachineMemory
from qwen_chat.model.catalog.speeds import Speed
from qwen_chat.model.catalog.survey import DEFAULT_CONTEXT, Survey, survey_file, survey_folder


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine; `fault` says in one line why it cannot be used, if it cannot."""

    stored: StoredModel
    survey: Survey | None = None
    speed: Speed | None = None
    fault: str = ""

    @property
    def context(self) -> int:
        """The tokens of context that `memory` counts: the default of a chat."""
        return min((self.survey and self.survey.context_length) or DEFAULT_CONTEXT, DEFAULT_CONTEXT)

    @property
    def memory(self) -> tuple[int, int] | None:
        """The least and the most bytes that weights and context take."""
        return self.survey.memory(self.context) if self.survey else None

    def fits(self, machine: MachineMemory) -> Fits | None:
        """Return whether it fits the free memory, only the whole memory or with savings, or not at all."""
        return machine.fits(*self.memory) if self.memory is not None else None


def list_models(folders: Sequence[Path] = ()) -> Iterator[LocalModel]:
    """Yield the embedded models, then those in the caches and in `folders`, then those that ran here before.

    Raises: UsageError when one of the folders is missing.
    """
    known, seen = speeds.load_speeds(), set()
    for stored in _scan_everywhere(folders, list(known)):
        place = _resolve(stored.path)
        if place not in seen:
            seen.add(place)
            yield _inspect(stored, known.get(place))


def _scan_everywhere(folders: Sequence[Path], used: Sequence[Path]) -> Iterator[StoredModel]:
    for model in embedded.MODELS.values():
        if (path := embedded.find(model)) is not None:
            yield StoredModel(model.key, path)
    yield from scan_huggingface_cache()
    yield from scan_modelscope_cache()
    for folder in folders:
        yield from scan_folder(folder)
    yield from (StoredModel(variant.name, path) for variant, path in fetched_variants())
    with suppress(StoreError, UsageError):
        yield from scan_folder(cache_dir() / "models")
    yield from (StoredModel(str(path), path) for path in used if path.exists())


def _inspect(stored: StoredModel, speed: Speed | None) -> LocalModel:
    try:
        survey = survey_folder(stored.path) if stored.path.is_dir() else survey_file(stored.path)
        same = speed is not None and speed.size == speeds.weights_size(stored.path)
    except (ModelError, OSError) as error:
        return LocalModel(stored, fault=" ".join(str(error).split()))
    return LocalModel(stored, survey, speed if same else None)


def _resolve(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path
