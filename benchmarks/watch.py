"""What a watcher saw of one answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Watched:
    """When it was asked for, when its pieces came, and what the engine says of it; in seconds and tokens."""

    started: float
    moments: list[float]
    tokens: int
    decode_seconds: float
    prompt_tokens: int
    cached_tokens: int

    @property
    def first_seconds(self) -> float:
        """From asking to the first text."""
        return self.moments[0] - self.started

    @property
    def watched_speed(self) -> float:
        """Tokens per second between the first text and the last, by the watcher's clock."""
        return (self.tokens - 1) / (self.moments[-1] - self.moments[0])

    @property
    def engine_speed(self) -> float:
        """Tokens per second by the engine's clock."""
        return self.tokens / self.decode_seconds

    @property
    def read_tokens(self) -> int:
        """Tokens of the prompt that were not in the cache."""
        return self.prompt_tokens - self.cached_tokens
