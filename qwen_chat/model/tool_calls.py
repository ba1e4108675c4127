"""Splits the calls of tools off an answer while it streams.

A call that is cut off, or that is no call of a tool which was offered, stays text.
"""

import secrets
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from qwen_chat.message import Delta, Tool, ToolCallPiece
from qwen_chat.model.base import Deltas
from qwen_chat.model.reasoning import partial_match_length
from qwen_chat.model.tool_call_forms import OPEN, read_bare_call, read_call

_LAST_LETTERS = "}>"
_SHORT = 500
"""A call ends with one of these letters: without one, what is held back is not read again once it is long."""


def split_tool_calls(stream: Deltas, tools: Sequence[Tool]) -> Deltas:
    """Yield an answer with its calls of these tools as pieces of calls instead of text."""
    return _split(stream, ToolCallParser(tools)) if tools else stream


def _split(stream: Deltas, parser: "ToolCallParser") -> Generator[Delta, None, None]:
    with closing(stream):
        for delta in stream:
            if delta.finish_reason is not None:
                yield from parser.flush()
                called = delta.finish_reason == "stop" and parser.calls
                yield replace(delta, finish_reason="tool_calls") if called else delta
            elif delta.text:
                yield from parser.feed(delta.text)
            else:
                yield delta


class ToolCallParser:
    """Takes an answer's text as it comes, and gives text and whole calls."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._schemas = {tool.name: tool.parameters for tool in tools}
        self._held = ""
        self._in_call = self._after_call = False
        self._has_text = False
        self.calls = 0
        """How many calls there are so far."""

    def feed(self, text: str) -> Iterator[Delta]:
        """Take text, and yield what is certain so far."""
        self._held += text
        if len(self._held) < _SHORT or any(letter in text for letter in _LAST_LETTERS):
            yield from self._read()

    def flush(self) -> Iterator[Delta]:
        """Yield what was held back, at the end of the answer."""
        yield from self._read(whole=True)
        held, self._held = self._held, ""
        if held.strip() or not self._after_call:
            yield from [Delta(held)] if held else []

    def _read(self, *, whole: bool = False) -> Iterator[Delta]:
        while (found := self._next(whole=whole)) is not None:
            self._has_text |= bool(found.text)
            if found != _NOTHING:
                yield found

    def _next(self, *, whole: bool) -> Delta | None:
        """Return what is certain, nothing at the begin of a call, or None."""
        if self._in_call:
            return self._read_call(whole=whole)
        if self._after_call:
            self._held = self._held.lstrip()
        return self._read_text() if self._has_text else self._read_start(whole=whole)

    def _read_start(self, *, whole: bool) -> Delta | None:
        """Return a call without tags, which stands only where no text came before."""
        found = read_bare_call(self._held, self._schemas, whole=whole)
        if found is None or not self._held:
            return None
        name, arguments, length = found
        if not name:
            return self._read_text()
        self._held = self._held[length:]
        return self._call(name, arguments)

    def _read_text(self) -> Delta | None:
        before, tag, after = self._held.partition(OPEN)
        held = "" if tag else before[len(before) - partial_match_length(before, OPEN) :]
        # Line ends before a call belong to its form.
        certain = before.removesuffix(held).rstrip()
        self._held = before[len(certain) :] + tag + after
        self._in_call = bool(tag)
        self._after_call = self._after_call and not certain
        return Delta(certain) if certain else _NOTHING if tag else None

    def _read_call(self, *, whole: bool) -> Delta | None:
        """Return a call, or the text that only looked like one, or None."""
        blank, _, body = self._held.partition(OPEN)
        found = read_call(body, self._schemas, whole=whole)
        if found is None:
            return None
        self._in_call = False
        name, arguments, length = found
        self._held = body[length:]
        if not name:
            return Delta(blank + OPEN)
        return self._call(name, arguments)

    def _call(self, name: str, arguments: str) -> Delta:
        self._after_call = True
        piece = ToolCallPiece(self.calls, f"call_{secrets.token_hex(12)}", name, arguments)
        self.calls += 1
        return Delta(tool_calls=(piece,))


_NOTHING = Delta()
