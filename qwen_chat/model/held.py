"""What of a stream of text has to be held back, since it could begin something."""


def overlap(text: str, mark: str) -> int:
    """Return how many characters at the end of `text` could begin `mark`."""
    return next((n for n in range(len(mark) - 1, 0, -1) if text.endswith(mark[:n])), 0)
