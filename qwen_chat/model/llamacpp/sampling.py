"""Sampling parameters under llama.cpp's names."""

from collections.abc import Mapping
from typing import Any

from qwen_chat.sampling import SamplingParams

_PARAMETERS = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "min_p": "min_p",
    "repetition_penalty": "repeat_penalty",
    "presence_penalty": "presence_penalty",
    "frequency_penalty": "frequency_penalty",
}
"""Our names and llama.cpp's for the same parameters."""


def checkpoint_params(server_params: Mapping[str, Any]) -> SamplingParams:
    """Return the sampling parameters that llama.cpp read from the checkpoint, or its own defaults."""
    values = {ours: round(server_params[theirs], 6) for ours, theirs in _PARAMETERS.items()}
    return SamplingParams.from_mapping(values)


def sampling_request(params: SamplingParams, context_length: int) -> dict[str, Any]:
    """Return the part of a request that sets sampling."""
    request = {
        theirs: value for ours, theirs in _PARAMETERS.items() if (value := getattr(params, ours)) is not None
    }
    if params.repetition_penalty not in (None, 1.0):
        # Like Qwen's own code, penalize repetition of the whole context, not of the last 64 tokens only.
        request["repeat_last_n"] = context_length
    request["n_predict"] = params.max_new_tokens or -1
    request["stop"] = list(params.stop or ())
    if params.seed is not None:
        request["seed"] = params.seed
    return request
