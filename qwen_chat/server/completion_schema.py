"""The body of /v1/completions.

https://platform.openai.com/docs/api-reference/completions/create
"""

from pydantic import Field

from qwen_chat.server.chat_schema import MAX_TOP_LOGPROBS, SamplingBody

MAX_PROMPTS = 64


class CompletionBody(SamplingBody):
    """The body of a request to go on with texts, or with tokens by their ids."""

    prompt: str | list[str] | list[int] | list[list[int]]
    echo: bool | None = None
    logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_LOGPROBS)
    best_of: int | None = None
