"""Encodes text as within a whole prompt, and never as a control token.

Source: `encode_marked_chat` in transformers' `utils/chat_template_utils.py`.
"""

from collections.abc import Iterable

from transformers import PreTrainedTokenizerFast

from qwen_chat.model.templates.names import alternation


class TextEncoder:
    """Encodes the text between control tokens; the `guarded` names of tokens stay text wherever they are."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, guarded: Iterable[str]) -> None:
        self._tokenizer = tokenizer
        self._control_ids = {token.content: id for id, token in tokenizer.added_tokens_decoder.items()}
        guarded = set(guarded)
        self._guarded = {self._control_ids[name] for name in guarded}
        self._names = alternation(guarded)

    def encode(self, text: str, before: str = "", after: str = "") -> tuple[int, ...]:
        """Return the ids of text between two control tokens, "" for none.

        These tokens may take whitespace from it, and some tokenizers add a space to the start of a prompt.
        """
        first, *rest = self._names.split(text)
        if not rest:
            return tuple(self._between(before, first, after))
        *inner, last = rest
        ids = self._between(before, first, "")
        for number, piece in enumerate(inner):
            ids += self._between("\n", piece, "") if number % 2 else self._name(piece)
        return (*ids, *self._between("\n", last, after))

    def _between(self, before: str, text: str, after: str) -> list[int]:
        if not text:
            return []
        ids = self._cut(self._encode(f"{before}{text}{after}"), self._ids(before), self._ids(after))
        if ids is None or self._guarded.intersection(ids):
            return list(self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))
        return ids

    def _name(self, name: str) -> list[int]:
        """Encode the name of a control token as the text that it is."""
        encode = self._tokenizer._encode_without_added_tokens
        ids = self._cut(list(encode(f"\n{name}")), self._ids("\n"), [])
        return list(encode(name)) if ids is None else ids

    def _ids(self, text: str) -> list[int]:
        """Return the ids of what stands beside a text: a control token, or the end of a line."""
        if not text:
            return []
        return [self._control_ids[text]] if text in self._control_ids else self._encode(text)

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))

    @staticmethod
    def _cut(ids: list[int], start: list[int], end: list[int]) -> list[int] | None:
        """Return ids without those at both ends, None if others stand there."""
        cut = ids[len(start) : len(ids) - len(end)]
        return cut if ids == [*start, *cut, *end] else None
