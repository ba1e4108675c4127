"""llama.cpp's tokenizer over its HTTP interface, with what it tokenized lately kept in memory."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from qwen_chat.message import Token
from qwen_chat.model.chatml import Segment
from qwen_chat.model.llamacpp.completion import TextsWithIds
from qwen_chat.model.llamacpp.http_client import LlamaHttpClient
from qwen_chat.model.templates.names import alternation

_CACHED_SEGMENTS = 4096
_LETTER = "a"


class LlamaTokenizer:
    """Tokenizes prompt segments; `start_ids` are the tokens that every prompt of the checkpoint begins with.

    Raises: ModelError from every method when the server does not answer.
    """

    def __init__(self, http: LlamaHttpClient) -> None:
        self._http = http
        self._ids = lru_cache(_CACHED_SEGMENTS)(self._tokenize)
        self.is_control = lru_cache(_CACHED_SEGMENTS)(self._is_control)
        self.split_control = lru_cache(_CACHED_SEGMENTS)(self._split_control)
        self.start_ids = _ids_before(http.tokenize(_LETTER), http.tokenize(_LETTER, start=True))
        self._guarded = dict[str, int]()
        self._names = alternation(())

    def knows(self, name: str) -> bool:
        """Return whether a name is one control token."""
        return len(self._http.tokenize(name, control=True)) == 1

    def guard(self, names: Iterable[str]) -> None:
        """Keep text from being the tokens of these names that llama.cpp finds in every text.

        They are what a checkpoint adds to its vocabulary besides control tokens, such as `<tool_call>`.
        """
        for name in names:
            ids = self._http.tokenize(name)
            if len(name) > 1 and len(ids) == 1 and not self.is_control(ids[0]):
                self._guarded[name] = ids[0]
        self._names = alternation(self._guarded)
        self._ids.cache_clear()
        self.split_control.cache_clear()

    def prompt_ids(self, segments: Sequence[Segment]) -> list[int]:
        """Return the ids of a prompt, with the tokens that every prompt begins with."""
        return [*self._start(segments), *self.segment_ids(segments)]

    def prompt_tokens(self, segments: Sequence[Segment]) -> list[Token]:
        """Return the tokens of a prompt, with those that every prompt begins with."""
        return [*self.as_tokens(self._start(segments), control=True), *self.segment_tokens(segments)]

    def segment_ids(self, segments: Iterable[Segment]) -> list[int]:
        """Return the ids of segments."""
        return [id for segment in segments for id in self._ids(segment)]

    def segment_tokens(self, segments: Iterable[Segment]) -> list[Token]:
        """Return the tokens of segments with their bytes."""
        return [
            token
            for segment in segments
            for token in self.as_tokens(self._ids(segment), control=segment.control)
        ]

    def as_tokens(self, ids: list[int], *, control: bool = False) -> list[Token]:
        """Return ids as tokens with their bytes."""
        return [Token(id, piece, control) for id, piece in self._pieces(ids)]

    def exact_ids(self, texts: TextsWithIds) -> list[int]:
        """Return the ids of an answer.

        For a character that is made of several tokens, the engine reports only the last one.
        """
        last = [ids[-1] if ids else 0 for _, ids in texts]
        pieces = dict(self._pieces(last))
        return [
            id
            for (text, ids), end in zip(texts, last, strict=True)
            for id in (ids if pieces[end] == text.encode() else self._ids(Segment(text)))
        ]

    def _start(self, segments: Sequence[Segment]) -> list[int]:
        """Return the tokens before a prompt, unless the template wrote them."""
        written = self._ids(segments[0]) if segments and segments[0].control else []
        return [] if written and written == self.start_ids[:1] else self.start_ids

    def _split_control(self, text: str) -> list[Segment]:
        """Split what a template wrote into control tokens and text."""
        guarded = self._guarded.values()
        segments = [
            Segment(piece.decode(errors="replace"), control=self.is_control(id) or id in guarded)
            for id, piece in self._pieces(self._http.tokenize(text, control=True))
        ]
        # Text is taken from the original: a token may hold half a character.
        return _split_at(text, [segment for segment in segments if segment.control])

    def _tokenize(self, segment: Segment) -> list[int]:
        if segment.control:
            return self._http.tokenize(segment.text, control=True)
        pieces = [part for piece in self._names.split(segment.text) for part in self._parts(piece)]
        return [id for piece in pieces or [""] for id in self._http.tokenize(piece)]

    def _parts(self, piece: str) -> list[str]:
        """Return a text in parts: the name of a guarded token is no such token in two parts."""
        return [part for part in ([piece[:1], piece[1:]] if piece in self._guarded else [piece]) if part]

    def _is_control(self, id: int) -> bool:
        """Return whether a token is more than its text: its name, tokenized as text, gives other tokens."""
        ((_, piece),) = self._pieces([id])
        plain = self._http.tokenize(piece.decode(errors="replace"))
        return len(plain) > 1 and plain != [id]

    def _pieces(self, ids: list[int]) -> Iterable[tuple[int, bytes]]:
        return zip(ids, self._http.pieces(ids), strict=True) if ids else ()


def _ids_before(plain: list[int], whole: list[int]) -> list[int]:
    """Return what a tokenizer puts before a text; some put a token after it, too."""
    starts = range(len(whole) - len(plain) + 1)
    return next((whole[:start] for start in starts if whole[start : start + len(plain)] == plain), [])


def _split_at(text: str, controls: Sequence[Segment]) -> list[Segment]:
    """Return the control tokens of a text in their order, and the text between them."""
    parts: list[Segment] = []
    for control in controls:
        before, _, text = text.partition(control.text)
        parts += [Segment(before), control] if before else [control]
    return [*parts, Segment(text)] if text else parts
