"""Every error a person may see; each message is one line that names the fault and the mend.

QwenChatError
├── UsageError              a command, flag, setting or role that cannot be understood
│   └── RefusedError            a message that was not sent
├── StoreError              conversations cannot be read or written
├── SessionBusyError        an answer is still being written
└── ModelError              the model failed
    ├── ModelLoadError          before it could answer
    │   └── MissingExtraError       an optional package is not installed
    └── ContextLengthError      the prompt does not fit the context
"""


class QwenChatError(Exception):
    """Root of the tree: front ends show its text as it is and go on, or exit with code 2."""


class UsageError(QwenChatError):
    """A command, flag, setting or role that cannot be understood."""


class RefusedError(UsageError):
    """A message that was not sent: front ends leave its text where it was typed."""


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
        super().__init__(f"{feature} needs an extra: pip install 'qwen-chat-apps[{extra}]'")


class ContextLengthError(ModelError):
    """The prompt does not fit the context; both counts are in tokens."""

    def __init__(self, prompt_tokens: int, context_length: int) -> None:
        super().__init__(
            f"the prompt has {prompt_tokens:,} tokens, the context holds {context_length:,}: "
            "shorten the message, or start with a larger --ctx-size"
        )
        self.prompt_tokens = prompt_tokens
        self.context_length = context_length
