"""Answers in the forms of /v1/completions: whole, and as the chunks of a stream."""

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from qwen_chat.message import TokenLogprob
from qwen_chat.server.chat_output import Json, event, finish_reason
from qwen_chat.server.replies import WholeAnswer


@dataclass(frozen=True, slots=True)
class CompletionHead:
    """What the whole answer and all its chunks have in common."""

    model: str
    id: str = field(default_factory=lambda: f"cmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def as_json(self, choices: Sequence[Json]) -> Json:
        """Return an object with choices."""
        values = {"id": self.id, "object": "text_completion", "created": self.created, "model": self.model}
        return {**values, "choices": choices}


class TextOffsets:
    """Writes log-probabilities in the older form, which counts the characters before each token."""

    def __init__(self, start: int = 0) -> None:
        self._offset = start

    def as_json(self, tokens: Iterable[TokenLogprob]) -> Json:
        """Return the log-probabilities of the next tokens."""
        value: Json = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        for token in tokens:
            text = _text(token)
            value["tokens"].append(text)
            value["token_logprobs"].append(token.logprob)
            value["top_logprobs"].append({_text(each): each.logprob for each in token.likeliest} or None)
            value["text_offset"].append(self._offset)
            self._offset += len(text)
        return value


def completion(
    head: CompletionHead, answers: Sequence[WholeAnswer], echoed: Sequence[str], *, logprobs: bool
) -> Json:
    """Return all choices of a request; each begins with the text that is `echoed`."""
    choices = [
        _choice(
            index,
            before + answer.text,
            finish_reason(answer.finish_reason),
            TextOffsets(len(before)).as_json(answer.logprobs) if logprobs else None,
        )
        for index, (answer, before) in enumerate(zip(answers, echoed, strict=True))
    ]
    return head.as_json(choices)


def chunk(
    head: CompletionHead, index: int, text: str, finish: str | None = None, logprobs: Json | None = None
) -> str:
    """Return the event of a chunk with one choice."""
    return event(head.as_json([_choice(index, text, finish, logprobs)]))


def usage_chunk(head: CompletionHead, usage: Json) -> str:
    """Return the event of the chunk that tells what the answers cost."""
    return event({**head.as_json([]), "usage": usage})


def _choice(index: int, text: str, finish: str | None, logprobs: Json | None) -> Json:
    return {"index": index, "text": text, "finish_reason": finish, "logprobs": logprobs}


def _text(token: TokenLogprob) -> str:
    return token.bytes.decode(errors="replace")
