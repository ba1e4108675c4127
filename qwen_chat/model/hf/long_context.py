"""Stretches the positions of a checkpoint, and tells how long its context is then."""

from typing import Any

from transformers import PreTrainedConfig

from qwen_chat.errors import ModelLoadError
from qwen_chat.model.formats.checkpoint import CheckpointInfo
from qwen_chat.model.formats.generation_config import context_length
from qwen_chat.model.formats.rope_scaling import RopeScaling, choose, of_config
from qwen_chat.model.hf.options import TransformersOptions

_FIRST_GENERATION = "qwen"


def chosen_scaling(info: CheckpointInfo, setting: str | None) -> RopeScaling | None:
    """Return how positions are stretched: as a setting says, or as the checkpoint does.

    Raises: ModelLoadError.
    """
    if setting is not None and info.model_type == _FIRST_GENERATION:
        raise ModelLoadError("--rope-scaling: leave it out, first-generation Qwen stretches by itself")
    trained = context_length(info.config, info.generation)
    return choose(setting, of_config(info.config), trained)


def choose_context(info: CheckpointInfo, options: TransformersOptions) -> int:
    """Return the tokens of context.

    Raises: ModelLoadError for more than the checkpoint was made for.
    """
    longest = context_length(info.config, info.generation)
    if options.rope_scaling is not None:
        scaling, own = chosen_scaling(info, options.rope_scaling), of_config(info.config)
        longest = scaling.length if scaling else own.trained if own else longest
    if options.ctx_size and options.ctx_size > longest:
        raise ModelLoadError(
            f"--ctx-size {options.ctx_size}: this model was made for {longest}, use that or less, or "
            "stretch it with --rope-scaling yarn:FACTOR"
        )
    return options.ctx_size or longest


def apply_rope_scaling(
    config: PreTrainedConfig, info: CheckpointInfo, setting: str | None
) -> RopeScaling | None:
    """Change a config as a setting says, and return how positions are stretched.

    Raises: ModelLoadError.
    """
    scaling = chosen_scaling(info, setting)
    if setting is None:
        return scaling
    text: Any = config.get_text_config()
    before = getattr(text, "rope_parameters", None)
    if not isinstance(before, dict) or "rope_theta" not in before:
        raise ModelLoadError(f"--rope-scaling: transformers cannot stretch a {info.model_type} model")
    kept = {name: before[name] for name in ("rope_theta", "partial_rotary_factor") if name in before}
    if scaling is None:
        text.rope_parameters = {**kept, "rope_type": "default"}
    else:
        text.rope_parameters = {
            **kept,
            "rope_type": scaling.kind,
            "factor": scaling.factor,
            "original_max_position_embeddings": scaling.trained,
        }
    return scaling
