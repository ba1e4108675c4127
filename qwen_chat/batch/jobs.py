"""Lines of prompts -> what is asked of the model; a line that cannot be understood says why.

A line is a JSON text, or an object with `prompt` or `messages`, and if wanted `id`, `system` and sampling
parameters; the lines of OpenAI's batch files are understood, too.
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
    """One line of the input: what is asked, or why it cannot be."""

    id: str | int
    digest: str
    request: BatchRequest | None
    error: str = ""


def read_jobs(
    lines: Iterable[str], params: SamplingParams, system: str | None, options: PromptOptions = PLAIN
) -> Iterator[Job]:
    """Yield the jobs of an input; `params` and `system` are used where a line has none of its own.

    Under a fixed seed each line has another one, which depends on its number alone.
    """
    number = 0
    for line in lines:
        if not line.strip():
            continue
        number += 1
        digest = sha256(line.strip().encode(errors="surrogatepass")).hexdigest()[:16]
        seeded = params.reseeded(number - 1)
        yield _job(number, line, digest, _Given(seeded, system, options))


@dataclass(frozen=True, slots=True)
class _Given:
    """What is used where a line has none of its own."""

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


def _job(number: int, text: str, digest: str, given: _Given) -> Job:
    id: str | int = number
    try:
        fields = _parse_line(text)
        given_id = convert(fields, _LineId).id
        id = number if given_id is None else given_id
        return Job(id, digest, _request(fields, given))
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


def _request(fields: Mapping[str, Any], given: _Given) -> BatchRequest:
    line = convert(fields, _Line)
    if line.messages is None and line.prompt is None:
        raise UsageError("it has neither prompt nor messages")
    messages = [Message(each.role, each.content) for each in line.messages or []]
    if line.messages is None:
        messages = [Message("user", line.prompt or "")]
    if not any(message.content.strip() for message in messages):
        raise UsageError("the prompt is empty")
    system = line.system if "system" in fields else given.system
    if system is not None and messages[0].role != "system":
        messages = [Message("system", system), *messages]
    return BatchRequest(messages, _params(fields).over(given.params), given.options)


def _params(fields: Mapping[str, Any]) -> SamplingParams:
    known = {name: fields[name] for name in sampling.NAMES if fields.get(name) is not None}
    if fields.get("max_tokens") is not None:
        known.setdefault("max_new_tokens", fields["max_tokens"])
    return SamplingParams.from_mapping(known)
