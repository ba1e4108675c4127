"""The timings of one answer, as the reader of its stream saw them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watched:
    """The times of the question and of each piece, and the engine's figures, in seconds and tokens."""

    started: float
    moments: list[float]
    tokens: int
    decode_seconds: float
    prompt_tokens: int
    cached_tokens: int

    @property
    def first_seconds(self) -> float:
        """Seconds from the question to the first text."""
        return self.moments[0] - self.started

    @property
    def watched_speed(self) -> float:
        """Tokens per second between the first and the last text, by the reader's clock."""
        return (self.tokens - 1) / (self.moments[-1] - self.moments[0])

    @property
    def engine_speed(self) -> float:
        """Tokens per second by the engine's clock."""
        return self.tokens / self.decode_seconds

    @property
    def read_tokens(self) -> int:
        """Tokens of the prompt that were not in the cache."""
        return self.prompt_tokens - self.cached_tokens
