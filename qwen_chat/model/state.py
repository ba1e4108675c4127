"""Whether a model is loading, ready or failed; a front end may look at it at any time without waiting."""

from dataclasses import dataclass

from qwen_chat.errors import ModelLoadError


@dataclass(frozen=True, slots=True)
class Loading:
    """The model is not loaded yet.

    `since` is when loading began, in seconds of `time.monotonic`, or None when it has not begun; `progress`
    is the share that is done, from 0 to 1, or None when it is not known.
    """

    since: float | None = None
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The model answers; `load_seconds` is None for a model that needed no loading."""

    load_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The model could not be loaded."""

    error: ModelLoadError


ModelState = Loading | Ready | Failed
