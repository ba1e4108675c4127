"""Settings -> a model that is ready to load: what is cheap to check is checked at once."""

from dataclasses import fields
from typing import TextIO

from qwen_chat.model import embedded
from qwen_chat.model.gguf import read_info
from qwen_chat.model.llamacpp import LlamaCppModel, LlamaCppOptions
from qwen_chat.model.loading import LoadingModel
from qwen_chat.model.locate import Located, locate
from qwen_chat.settings import Settings


def open_model(settings: Settings, progress: TextIO) -> tuple[Located, LoadingModel]:
    """Find the checkpoint, fetched where needed, and return it with a model that has yet to be loaded.

    Raises: ModelLoadError for a checkpoint that is missing, of the wrong kind or not whole.
    """
    located = locate(settings.checkpoint_path, progress)
    info = read_info(located.path)
    options = LlamaCppOptions(**{item.name: getattr(settings, item.name) for item in fields(LlamaCppOptions)})

    def load() -> LlamaCppModel:
        return LlamaCppModel(
            located.path,
            located.name,
            options,
            info=info,
            default_params=embedded.DEFAULT_PARAMS if located.embedded else None,
            default_system=embedded.SYSTEM_PROMPT if located.embedded else None,
        )

    return located, LoadingModel(located.name, load)
