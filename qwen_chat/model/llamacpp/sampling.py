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
"""Our names -> llama.cpp's, where both mean the same."""


def checkpoint_params(served: Mapping[str, Any]) -> SamplingParams:
    """Return the sampling that llama.cpp took from the checkpoint, or its own defaults."""
    values = {ours: round(served[theirs], 6) for ours, theirs in _PARAMETERS.items()}
    return SamplingParams.from_mapping(values)


def request_of(params: SamplingParams, context_length: int) -> dict[str, Any]:
    """Return what a request for an answer says of sampling."""
    request = {
        theirs: value for ours, theirs in _PARAMETERS.items() if (value := getattr(params, ours)) is not None
    }
    if params.repetition_penalty not in (None, 1.0):
        # Like Qwen's own code, penalize repeating anything in the context, not the last 64 tokens alone.
        request["repeat_last_n"] = context_length
    request["n_predict"] = params.max_new_tokens or -1
    request["stop"] = list(params.stop or ())
    if params.seed is not None:
        request["seed"] = params.seed
    return request
