"""POST /v1/chat/completions."""

from collections.abc import Iterable
from functools import partial
from threading import Event

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qwen_chat.message import Delta, TokenLogprob, Usage
from qwen_chat.model.base import ChatModel, Deltas
from qwen_chat.server.answers import Answers, Start, end_after_one_call
from qwen_chat.server.bodies import read_body
from qwen_chat.server.call import Call, ignored_fields
from qwen_chat.server.chat_output import (
    Json,
    ReplyHead,
    chunk,
    chunk_deltas,
    completion,
    event,
    finish_reason,
    logprobs_as_json,
    usage_chunk,
)
from qwen_chat.server.chat_request import is_legacy, read_chat_call
from qwen_chat.server.chat_schema import ChatBody
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import ApiError
from qwen_chat.server.event_stream import DONE
from qwen_chat.server.models import Models
from qwen_chat.server.replies import Replies


class ChatRoutes:
    """Answers conversations."""

    def __init__(self, models: Models, replies: Replies, defaults: Defaults) -> None:
        self._models, self._replies, self._defaults = models, replies, defaults

    async def create(self, request: Request) -> Response:
        """Answer a conversation, at once or as a stream.

        Raises: ApiError, QwenChatError.
        """
        body = await read_body(request, ChatBody)
        name, model = self._models.find(body.model)
        call = read_chat_call(body, model, self._defaults)
        head, headers = ReplyHead(name, is_legacy(body)), ignored_fields(body.unknown_fields)
        running = start_answers(model, call)
        if body.stream:
            usage = bool(body.stream_options and body.stream_options.include_usage)
            writer = _ChunkWriter(head, call, include_usage=usage)
            return await self._replies.stream(request, name, running, writer, headers)
        answers = await self._replies.whole(request, name, running)
        return JSONResponse(completion(head, answers, logprobs=_wants_logprobs(call)), headers=headers)


def start_answers(model: ChatModel, call: Call) -> Answers:
    """Return the answers to a call; nothing is generated yet."""
    starts: list[Start] = [partial(_start, model, call, number) for number in range(call.choices)]
    if call.tools.tools and not call.tools.parallel:
        starts = [end_after_one_call(start) for start in starts]
    return Answers(starts, in_turn=call.params.seed is not None)


class _ChunkWriter:
    """The chunks of one stream."""

    def __init__(self, head: ReplyHead, call: Call, *, include_usage: bool) -> None:
        self._head, self._call, self._include_usage = head, call, include_usage
        self._usages: list[Usage] = []
        self._logprobs: dict[int, list[TokenLogprob]] = {index: [] for index in range(call.choices)}

    def begin(self) -> Iterable[str]:
        """Return a chunk for each answer, with its role."""
        return [
            chunk(self._head, index, {"role": "assistant", "content": ""})
            for index in range(self._call.choices)
        ]

    def write(self, index: int, delta: Delta) -> Iterable[str]:
        """Return the chunks of the next piece."""
        self._logprobs[index] += delta.logprobs
        self._usages += [delta.usage] if delta.usage else []
        legacy = self._head.legacy
        for value in chunk_deltas(delta, legacy=legacy):
            yield chunk(self._head, index, value, more=self._take_logprobs(index))
        if delta.finish_reason is not None:
            reason = finish_reason(delta.finish_reason, legacy=legacy)
            yield chunk(self._head, index, {}, finish=reason, more=self._take_logprobs(index))

    def end(self) -> Iterable[str]:
        """Return what the answers cost, where that was asked for, and the end."""
        return [*([usage_chunk(self._head, self._usages)] if self._include_usage else []), DONE]

    def fail(self, error: ApiError) -> Iterable[str]:
        """Return the error, and the end."""
        return [event(error.body()), DONE]

    def _take_logprobs(self, index: int) -> Json:
        if not _wants_logprobs(self._call):
            return {}
        taken, self._logprobs[index] = self._logprobs[index], []
        return {"logprobs": logprobs_as_json(taken) if taken else None}


def _start(model: ChatModel, call: Call, number: int, cancel: Event) -> Deltas:
    return model.stream(call.messages, call.params.reseeded(number), call.options, cancel=cancel)


def _wants_logprobs(call: Call) -> bool:
    return call.options.output.top_logprobs is not None
