"""Answers without styles and without a moving cursor: as they come, or a sentence at a time."""

import re
from typing import TextIO

_SENTENCE_END = re.compile(r"(?s).*(?:\n|[。！？]|[.!?…][\"')\]*_`]*[ \t])")
_LONGEST = 600
"""Characters after which a sentence is not waited for any more."""


class Raw:
    """Prints text as it comes."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._ended = True

    def go_on_from(self, text: str) -> None:
        """Show the last line of what was written before."""
        self.feed(text.rpartition("\n")[2])

    def feed(self, text: str) -> None:
        """Print the next piece."""
        if text:
            self._stdout.write(text)
            self._ended = text.endswith("\n")

    def close(self) -> None:
        """End the line that is open."""
        if not self._ended:
            self._stdout.write("\n")


class Sentences:
    """Prints text a sentence or a line at a time, so that a screen reader is not handed halves of words."""

    def __init__(self, stdout: TextIO) -> None:
        self._raw = Raw(stdout)
        self._open = ""

    def go_on_from(self, text: str) -> None:
        """Show the last line of what was written before."""
        self._raw.go_on_from(text)

    def feed(self, text: str) -> None:
        """Print what is whole now."""
        self._open += text
        whole = _SENTENCE_END.match(self._open)
        end = whole.end() if whole else 0
        if len(self._open) - end > _LONGEST:
            end = self._open.rfind(" ") + 1 or len(self._open)
        self._raw.feed(self._open[:end])
        self._open = self._open[end:]

    def close(self) -> None:
        """Print what is left."""
        self._raw.feed(self._open)
        self._open = ""
        self._raw.close()


class Notice:
    """Says once that something is going on, whatever it is fed."""

    def __init__(self, stdout: TextIO, text: str) -> None:
        stdout.write(f"{text}\n")

    def feed(self, text: str) -> None:
        """Say nothing more."""

    def close(self) -> None:
        """Say nothing more."""
