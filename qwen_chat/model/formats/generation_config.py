"""Reads sampling defaults, end tokens and the context length from a checkpoint's JSON configs."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from qwen_chat.errors import UsageError
from qwen_chat.model.formats.rope_scaling import of_config
from qwen_chat.sampling import SamplingParams

_NAMES = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "max_new_tokens")


def default_params(generation: Mapping[str, Any]) -> SamplingParams:
    """Return the checkpoint's default sampling parameters; invalid values are left out.

    As in transformers, a generation config that does not say `do_sample` means the likeliest token always.
    """
    params = SamplingParams()
    for name in _NAMES:
        if generation.get(name) is not None:
            with suppress(UsageError):
                params = SamplingParams.from_mapping({name: generation[name]}).over(params)
    if generation and generation.get("do_sample") is not True:
        return SamplingParams(temperature=0).over(params)
    return params


def end_ids(*values: object) -> frozenset[int]:
    """Collect token ids from values that are an id, a list of ids, or None."""
    ids: set[int] = set()
    for value in values:
        ids |= {id for id in (value if isinstance(value, Iterable) else [value]) if isinstance(id, int)}
    return frozenset(ids)


def context_length(config: Mapping[str, Any], generation: Mapping[str, Any]) -> int:
    """Return the context length in tokens, prompt and answer together.

    A stretch of positions, as by YaRN, is counted. With dynamic NTK, a first-generation checkpoint extends
    its positions beyond `seq_length`, up to `max_window_size`.
    """
    trained = _positive_int(config, "seq_length", "max_position_embeddings", "n_positions") or _UNKNOWN_LENGTH
    if config.get("model_type") != "qwen":
        given = _positive_int(config.get("text_config") or config, "max_position_embeddings")
        scaling = of_config(config)
        return max(given or _UNKNOWN_LENGTH, scaling.length if scaling else 0)
    if not config.get("use_dynamic_ntk"):
        return trained
    return max(
        trained,
        _positive_int(generation, "max_window_size") or _positive_int(config, "max_position_embeddings") or 0,
    )


_UNKNOWN_LENGTH = 4096


def _positive_int(values: Mapping[str, Any], *names: str) -> int | None:
    found = (values.get(name) for name in names)
    return next((value for value in found if isinstance(value, int) and value > 0), None)
