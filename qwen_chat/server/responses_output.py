"""Answers in the forms of /v1/responses: whole, and as the events of a stream."""

import json
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from qwen_chat.message import Delta, FinishReason, ToolCallPiece, Usage
from qwen_chat.server.errors import ApiError
from qwen_chat.server.replies import WholeAnswer
from qwen_chat.server.responses_schema import ResponsesBody

Json = dict[str, Any]

_REPEATED = ("instructions", "temperature", "top_p", "max_output_tokens", "parallel_tool_calls", "metadata")


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """What the events of a response have in common."""

    model: str
    body: ResponsesBody
    id: str = field(default_factory=lambda: _new_id("resp"))
    created: int = field(default_factory=lambda: int(time.time()))

    def as_json(self, status: str, output: list[Json], **more: Any) -> Json:  # noqa: ANN401 - JSON values
        """Return the response in a state of it."""
        given = self.body.model_dump(exclude_none=True, by_alias=True)
        repeated = {name: given.get(name) for name in _REPEATED}
        parallel = self.body.parallel_tool_calls is not False
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": self.model,
            "output": output,
            **repeated,
            "parallel_tool_calls": parallel,
            "tools": [tool for tool in given.get("tools", ()) if tool["type"] == "function"],
            "tool_choice": given.get("tool_choice", "auto"),
            "error": None,
            "incomplete_details": None,
            **more,
        }


def whole_response(head: ResponseHead, answer: WholeAnswer) -> Json:
    """Return a whole response."""
    items = [_reasoning_item(answer.reasoning)] if answer.reasoning else []
    items += [_text_item(answer.text)] if answer.text or not (answer.calls or items) else []
    items += [_call_item(call) for call in answer.calls]
    return _ended(head, items, answer.finish_reason, answer.usage)


class ResponseWriter:
    """The events of one stream: reasoning, text and calls as items, one after the other."""

    def __init__(self, head: ResponseHead) -> None:
        self._head = head
        self._number = 0
        self._items: list[Json] = []
        self._open: _OpenItem | None = None
        self._reason: FinishReason = "stop"
        self._usage = Usage()

    def begin(self) -> Iterable[str]:
        """Return the events before the first item."""
        response = self._head.as_json("in_progress", [])
        return [
            self._event("response.created", response=response),
            self._event("response.in_progress", response=response),
        ]

    def write(self, index: int, delta: Delta) -> Iterable[str]:  # noqa: ARG002 - there is one answer
        """Return the events of the next piece."""
        if delta.reasoning:
            yield from self._add("reasoning", delta.reasoning)
        if delta.text:
            yield from self._add("message", delta.text)
        for call in delta.tool_calls:
            yield from self._close()
            yield from self._write_call(call)
        self._reason = delta.finish_reason or self._reason
        self._usage = delta.usage or self._usage

    def end(self) -> Iterable[str]:
        """Return the events after the last item."""
        if not self._items and self._open is None:
            yield from self._add("message", "")
        yield from self._close()
        response = _ended(self._head, self._items, self._reason, self._usage)
        yield self._event(f"response.{response['status']}", response=response)

    def fail(self, error: ApiError) -> Iterable[str]:
        """Return the error, with what was written before."""
        yield from self._close()
        fault = {"code": error.code or "server_error", "message": error.message}
        response = self._head.as_json("failed", self._items, error=fault)
        yield self._event("response.failed", response=response)

    def _add(self, kind: str, text: str) -> Iterable[str]:
        """Add text to the open item, after opening one of its kind."""
        if self._open is None or self._open.kind != kind:
            yield from self._close()
            self._open = _OpenItem(kind, len(self._items))
            yield self._event("response.output_item.added", **self._open.place(), item=self._open.begun())
            part = self._open.part("")
            yield self._event("response.content_part.added", **self._open.within(), part=part)
        self._open.text += text
        if text:
            yield self._event(f"{self._open.name}.delta", **self._open.within(), **self._open.piece(text))

    def _close(self) -> Iterable[str]:
        """Close the open item."""
        if self._open is None:
            return
        item, self._open = self._open, None
        yield self._event(f"{item.name}.done", **item.within(), text=item.text)
        yield self._event("response.content_part.done", **item.within(), part=item.part(item.text))
        yield self._event("response.output_item.done", **item.place(), item=item.done())
        self._items.append(item.done())

    def _write_call(self, call: ToolCallPiece) -> Iterable[str]:
        item = _call_item(call)
        index, where = len(self._items), {"output_index": len(self._items), "item_id": item["id"]}
        begun = {**item, "arguments": "", "status": "in_progress"}
        name = "response.function_call_arguments"
        yield self._event("response.output_item.added", output_index=index, item=begun)
        yield self._event(f"{name}.delta", **where, delta=call.arguments)
        yield self._event(f"{name}.done", **where, name=call.name, arguments=call.arguments)
        yield self._event("response.output_item.done", output_index=index, item=item)
        self._items.append(item)

    def _event(self, kind: str, **values: Any) -> str:  # noqa: ANN401 - JSON values
        data = {"type": kind, "sequence_number": self._number, **values}
        self._number += 1
        return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


class _OpenItem:
    """An item that is being written: reasoning or the text of a message."""

    def __init__(self, kind: str, index: int) -> None:
        self.kind, self._index = kind, index
        self._id = _new_id("rs" if kind == "reasoning" else "msg")
        self.name = "response.reasoning_text" if kind == "reasoning" else "response.output_text"
        self.text = ""

    def place(self) -> Json:
        """Return where the item stands."""
        return {"output_index": self._index}

    def within(self) -> Json:
        """Return where its one part stands."""
        return {"item_id": self._id, "output_index": self._index, "content_index": 0}

    def piece(self, text: str) -> Json:
        """Return new text."""
        return {"delta": text} if self.kind == "reasoning" else {"delta": text, "logprobs": []}

    def part(self, text: str) -> Json:
        """Return its one part with some text."""
        return _reasoning_part(text) if self.kind == "reasoning" else _text_part(text)

    def begun(self) -> Json:
        """Return the item without its text."""
        return {**self._item(), "content": [], "status": "in_progress"}

    def done(self) -> Json:
        """Return the whole item."""
        return self._item()

    def _item(self) -> Json:
        make = _reasoning_item if self.kind == "reasoning" else _text_item
        return make(self.text, self._id)


def _ended(head: ResponseHead, items: list[Json], reason: FinishReason, usage: Usage) -> Json:
    cut = reason in ("length", "context")
    details = {"reason": "max_output_tokens"} if cut else None
    status = "incomplete" if cut else "completed"
    return head.as_json(status, items, incomplete_details=details, usage=_usage(usage))


def _usage(usage: Usage) -> Json:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.context_tokens,
    }


def _text_item(text: str, id: str = "") -> Json:
    return {
        "id": id or _new_id("msg"),
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [_text_part(text)],
    }


def _text_part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _reasoning_item(text: str, id: str = "") -> Json:
    content = [_reasoning_part(text)]
    return {
        "id": id or _new_id("rs"),
        "type": "reasoning",
        "summary": [],
        "content": content,
        "status": "completed",
    }


def _reasoning_part(text: str) -> Json:
    return {"type": "reasoning_text", "text": text}


def _call_item(call: ToolCallPiece) -> Json:
    return {
        "id": _new_id("fc"),
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": "completed",
    }


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"
