"""Lines of prompts -> what is asked of the model; a line that cannot be understood says why.

A line is a JSON text, or an object with `prompt` or `messages`, and if wanted `id`, `system` and sampling
parameters; the lines of OpenAI's batch files are understood, too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from qwen_chat import sampling
from qwen_chat.errors import QwenChatError, UsageError
from qwen_chat.message import Message
from qwen_chat.model.base import PLAIN, BatchRequest, PromptOptions
from qwen_chat.sampling import SamplingParams

_ROLES = ("system", "user", "assistant")


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


def _job(number: int, line: str, digest: str, given: _Given) -> Job:
    id: str | int = number
    try:
        fields = _fields(line)
        id = _id(fields.pop("id", None), number)
        return Job(id, digest, _request(fields, given))
    except (QwenChatError, ValueError, RecursionError) as error:
        text = f"not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
        return Job(id, digest, None, f"line {number}: {text}")


def _id(given: object, number: int) -> str | int:
    if given is None:
        return number
    if isinstance(given, bool) or not isinstance(given, str | int):
        raise UsageError("id must be a text or a number")
    return _unicode(given) if isinstance(given, str) else given


def _fields(line: str) -> dict[str, Any]:
    """Return what a line says, in one form."""
    said: object = json.loads(line)
    if isinstance(said, str):
        return {"prompt": said}
    if not isinstance(said, dict):
        raise UsageError("a line must be a JSON text or object")
    if isinstance(said.get("body"), dict):
        return {"id": said.get("custom_id"), **said["body"]}
    return dict(said)


def _request(fields: Mapping[str, Any], given: _Given) -> BatchRequest:
    system = fields.get("system", given.system)
    if "messages" in fields:
        _check(isinstance(fields["messages"], list), "messages must be a list")
        messages = [_message(item) for item in fields["messages"]]
    else:
        _check("prompt" in fields, "it has neither prompt nor messages")
        messages = [_message({"role": "user", "content": fields["prompt"]})]
    _check(any(message.content.strip() for message in messages), "the prompt is empty")
    if system is not None and messages[0].role != "system":
        messages = [_message({"role": "system", "content": system}), *messages]
    return BatchRequest(messages, _params(fields).over(given.params), given.options)


def _message(item: object) -> Message:
    if not isinstance(item, dict) or item.get("role") not in _ROLES:
        raise UsageError(f"a message must have a role of {', '.join(_ROLES)}")
    content = item.get("content")
    if not isinstance(content, str):
        raise UsageError("a message's content must be a text")
    return Message(item["role"], _unicode(content))


def _unicode(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("it is not valid Unicode: it holds half of a surrogate pair") from None
    return text


def _params(fields: Mapping[str, Any]) -> SamplingParams:
    known = {name: fields[name] for name in sampling.NAMES if fields.get(name) is not None}
    if fields.get("max_tokens") is not None:
        known.setdefault("max_new_tokens", fields["max_tokens"])
    return SamplingParams.from_mapping(known)


def _check(holds: bool, fault: str) -> None:
    if not holds:
        raise UsageError(fault)
