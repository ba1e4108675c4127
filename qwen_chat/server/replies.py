"""Runs the answers to a request, and sends them whole or as a stream of events."""

from collections.abc import AsyncGenerator, Iterable
from typing import Protocol

from starlette.requests import Request

from qwen_chat.message import Delta, FinishReason, TokenLogprob, ToolCallPiece, Usage
from qwen_chat.server.answers import BEAT, Answers
from qwen_chat.server.errors import ApiError, as_api_error
from qwen_chat.server.event_stream import BEAT as BEAT_EVENT
from qwen_chat.server.event_stream import EventStream, finish_unless_left
from qwen_chat.server.metrics import Metrics


class WholeAnswer:
    """Collects one answer."""

    def __init__(self) -> None:
        self.text, self.reasoning = "", ""
        self.calls: list[ToolCallPiece] = []
        self.logprobs: list[TokenLogprob] = []
        self.finish_reason: FinishReason = "stop"
        self.stop_text = ""
        self.usage = Usage()

    def add(self, delta: Delta) -> None:
        """Add the next piece."""
        self.text += delta.text
        self.reasoning += delta.reasoning
        self.calls += delta.tool_calls
        self.logprobs += delta.logprobs
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.stop_text = delta.stop_text or self.stop_text
        self.usage = delta.usage or self.usage


class EventWriter(Protocol):
    """Writes the answers to a request as the events of one interface."""

    def begin(self) -> Iterable[str]:
        """Return the events before the first piece."""

    def write(self, index: int, delta: Delta) -> Iterable[str]:
        """Return the events of the next piece of answer `index`."""

    def end(self) -> Iterable[str]:
        """Return the events after the last piece."""

    def fail(self, error: ApiError) -> Iterable[str]:
        """Return the events that tell that the model failed."""


class Replies:
    """Runs answers, counts them, and ends them when the client leaves."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def whole(self, request: Request, model: str, answers: Answers) -> list[WholeAnswer]:
        """Return all answers.

        Raises: QwenChatError when the model refuses or fails; ApiError when the client left.
        """
        return await finish_unless_left(request, self._collect(model, answers))

    async def stream(
        self,
        request: Request,
        model: str,
        answers: Answers,
        writer: EventWriter,
        headers: dict[str, str] | None = None,
    ) -> EventStream:
        """Return the answers as a stream, once the model has accepted the prompt.

        Raises: QwenChatError when it refuses the prompt; ApiError when the client left.
        """
        events = self._events(model, answers, writer)
        await finish_unless_left(request, _begin(events))
        return EventStream(events, headers)

    async def _collect(self, model: str, answers: Answers) -> list[WholeAnswer]:
        found = [WholeAnswer() for _ in range(answers.number)]
        async with answers:
            async for index, delta in self._metrics.observe(model, answers.deltas()):
                found[index].add(delta)
        return found

    async def _events(self, model: str, answers: Answers, writer: EventWriter) -> AsyncGenerator[str, None]:
        """Yield nothing once the model has accepted the prompt, then the events of the stream."""
        async with answers:
            yield ""
            for event in writer.begin():
                yield event
            try:
                async for index, delta in self._metrics.observe(model, answers.deltas()):
                    for event in (BEAT_EVENT,) if delta is BEAT else writer.write(index, delta):
                        yield event
                last = writer.end()
            except Exception as error:  # noqa: BLE001 - the client hears of it
                last = writer.fail(as_api_error(error))
            for event in last:
                yield event


async def _begin(events: AsyncGenerator[str, None]) -> bool:
    await anext(events)
    return True
