"""Answers in the forms of /v1/chat/completions: whole, and as the chunks of a stream."""

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qwen_chat.message import Delta, FinishReason, TokenLogprob, ToolCallPiece, Usage
from qwen_chat.server.replies import WholeAnswer

Json = dict[str, Any]

_REASONS: dict[FinishReason, str] = {"context": "length", "interrupted": "stop", "error": "stop"}
"""Finish reasons that OpenAI does not have."""


@dataclass(frozen=True, slots=True)
class ReplyHead:
    """What the whole answer and all its chunks have in common."""

    model: str
    legacy: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def as_json(self, kind: str) -> Json:
        """Return the fields of an object of this kind."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def choice(answer: WholeAnswer, index: int, *, legacy: bool, logprobs: bool) -> Json:
    """Return an answer as one of the choices."""
    message: Json = {"role": "assistant", "content": answer.text or (None if answer.calls else "")}
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.calls:
        calls = [call_as_json(call) for call in answer.calls]
        message |= _legacy(calls) if legacy else {"tool_calls": calls}
    return {
        "index": index,
        "message": message,
        "finish_reason": finish_reason(answer.finish_reason, legacy=legacy),
        "logprobs": logprobs_as_json(answer.logprobs) if logprobs else None,
    }


def completion(head: ReplyHead, answers: Sequence[WholeAnswer], *, logprobs: bool) -> Json:
    """Return all choices of a request."""
    choices = [
        choice(answer, index, legacy=head.legacy, logprobs=logprobs) for index, answer in enumerate(answers)
    ]
    usage = usage_as_json([answer.usage for answer in answers])
    return {**head.as_json("chat.completion"), "choices": choices, "usage": usage}


def chunk(
    head: ReplyHead, index: int, delta: Json, *, finish: str | None = None, more: Json | None = None
) -> str:
    """Return the event of a chunk with one choice, which may have more fields."""
    piece = {"index": index, "delta": delta, "finish_reason": finish, **(more or {})}
    return event({**head.as_json("chat.completion.chunk"), "choices": [piece]})


def usage_chunk(head: ReplyHead, usages: Iterable[Usage]) -> str:
    """Return the event of the chunk that tells what the answers cost."""
    return event({**head.as_json("chat.completion.chunk"), "choices": [], "usage": usage_as_json(usages)})


def event(value: Mapping[str, Any]) -> str:
    """Return a value as the data of an event."""
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n"


def chunk_deltas(delta: Delta, *, legacy: bool) -> Iterable[Json]:
    """Return what is new in a delta, as chunks have it."""
    if delta.reasoning:
        yield {"reasoning_content": delta.reasoning}
    if delta.text:
        yield {"content": delta.text}
    for call in delta.tool_calls:
        value = call_as_json(call)
        yield _legacy([value]) if legacy else {"tool_calls": [{"index": call.index, **value}]}


def call_as_json(call: ToolCallPiece) -> Json:
    """Return a whole call."""
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def finish_reason(reason: FinishReason, *, legacy: bool = False) -> str:
    """Return a finish reason in OpenAI's words."""
    if reason == "tool_calls" and legacy:
        return "function_call"
    return _REASONS.get(reason, reason)


def usage_as_json(usages: Iterable[Usage]) -> Json:
    """Return the cost of several answers to one prompt, which is counted once."""
    usages = [*usages]
    prompt = max((usage.prompt_tokens for usage in usages), default=0)
    cached = max((usage.cached_tokens for usage in usages), default=0)
    written = sum(usage.completion_tokens for usage in usages)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def logprobs_as_json(tokens: Iterable[TokenLogprob]) -> Json:
    """Return log-probabilities as choices have them."""
    return {
        "content": [_token(each, likeliest=[_token(other) for other in each.likeliest]) for each in tokens]
    }


def _token(token: TokenLogprob, likeliest: list[Json] | None = None) -> Json:
    text = token.bytes.decode(errors="replace")
    value: Json = {"token": text, "logprob": token.logprob, "bytes": [*token.bytes]}
    return value if likeliest is None else {**value, "top_logprobs": likeliest}


def _legacy(calls: list[Json]) -> Json:
    return {"function_call": calls[0]["function"]}
