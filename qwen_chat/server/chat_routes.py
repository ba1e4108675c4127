"""POST /v1/chat/completions."""

from collections.abc import AsyncGenerator
from functools import partial
from threading import Event

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qwen_chat.message import Delta, TokenLogprob, Usage
from qwen_chat.model.base import ChatModel, Deltas
from qwen_chat.server.answers import BEAT, Answers, Start, end_after_one_call
from qwen_chat.server.bodies import read_body
from qwen_chat.server.chat_output import (
    Json,
    ReplyHead,
    WholeAnswer,
    chunk,
    chunk_deltas,
    completion,
    event,
    finish_reason,
    logprobs_as_json,
    usage_chunk,
)
from qwen_chat.server.chat_request import ChatCall, read_chat_call
from qwen_chat.server.chat_schema import ChatBody
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import as_api_error
from qwen_chat.server.event_stream import BEAT as BEAT_EVENT
from qwen_chat.server.event_stream import EventStream, finish_unless_left
from qwen_chat.server.metrics import Metrics
from qwen_chat.server.models import Models

DONE = "data: [DONE]\n\n"

_Numbered = AsyncGenerator[tuple[int, Delta], None]


class ChatRoutes:
    """Answers conversations."""

    def __init__(self, models: Models, metrics: Metrics, defaults: Defaults) -> None:
        self._models, self._metrics, self._defaults = models, metrics, defaults

    async def create(self, request: Request) -> Response:
        """Answer a conversation, at once or as a stream.

        Raises: ApiError.
        """
        body = await read_body(request, ChatBody)
        name, model = self._models.find(body.model)
        call = read_chat_call(body, model, self._defaults)
        head = ReplyHead(name, call.tools.legacy)
        headers = {"x-ignored-fields": ", ".join(call.ignored)[:1000]} if call.ignored else {}
        if call.stream:
            events = self._events(head, model, call)
            await finish_unless_left(request, _begin(events))
            return EventStream(events, headers)
        answers = await finish_unless_left(request, self._collect(name, model, call))
        return JSONResponse(completion(head, answers, logprobs=_wants_logprobs(call)), headers=headers)

    async def _collect(self, name: str, model: ChatModel, call: ChatCall) -> list[WholeAnswer]:
        found = [WholeAnswer() for _ in range(call.choices)]
        async with _answers(model, call) as answers:
            async for index, delta in self._metrics.observe(name, answers.deltas()):
                found[index].add(delta)
        return found

    async def _events(self, head: ReplyHead, model: ChatModel, call: ChatCall) -> AsyncGenerator[str, None]:
        """Yield nothing once the model has accepted the prompt, then the events of the stream."""
        async with _answers(model, call) as answers:
            yield ""
            stream = ChunkStream(head, call)
            try:
                async for text in stream.events(self._metrics.observe(head.model, answers.deltas())):
                    yield text
            except Exception as error:  # noqa: BLE001 - the client hears of it
                yield event(as_api_error(error).body())
            yield DONE


class ChunkStream:
    """The chunks of one stream."""

    def __init__(self, head: ReplyHead, call: ChatCall) -> None:
        self._head, self._call = head, call
        self._usages: list[Usage] = []
        self._logprobs: dict[int, list[TokenLogprob]] = {index: [] for index in range(call.choices)}

    async def events(self, deltas: _Numbered) -> AsyncGenerator[str, None]:
        """Yield the events of a stream, but for the last one that ends it."""
        for index in range(self._call.choices):
            yield chunk(self._head, index, {"role": "assistant", "content": ""})
        async for index, delta in deltas:
            if delta is BEAT:
                yield BEAT_EVENT
            for text in self._chunks(index, delta):
                yield text
        if self._call.include_usage:
            yield usage_chunk(self._head, self._usages)

    def _chunks(self, index: int, delta: Delta) -> list[str]:
        self._logprobs[index] += delta.logprobs
        self._usages += [delta.usage] if delta.usage else []
        legacy = self._head.legacy
        chunks = [
            chunk(self._head, index, value, more=self._take_logprobs(index))
            for value in chunk_deltas(delta, legacy=legacy)
        ]
        if delta.finish_reason is not None:
            reason = finish_reason(delta.finish_reason, legacy=legacy)
            chunks.append(chunk(self._head, index, {}, finish=reason, more=self._take_logprobs(index)))
        return chunks

    def _take_logprobs(self, index: int) -> Json:
        if not _wants_logprobs(self._call):
            return {}
        taken, self._logprobs[index] = self._logprobs[index], []
        return {"logprobs": logprobs_as_json(taken) if taken else None}


async def _begin(events: AsyncGenerator[str, None]) -> bool:
    await anext(events)
    return True


def _answers(model: ChatModel, call: ChatCall) -> Answers:
    starts: list[Start] = [partial(_start, model, call, number) for number in range(call.choices)]
    if call.tools.tools and not call.tools.parallel:
        starts = [end_after_one_call(start) for start in starts]
    return Answers(starts, in_turn=call.params.seed is not None)


def _start(model: ChatModel, call: ChatCall, number: int, cancel: Event) -> Deltas:
    return model.stream(call.messages, call.params.reseeded(number), call.options, cancel=cancel)


def _wants_logprobs(call: ChatCall) -> bool:
    return call.options.output.top_logprobs is not None
