"""The errors that people see; each message is one line that names the fault and the mend.

QwenChatError
├── UsageError              a command, a flag, a setting or a role is faulty
│   └── RefusedError            a message was not sent
├── StoreError              conversations cannot be read or written
├── SessionBusyError        an answer is still being written
└── ModelError              the model failed
    ├── ModelLoadError          before it could answer
    │   ├── MissingExtraError       an optional package is not installed
    │   └── DownloadError           a file of the model cannot be fetched
    ├── ModelBusyError          too many requests are waiting already
    ├── PromptRefusedError      the checkpoint's format does not take the conversation
    └── ContextLengthError      the prompt does not fit the context
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from qwen_chat import i18n


class QwenChatError(Exception):
    """Root of the tree: front ends show the text and go on, or exit with code 2."""

    @property
    def text(self) -> str:
        """The message; an i18n.Text, with its code and arguments, where it was raised with one."""
        return self.args[0] if self.args and isinstance(self.args[0], str) else str(self)


class UsageError(QwenChatError):
    """A command, a flag, a setting or a role is faulty."""


class RefusedError(UsageError):
    """A message was not sent: front ends keep its text in the input."""


class StoreError(QwenChatError):
    """Conversations cannot be read or written."""


class SessionBusyError(QwenChatError):
    """A second turn was asked for while an answer is still being written."""


class ModelError(QwenChatError):
    """The model failed while answering."""


class ModelLoadError(ModelError):
    """The model cannot be opened."""


class MissingExtraError(ModelLoadError):
    """An optional package is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(i18n.Text("extra.missing", feature=feature, extra=extra))


class DownloadError(ModelLoadError):
    """A file of the model cannot be fetched; what has arrived of it stays for the next start."""

    def __init__(self, title: str, reason: str, mend: str) -> None:
        super().__init__(f"{title} cannot be fetched ({reason}): {mend}, or name a model with -c FILE.gguf")
        self.title = title
        self.reason = reason
        self.mend = mend


class ModelBusyError(ModelError):
    """Too many requests are waiting already."""


class PromptRefusedError(ModelError):
    """The checkpoint's format does not take the conversation."""


class ContextLengthError(ModelError):
    """The prompt does not fit the context; both counts are in tokens, None where a server did not say."""

    def __init__(self, prompt_tokens: int | None, context_length: int | None) -> None:
        if prompt_tokens is None or context_length is None:
            super().__init__(i18n.Text("model.prompt_does_not_fit"))
        else:
            super().__init__(i18n.Text("model.prompt_too_long", prompt=prompt_tokens, context=context_length))
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length


_MAX_TEXT = 300
_SELF_EXPLAINING = (QwenChatError, OSError, RuntimeError, ImportError)
"""Exceptions whose text is a sentence; of others, such as a KeyError, the type must be named, too."""

_RUST_PANIC = "PanicException"
"""The name of the class that pyo3 raises for a panic; it cannot be imported."""

_MEMORY_TEXTS = (
    "out of memory",
    "allocate memory",
    "failed to allocate",
    "unable to allocate",
    "bad_alloc",
    "resource temporarily unavailable",  # for the stack of a thread
)


def as_model_error(
    error: BaseException, fault: str = "", *, mend: str = "", out_of_memory: str = ""
) -> ModelError:
    """Return any exception of an engine as a ModelError of one line; a ModelError stays itself.

    The line is `fault`, or that the model failed, what the exception says, and `mend`; or `out_of_memory` if
    memory ran out. This is the only place where exceptions of other libraries become ours.
    """
    if isinstance(error, ModelError):
        return error
    if is_out_of_memory(error):
        return ModelError(out_of_memory or i18n.Text("model.out_of_memory"))
    if isinstance(error, QwenChatError):
        return ModelError(error.text)
    text = f"{_describe(error)}{mend}"
    return ModelError(f"{fault}: {text}" if fault else i18n.Text("model.failed", reason=text))


def as_load_error(
    error: BaseException, fault: str, *, mend: str = "", out_of_memory: str = ""
) -> ModelLoadError:
    """Return any exception of an engine that loads as `as_model_error` does, as a ModelLoadError."""
    if isinstance(error, ModelLoadError):
        return error
    out_of_memory = out_of_memory or f"{fault}: out of memory; try a smaller --ctx-size, or a smaller model"
    return ModelLoadError(as_model_error(error, fault, mend=mend, out_of_memory=out_of_memory).text)


@contextmanager
def model_errors(convert: Callable[[BaseException], ModelError] = as_model_error) -> Iterator[None]:
    """Raise every exception of the block, or of the decorated function, as `convert` returns it.

    A UsageError stays what it is. A panic in Rust, as of a broken tokenizer, is converted too, though it is a
    BaseException alone; KeyboardInterrupt and the like are not.
    """
    try:
        yield
    except UsageError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != _RUST_PANIC:
            raise
        ours = convert(error)
        if ours is error:
            raise
        raise ours from error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory ran out; torch's own exception is known by its name, without torch."""
    named = any(each.__name__ == "OutOfMemoryError" for each in type(error).__mro__)
    text = str(error).lower()
    return isinstance(error, MemoryError) or named or any(each in text for each in _MEMORY_TEXTS)


def _describe(error: BaseException) -> str:
    """Return what an exception says in one line, with its type where the text alone explains nothing."""
    name, text = type(error).__name__, " ".join(str(error).split())[:_MAX_TEXT]
    if not text:
        return name
    return text if isinstance(error, _SELF_EXPLAINING) else f"{name}: {text}"
