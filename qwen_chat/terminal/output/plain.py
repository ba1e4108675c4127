"""Writers of plain text, without styles and without cursor movement: as it comes, or a sentence at a time."""

import re
from typing import TextIO

_SENTENCE_END = re.compile(r"(?s).*(?:\n|[。！？]|[.!?…][\"')\]*_`]*[ \t])")
_MAX_SENTENCE = 600
"""Characters after which a sentence is printed before its end."""


class PlainWriter:
    """Prints text as it comes."""

    def __init__(self, stdout: TextIO) -> None:
        self._stdout = stdout
        self._at_line_start = True

    def resume_from(self, text: str) -> None:
        """Print the last line of the text that the answer continues."""
        self.feed(text.rpartition("\n")[2])

    def feed(self, text: str) -> None:
        """Print the next piece of text."""
        if text:
            self._stdout.write(text)
            self._at_line_start = text.endswith("\n")

    def close(self) -> None:
        """End the open line."""
        if not self._at_line_start:
            self._stdout.write("\n")


class SentenceWriter:
    """Prints text a sentence or a line at a time, so that a screen reader reads no halves of words."""

    def __init__(self, stdout: TextIO) -> None:
        self._plain = PlainWriter(stdout)
        self._pending = ""

    def resume_from(self, text: str) -> None:
        """Print the last line of the text that the answer continues."""
        self._plain.resume_from(text)

    def feed(self, text: str) -> None:
        """Take the next piece of text and print the sentences that are complete."""
        self._pending += text
        complete = _SENTENCE_END.match(self._pending)
        end = complete.end() if complete else 0
        if len(self._pending) - end > _MAX_SENTENCE:
            end = self._pending.rfind(" ") + 1 or len(self._pending)
        self._plain.feed(self._pending[:end])
        self._pending = self._pending[end:]

    def close(self) -> None:
        """Print the rest."""
        self._plain.feed(self._pending)
        self._pending = ""
        self._plain.close()


class NoticeWriter:
    """Prints one notice in place of all text."""

    def __init__(self, stdout: TextIO, notice: str) -> None:
        stdout.write(f"{notice}\n")

    def feed(self, text: str) -> None:
        """Drop the text."""

    def close(self) -> None:
        """Do nothing."""
