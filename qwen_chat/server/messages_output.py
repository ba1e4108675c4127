"""Answers in the forms of /v1/messages: whole, and as the events of a stream."""

import json
import secrets
from collections.abc import Iterable
from typing import Any

from qwen_chat.message import Delta, FinishReason, ToolCallPiece, Usage
from qwen_chat.server.errors import ApiError
from qwen_chat.server.replies import WholeAnswer

Json = dict[str, Any]

_REASONS: dict[FinishReason, str] = {
    "length": "max_tokens",
    "context": "max_tokens",
    "tool_calls": "tool_use",
}
"""Finish reasons in Anthropic's words; all others are "end_turn"."""


def message(model: str, answer: WholeAnswer) -> Json:
    """Return a whole answer."""
    content: list[Json] = []
    if answer.reasoning:
        content.append({"type": "thinking", "thinking": answer.reasoning, "signature": ""})
    if answer.text:
        content.append({"type": "text", "text": answer.text})
    content += [_call_block(call, json.loads(call.arguments)) for call in answer.calls]
    head = _head(model, answer.usage)
    return {**head, "content": content, **_ending(answer.finish_reason, answer.stop_text)}


class MessageWriter:
    """The events of one stream: the answer's parts as blocks, one after the other."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._kind = ""
        self._index = -1
        self._usage = Usage()
        self._ending: Json = {"stop_reason": "end_turn", "stop_sequence": None}

    def begin(self) -> Iterable[str]:
        """Return the events before the first block."""
        start = {**_head(self._model, Usage()), "content": [], "stop_reason": None, "stop_sequence": None}
        return [_event("message_start", message=start), _event("ping")]

    def write(self, index: int, delta: Delta) -> Iterable[str]:  # noqa: ARG002 - there is one answer
        """Return the events of the next piece."""
        if delta.reasoning:
            yield from self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            yield self._piece({"type": "thinking_delta", "thinking": delta.reasoning})
        if delta.text:
            yield from self._open("text", {"type": "text", "text": ""})
            yield self._piece({"type": "text_delta", "text": delta.text})
        for call in delta.tool_calls:
            yield from self._open(call.id, _call_block(call, {}))
            yield self._piece({"type": "input_json_delta", "partial_json": call.arguments})
        if delta.finish_reason is not None:
            self._ending = _ending(delta.finish_reason, delta.stop_text)
        self._usage = delta.usage or self._usage

    def end(self) -> Iterable[str]:
        """Return the events after the last block."""
        yield from self._close()
        yield _event("message_delta", delta=self._ending, usage=_usage(self._usage))
        yield _event("message_stop")

    def fail(self, error: ApiError) -> Iterable[str]:
        """Return the error."""
        return [_event("error", error=error.anthropic_body()["error"])]

    def _open(self, kind: str, block: Json) -> Iterable[str]:
        """Begin a block, unless one of its kind is open."""
        if kind != self._kind:
            yield from self._close()
            self._kind, self._index = kind, self._index + 1
            yield _event("content_block_start", index=self._index, content_block=block)

    def _close(self) -> Iterable[str]:
        if self._kind:
            yield _event("content_block_stop", index=self._index)

    def _piece(self, delta: Json) -> str:
        return _event("content_block_delta", index=self._index, delta=delta)


def _head(model: str, usage: Usage) -> Json:
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "usage": _usage(usage),
    }


def _usage(usage: Usage) -> Json:
    """Return the cost of an answer: Anthropic counts the cached tokens of a prompt apart."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "output_tokens": usage.completion_tokens,
    }


def _ending(reason: FinishReason, stop_text: str) -> Json:
    if stop_text:
        return {"stop_reason": "stop_sequence", "stop_sequence": stop_text}
    return {"stop_reason": _REASONS.get(reason, "end_turn"), "stop_sequence": None}


def _call_block(call: ToolCallPiece, arguments: Json) -> Json:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _event(kind: str, **values: Any) -> str:  # noqa: ANN401 - any JSON values
    data = json.dumps({"type": kind, **values}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n"
