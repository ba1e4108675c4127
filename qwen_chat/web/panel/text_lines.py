"""Several texts in one field, each on a line of its own; a line break within one is written \\n."""

from collections.abc import Iterable


def joined(texts: Iterable[str]) -> str:
    """Return texts as lines."""
    return "\n".join(map(on_one_line, texts))


def split(lines: str) -> tuple[str, ...]:
    """Return the texts of the lines that have one."""
    return tuple(_whole(line) for line in lines.split("\n") if line)


def on_one_line(text: str) -> str:
    r"""Return a text with its line breaks as \n."""
    return text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def _whole(line: str) -> str:
    pieces = line.split("\\\\")
    return "\\".join(piece.replace("\\r", "\r").replace("\\n", "\n") for piece in pieces)
