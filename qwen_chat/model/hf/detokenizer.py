"""Decodes a stream of token ids into text: no incomplete UTF-8 characters, and nothing after a stop text."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from qwen_chat.model.reasoning import partial_match_length

_REPLACEMENT = "\ufffd"

_CONTEXT_TOKENS = 8
"""Preceding tokens that the decoder gets as context, since many tokenizers trim a text's first space."""


class Detokenizer:
    """Decodes the ids of one answer, one by one; `after` are the ids of the partial answer before them.

    Control tokens are no text, but for `marks`.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        stop: Sequence[str] = (),
        after: Sequence[int] = (),
        marks: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self._marks = marks
        self._tokenizer = tokenizer
        self._stream = DecodeStream(skip_special_tokens=True)
        for id in after[-_CONTEXT_TOKENS:]:
            self._stream.step(tokenizer, id)
        self._pending: list[int] = []
        self._stop = stop
        self._held = ""
        self.stopped = False

    def feed(self, ids: Sequence[int]) -> str:
        """Return the text that is final; `stopped` becomes true when a stop text is reached."""
        text = ""
        for id in ids:
            if id in self._marks:
                text += self._marks[id]
                continue
            self._pending.append(id)
            piece = self._stream.step(self._tokenizer, id)
            if piece is not None:
                self._pending.clear()
                text += piece
        return self._cut_at_stop(text)

    @property
    def pending(self) -> int:
        """The number of last ids that do not form a complete character yet."""
        return len(self._pending)

    def flush(self) -> str:
        """Return the text held back until the end of the answer, without an incomplete character."""
        rest = self._tokenizer.decode(self._pending) if self._pending else ""
        text = self._cut_at_stop(rest.rstrip(_REPLACEMENT))
        held, self._held = self._held, ""
        return text + held

    def _cut_at_stop(self, text: str) -> str:
        if self.stopped or not self._stop:
            return "" if self.stopped else text
        text, self._held = self._held + text, ""
        found = [at for stop in self._stop if (at := text.find(stop)) >= 0]
        if found:
            self.stopped = True
            return text[: min(found)]
        kept = max(partial_match_length(text, stop) for stop in self._stop)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]
