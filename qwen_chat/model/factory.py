"""Makes models from settings: cheap checks happen at once, loading happens later."""

from dataclasses import fields
from importlib.util import find_spec
from typing import Any, TextIO

from qwen_chat.errors import MissingExtraError, ModelLoadError
from qwen_chat.model.base import Capabilities, TokenizingModel
from qwen_chat.model.catalog.locate import ModelLocation, locate
from qwen_chat.model.catalog.speeds import find_speed
from qwen_chat.model.formats.checkpoint import CheckpointInfo, read_checkpoint
from qwen_chat.model.formats.gguf import read_info
from qwen_chat.model.hf.library_logging import silence_libraries
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.model.loading import LoadingModel
from qwen_chat.model.processors import short_waits
from qwen_chat.model.prompt import local_capabilities
from qwen_chat.model.templates.template import used_text
from qwen_chat.settings import SPECS, Engine, Settings, flag_of

_PACKAGES = ("torch", "transformers", "accelerate", "safetensors")
_KNOWN_FOLDER_CAPABILITIES = Capabilities(
    tokens=True, tools=None, thinking=None, logprobs=True, batching=True, output=False
)
"""Whether a chat template writes tools and reasoning is known once the tokenizer is loaded."""


def open_model(
    settings: Settings, progress: TextIO, *, ignore_end: bool = False
) -> tuple[ModelLocation, LoadingModel]:
    """Find or download the checkpoint, and return its location with a model that is not loaded yet.

    With `ignore_end` the model continues after end tokens, for measurements.

    Raises: ModelLoadError for a checkpoint that is missing, of the wrong kind or not whole.
    """
    located = locate_chosen(settings, progress)
    if located.engine == "transformers":
        return located, _open_folder(located, settings, progress, ignore_end=ignore_end)
    return located, _open_file(located, settings, ignore_end=ignore_end)


def locate_chosen(settings: Settings, progress: TextIO) -> ModelLocation:
    """Return the model that the settings name, and fetch it first if need be.

    Raises: ModelLoadError, MissingExtraError.
    """
    return locate(
        settings.checkpoint_path,
        progress,
        hub=settings.hub,
        revision=settings.revision,
        embedded=settings.embedded,
        context=settings.ctx_size,
    )


def _open_file(located: ModelLocation, settings: Settings, *, ignore_end: bool) -> LoadingModel:
    _refuse_other_engines(settings, "llama.cpp", "a GGUF file")
    info = read_info(located.path)
    speed = find_speed(located.path)
    options = LlamaCppOptions(
        **_engine_options(LlamaCppOptions, settings),
        ignore_end=ignore_end,
        prefill_speed=speed.read if speed else None,
    )

    def load() -> TokenizingModel:
        return LlamaCppModel(
            located.path,
            located.name,
            options,
            info=info,
            default_params=located.embedded.params if located.embedded else None,
            default_system=located.embedded.system_prompt if located.embedded else None,
            report_progress=model.report_progress,
        )

    known = local_capabilities(used_text(info.chat_templates), raw=settings.raw, output=True)
    model = LoadingModel(located.name, load, located.path, capabilities=known, parallel=settings.parallel)
    return model


def _open_folder(
    located: ModelLocation, settings: Settings, progress: TextIO, *, ignore_end: bool
) -> LoadingModel:
    _refuse_other_engines(settings, "torch", "a safetensors checkpoint")
    info = read_checkpoint(located.path)
    if not all(map(find_spec, _PACKAGES)):
        raise MissingExtraError("A safetensors checkpoint", "transformers")
    draft = _read_draft(settings, progress)
    options = TransformersOptions(**_engine_options(TransformersOptions, settings), ignore_end=ignore_end)

    def load() -> TokenizingModel:
        silence_libraries()  # before transformers is imported, which imports what else is installed
        with short_waits():  # of torch's threads
            from qwen_chat.model.hf.engine import TransformersModel

        return TransformersModel(info, located.name, options, draft=draft)

    return LoadingModel(
        located.name, load, located.path, capabilities=_KNOWN_FOLDER_CAPABILITIES, parallel=settings.parallel
    )


def _engine_options(
    options: type[LlamaCppOptions | TransformersOptions], settings: Settings
) -> dict[str, Any]:
    return {item.name: getattr(settings, item.name) for item in fields(options) if item.name in SPECS}


def _read_draft(settings: Settings, progress: TextIO) -> CheckpointInfo | None:
    if settings.draft is None:
        return None
    located = locate(settings.draft, progress, hub=settings.hub)
    if located.engine != "transformers":
        raise ModelLoadError(f"--draft {settings.draft}: name a safetensors checkpoint, as -c does")
    return read_checkpoint(located.path)


def _refuse_other_engines(settings: Settings, engine: Engine, kind: str) -> None:
    """Raise ModelLoadError for a chosen setting that only another engine knows, rather than ignore it."""
    standard = Settings()
    for name, spec in SPECS.items():
        value = getattr(settings, name)
        if not spec.is_for(engine) and value != getattr(standard, name):
            raise ModelLoadError(
                f"{flag_of(name)} is not for {kind}: leave it out, or name another checkpoint"
            )
        if value in spec.refused_choices(engine):
            others = ", ".join(spec.engine_choices[engine])
            raise ModelLoadError(f"{flag_of(name)} {value} is not for {kind}: take {others}")
