"""Models that have a name here: a short catalogue of what the hubs have, `known_models.toml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from qwen_chat import i18n
from qwen_chat.errors import ModelLoadError
from qwen_chat.files.toml import read_toml
from qwen_chat.files.validation import Meta, Struct, convert
from qwen_chat.model.catalog.survey import DEFAULT_CONTEXT

FILE = Path(__file__).with_name("known_models.toml")

HubName = Literal["huggingface", "modelscope"]
_Count = Annotated[int, Meta(ge=1)]
_Billions = Annotated[float, Meta(gt=0)]
_BITS = {"q4_0": 4.5, "q4_1": 5.0, "q4_k_m": 4.9, "q5_k_m": 5.7, "q6_k": 6.6, "q8_0": 8.5}
"""Bits of a weight, on average over a file of this quantization."""

_KEY_BYTES = 2
"""Bytes of a number in the KV cache, which is kept in 16 bits by default."""

_CLOSE = 0.5


class ModelFile(Struct, frozen=True, forbid_unknown_fields=True):
    """A file in a repository; its exact size and hash where they are known."""

    name: str
    bytes: _Count | None = None
    sha256: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$")] = ""


class Quantization(Struct, frozen=True, forbid_unknown_fields=True):
    """The files of a model at one precision, in the order of their parts."""

    name: str
    repository: str
    files: Annotated[tuple[ModelFile, ...], Meta(min_length=1)]


class KnownModel(Struct, frozen=True, forbid_unknown_fields=True):
    """A model of the catalogue; the file explains the fields. The first quantization is the default."""

    name: str
    title: str
    publisher: str
    licence: str
    parameters: _Billions
    layers: _Count
    kv_heads: _Count
    head_size: _Count
    context: _Count
    good_for: str
    quantizations: Annotated[tuple[Quantization, ...], Meta(min_length=1)]
    aliases: tuple[str, ...] = ()
    active: _Billions | None = None
    hubs: tuple[HubName, ...] = ("huggingface", "modelscope")

    @property
    def names(self) -> tuple[str, ...]:
        """The name and its other spellings."""
        return self.name, *self.aliases

    @property
    def purpose(self) -> str:
        """What it is good for, as a text of the catalogue of texts."""
        return i18n.Text(f"purpose.{self.good_for}")

    @property
    def active_share(self) -> float:
        """The share of the weights that one token uses: less than 1 for a mixture of experts."""
        return self.active / self.parameters if self.active else 1.0

    @property
    def default(self) -> "Variant":
        """The model at the quantization that is taken where none is named."""
        return Variant(self, self.quantizations[0])


@dataclass(frozen=True, slots=True)
class Variant:
    """A model at one of its quantizations: what is fetched, and answers."""

    model: KnownModel
    quantization: Quantization

    @property
    def name(self) -> str:
        """What a person writes after `-c`; the default quantization is left out."""
        is_default = self.quantization == self.model.quantizations[0]
        return self.model.name if is_default else f"{self.model.name}:{self.quantization.name}"

    @property
    def size_is_exact(self) -> bool:
        """Whether `size` is the size of the files rather than an estimate."""
        return all(file.bytes for file in self.quantization.files)

    @property
    def size(self) -> int:
        """The bytes of all files; estimated from the parameters where they are not known."""
        if self.size_is_exact:
            return sum(file.bytes or 0 for file in self.quantization.files)
        return int(self.model.parameters * 1e9 * _BITS[self.quantization.name] / 8)

    @property
    def context(self) -> int:
        """The tokens of context that a chat has by default."""
        return min(self.model.context, DEFAULT_CONTEXT)

    def memory(self, context: int) -> int:
        """Return the bytes for the weights and `context` tokens."""
        model = self.model
        return self.size + context * model.layers * model.kv_heads * model.head_size * 2 * _KEY_BYTES


def known_models(path: Path | None = None) -> tuple[KnownModel, ...]:
    """Return the models of the catalogue, or of another file like it."""
    return _read_models(path or FILE)


def known_variants() -> Iterator[Variant]:
    """Yield every quantization of every model."""
    for model in known_models():
        yield from (Variant(model, each) for each in model.quantizations)


def find_known(text: str) -> Variant | None:
    """Return the model that a text names, as `qwen3-8b`, `qwen3:8b` or `qwen3-8b:q8_0`; None for no name.

    Raises: ModelLoadError for a known model without the quantization that is named.
    """
    found = _spellings(FILE)
    if (variant := found.get(_normalize(text))) is not None:
        return variant
    name, _, wanted = text.rpartition(":")
    if name and (variant := found.get(_normalize(name))) is not None:
        raise _no_quantization(variant, wanted)
    return None


def require_known(text: str) -> Variant:
    """Return the model that a text names, as `find_known` does.

    Raises: ModelLoadError for no name, with the names that are spelled like it.
    """
    if (found := find_known(text)) is not None:
        return found
    names = suggest_names(text)
    mend = f"did you mean {' or '.join(names)}?" if names else "`qwen-chat models` lists all"
    raise ModelLoadError(f"no model has the name {text!r}; {mend}")


def suggest_names(text: str, count: int = 3) -> list[str]:
    """Return the names that are spelled most like a text, the closest first."""
    spelled = {spelling: model.name for model in known_models() for spelling in model.names}
    close = get_close_matches(_normalize(text), spelled, n=2 * count, cutoff=_CLOSE)
    return list(dict.fromkeys(spelled[each] for each in close))[:count]


@lru_cache(maxsize=4)
def _read_models(path: Path) -> tuple[KnownModel, ...]:
    return convert(read_toml(path).values["model"], tuple[KnownModel, ...])


@lru_cache(maxsize=4)
def _spellings(path: Path) -> dict[str, Variant]:
    found: dict[str, Variant] = {}
    for model in known_models(path):
        variants = [Variant(model, each) for each in model.quantizations]
        for name in model.names:
            found |= {f"{name}-{each.quantization.name}": each for each in variants}
            found[name] = variants[0]
    return found


def _normalize(text: str) -> str:
    return text.strip().lower().replace(":", "-")


def _no_quantization(variant: Variant, wanted: str) -> ModelLoadError:
    model, repository = variant.model, variant.quantization.repository
    have = " or ".join(f"{model.name}:{each.name}" for each in model.quantizations)
    other = f"; others are at -c {repository}:{wanted}" if repository else ""
    return ModelLoadError(f"{model.name} has no {wanted!r} here: take {have}{other}")
