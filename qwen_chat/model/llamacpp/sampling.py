"""Sampling parameters under llama.cpp's names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from qwen_chat.message import TokenLogprob
from qwen_chat.model.base import OutputOptions
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


def output_request(output: OutputOptions, grammar: str) -> dict[str, Any]:
    """Return the part of a request that restricts and reports tokens."""
    request: dict[str, Any] = {}
    if grammar:
        request["grammar"] = grammar
    if output.logit_bias:
        request["logit_bias"] = [list(pair) for pair in output.logit_bias.items()]
    if output.top_logprobs is not None:
        # With none asked for, llama.cpp reports no token at all.
        request["n_probs"] = max(1, output.top_logprobs)
    return request


def read_logprobs(event: Mapping[str, Any], number: int | None) -> tuple[TokenLogprob, ...]:
    """Return the log-probabilities that an event reports, each with `number` of the likeliest tokens."""
    return tuple(
        replace(_read_logprob(each), likeliest=tuple(map(_read_logprob, each["top_logprobs"][:number])))
        for each in event.get("completion_probabilities", ())
        if number is not None
    )


def _read_logprob(values: Mapping[str, Any]) -> TokenLogprob:
    return TokenLogprob(values["id"], bytes(values["bytes"]), values["logprob"])
