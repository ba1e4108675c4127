"""POST /v1/completions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Event

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qwen_chat.message import Delta, TokenLogprob, Usage
from qwen_chat.model.base import CompletingModel, Deltas, OutputOptions
from qwen_chat.sampling import SamplingParams
from qwen_chat.server.answers import Answers, Start
from qwen_chat.server.bodies import read_body
from qwen_chat.server.call import check_refused, ignored_fields
from qwen_chat.server.chat_output import Json, event, finish_reason, usage_as_json
from qwen_chat.server.completion_output import CompletionHead, TextOffsets, chunk, completion, usage_chunk
from qwen_chat.server.completion_schema import MAX_PROMPTS, CompletionBody
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import ApiError
from qwen_chat.server.event_stream import DONE
from qwen_chat.server.models import Models, require_tokens
from qwen_chat.server.replies import Replies
from qwen_chat.server.sampling import read_logit_bias, read_sampling

Prompt = str | list[int]

_DEFAULT_LENGTH = 16
"""OpenAI's own, in tokens."""


@dataclass(frozen=True, slots=True)
class CompletionCall:
    """A call of a model for each of several prompts; `choices` is how many answers each of them gets."""

    prompts: tuple[Prompt, ...]
    echoed: tuple[str, ...]
    params: SamplingParams
    output: OutputOptions
    choices: int
    include_usage: bool

    @property
    def starts(self) -> list[tuple[int, Prompt]]:
        """The answers to generate: the number of each among those of its prompt, and the prompt."""
        return [(number, prompt) for prompt in self.prompts for number in range(self.choices)]


class CompletionRoutes:
    """Goes on with texts."""

    def __init__(self, models: Models, replies: Replies, defaults: Defaults) -> None:
        self._models, self._replies, self._defaults = models, replies, defaults

    async def create(self, request: Request) -> Response:
        """Go on with texts or tokens, at once or as a stream.

        Raises: ApiError.
        """
        body = await read_body(request, CompletionBody)
        name, found = self._models.find(body.model)
        model = await run_in_threadpool(require_tokens, found)
        call = await run_in_threadpool(_read_call, body, model, self._defaults)
        head, headers = CompletionHead(name), ignored_fields(body.unknown_fields)
        if body.stream:
            writer = _ChunkWriter(head, call)
            return await self._replies.stream(request, name, _answers(model, call), writer, headers)
        answers = await self._replies.whole(request, name, _answers(model, call))
        value = completion(head, answers, call.echoed, logprobs=_wants_logprobs(call))
        usage = _total([answer.usage for answer in answers], call.choices)
        return JSONResponse({**value, "usage": usage}, headers=headers)


class _ChunkWriter:
    """The chunks of one stream."""

    def __init__(self, head: CompletionHead, call: CompletionCall) -> None:
        self._head, self._call = head, call
        self._echoed = list(call.echoed)
        self._usages: list[Usage] = []
        self._logprobs: list[list[TokenLogprob]] = [[] for _ in call.starts]
        self._offsets = [TextOffsets(len(text)) for text in call.echoed]

    def begin(self) -> Iterable[str]:
        """Return nothing."""
        return ()

    def write(self, index: int, delta: Delta) -> Iterable[str]:
        """Return the chunk of the next piece."""
        self._logprobs[index] += delta.logprobs
        self._usages += [delta.usage] if delta.usage else []
        finish = finish_reason(delta.finish_reason) if delta.finish_reason else None
        text, self._echoed[index] = self._echoed[index] + delta.text, ""
        if not text and finish is None:
            return []
        return [chunk(self._head, index, text, finish, self._take_logprobs(index))]

    def end(self) -> Iterable[str]:
        """Return what the answers cost, where that was asked for, and the end."""
        usage = usage_chunk(self._head, _total(self._usages, self._call.choices))
        return [*([usage] if self._call.include_usage else []), DONE]

    def fail(self, error: ApiError) -> Iterable[str]:
        """Return the error, and the end."""
        return [event(error.body()), DONE]

    def _take_logprobs(self, index: int) -> Json | None:
        taken, self._logprobs[index] = self._logprobs[index], []
        return self._offsets[index].as_json(taken) if _wants_logprobs(self._call) else None


def _read_call(body: CompletionBody, model: CompletingModel, defaults: Defaults) -> CompletionCall:
    check_refused(body.unknown_fields)
    if body.best_of not in (None, 1, body.n):
        raise ApiError(400, "best_of: this server does not support it", param="best_of")
    if body.echo and body.logprobs is not None:
        raise ApiError(400, "echo: it does not go with logprobs here", param="echo")
    prompts, choices = _read_prompts(body.prompt), body.n or 1
    params = read_sampling(body).over(defaults.params)
    output = OutputOptions("", read_logit_bias(body), body.logprobs)
    echoed = [_as_text(model, prompt) if body.echo else "" for prompt in prompts for _ in range(choices)]
    return CompletionCall(
        prompts,
        tuple(echoed),
        params.over(SamplingParams(max_new_tokens=_DEFAULT_LENGTH)),
        output,
        choices,
        bool(body.stream_options and body.stream_options.include_usage),
    )


def _read_prompts(given: str | Sequence[str] | Sequence[int] | Sequence[list[int]]) -> tuple[Prompt, ...]:
    if isinstance(given, str):
        return (given,)
    if given and all(isinstance(each, int) for each in given):
        return ([each for each in given if isinstance(each, int)],)
    prompts = tuple(each for each in given if not isinstance(each, int))
    if not 1 <= len(prompts) <= MAX_PROMPTS:
        raise ApiError(400, f"prompt: there must be 1 to {MAX_PROMPTS} prompts", param="prompt")
    return prompts


def _as_text(model: CompletingModel, prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else model.detokenize(prompt).decode(errors="replace")


def _answers(model: CompletingModel, call: CompletionCall) -> Answers:
    starts: list[Start] = [partial(_start, model, call, number, prompt) for number, prompt in call.starts]
    return Answers(starts, in_turn=call.params.seed is not None)


def _start(
    model: CompletingModel, call: CompletionCall, number: int, prompt: Prompt, cancel: Event
) -> Deltas:
    return model.complete(prompt, call.params.reseeded(number), call.output, cancel=cancel)


def _total(usages: Sequence[Usage], choices: int) -> Json:
    """Return the cost of all answers; each prompt is counted once."""
    total = usage_as_json(usages)
    prompt = sum(usage.prompt_tokens for usage in usages) // choices
    return {**total, "prompt_tokens": prompt, "total_tokens": prompt + total["completion_tokens"]}


def _wants_logprobs(call: CompletionCall) -> bool:
    return call.output.top_logprobs is not None
