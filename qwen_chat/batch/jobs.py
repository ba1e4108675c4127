"""Reads the lines of prompts as requests to a model; a line that cannot be read keeps the reason.

A line is a JSON string, or an object with `prompt` or `messages` and, optionally, `id`, `system` and sampling
parameters. Lines of OpenAI's batch files are read, too.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from qwen_chat import sampling
from qwen_chat.errors import QwenChatError, UsageError
from qwen_chat.files.json import parse_json
from qwen_chat.files.validation import Struct, Text, convert
from qwen_chat.message import Message
from qwen_chat.model.base import PLAIN, BatchRequest, PromptOptions
from qwen_chat.sampling import SamplingParams


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the input: its request, or why there is none."""

    id: str | int
    digest: str
    request: BatchRequest | None
    error: str = ""


def read_jobs(
    lines: Iterable[str], params: SamplingParams, system: str | None, options: PromptOptions = PLAIN
) -> Iterator[Job]:
    """Yield the jobs of an input; `params` and `system` are the defaults of its lines.

    With a fixed seed, each line gets another seed, which depends on its number alone.
    """
    number = 0
    for line in lines:
        if not line.strip():
            continue
        number += 1
        digest = sha256(line.strip().encode(errors="surrogatepass")).hexdigest()[:16]
        seeded = params.reseeded(number - 1)
        yield _parse_job(number, line, digest, _Defaults(seeded, system, options))


@dataclass(frozen=True, slots=True)
class _Defaults:
    """The values for a line that has none of its own."""

    params: SamplingParams
    system: str | None
    options: PromptOptions


class _Message(Struct):
    role: Literal["system", "user", "assistant"]
    content: Text


class _LineId(Struct):
    id: Text | int | None = None


class _Line(Struct):
    """The fields of a line, besides the sampling parameters."""

    prompt: Text | None = None
    messages: list[_Message] | None = None
    system: Text | None = None


def _parse_job(number: int, text: str, digest: str, defaults: _Defaults) -> Job:
    id: str | int = number
    try:
        fields = _parse_line(text)
        given_id = convert(fields, _LineId).id
        id = number if given_id is None else given_id
        return Job(id, digest, _parse_request(fields, defaults))
    except (QwenChatError, ValueError) as error:
        return Job(id, digest, None, f"line {number}: {error}")


def _parse_line(text: str) -> dict[str, Any]:
    """Return the fields of a line, in one form."""
    value: object = parse_json(text)
    if isinstance(value, str):
        return {"prompt": value}
    if not isinstance(value, dict):
        raise UsageError("a line must be a JSON text or object")
    if isinstance(value.get("body"), dict):
        return {"id": value.get("custom_id"), **value["body"]}
    return value


def _parse_request(fields: Mapping[str, Any], defaults: _Defaults) -> BatchRequest:
    line = convert(fields, _Line)
    if line.messages is None and line.prompt is None:
        raise UsageError("it has neither prompt nor messages")
    messages = [Message(each.role, each.content) for each in line.messages or []]
    if line.messages is None:
        messages = [Message("user", line.prompt or "")]
    if not any(message.content.strip() for message in messages):
        raise UsageError("the prompt is empty")
    system = line.system if "system" in fields else defaults.system
    if system is not None and messages[0].role != "system":
        messages = [Message("system", system), *messages]
    return BatchRequest(messages, _parse_params(fields).over(defaults.params), defaults.options)


def _parse_params(fields: Mapping[str, Any]) -> SamplingParams:
    known = {name: fields[name] for name in sampling.NAMES if fields.get(name) is not None}
    if fields.get("max_tokens") is not None:
        known.setdefault("max_new_tokens", fields["max_tokens"])
    return SamplingParams.from_mapping(known)
