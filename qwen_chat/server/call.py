"""A request as a call of a model, whichever interface it came by."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qwen_chat.message import Message, Think
from qwen_chat.model.base import ChatModel, OutputOptions, PromptOptions
from qwen_chat.model.grammar import either_grammar, json_grammar, json_object_grammar, tool_call_grammar
from qwen_chat.sampling import SamplingParams
from qwen_chat.server.errors import ApiError, errors_of
from qwen_chat.server.tool_choice import ToolChoice, required_call_grammar

_NO_REASONING = ("none", "minimal")
_REASONING = ("low", "medium", "high", "xhigh", "max")

REFUSED = (
    "audio",
    "enable_search",
    "grammar",
    "guided_choice",
    "guided_grammar",
    "guided_json",
    "guided_regex",
    "structured_outputs",
    "suffix",
    "thinking_budget",
    "web_search_options",
)
"""Known fields that would change the answer, and that this server cannot honour."""

WITHOUT_EFFECT = (
    "client_metadata",
    "include",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "truncation",
    "user",
    "verbosity",
)
"""Known fields that clients send, and that change nothing here."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a model; `choices` is how many answers are asked for."""

    messages: tuple[Message, ...]
    params: SamplingParams
    options: PromptOptions
    tools: ToolChoice
    choices: int = 1


def check_refused(fields: list[str]) -> None:
    """Refuse a request that asks for what this server cannot do.

    Raises: ApiError.
    """
    if found := next((name for name in fields if name in REFUSED), None):
        raise ApiError(400, f"{found}: this server does not support it", param=found)


def check_model(output: OutputOptions, tools: ToolChoice, model: ChatModel) -> None:
    """Refuse what a model cannot do.

    Raises: ApiError.
    """
    if tools.tools and model.capabilities.tools is False:
        raise ApiError(400, f"tools: the chat template of {model.name} knows no tools", param="tools")
    if model.capabilities.output is not False:
        return
    asked = {
        "tool_choice": bool(tools.required),
        "response_format": bool(output.grammar),
        "logit_bias": bool(output.logit_bias),
        "logprobs": output.top_logprobs is not None,
    }
    if param := next((name for name, value in asked.items() if value), None):
        raise ApiError(
            400, f"{param}: the engine of {model.name} cannot do that; a GGUF file can", param=param
        )


def ignored_fields(fields: list[str]) -> dict[str, str]:
    """Return the header of an answer that names the fields which nobody knows here."""
    names = [name for name in fields if name not in WITHOUT_EFFECT and name.isascii() and name.isprintable()]
    return {"x-ignored-fields": ", ".join(names)[:1000]} if names else {}


def answer_grammar(kind: str, schema: Mapping[str, Any] | None, tools: ToolChoice, param: str) -> str:
    """Return the grammar of an answer: `kind` is text, json_object or json_schema.

    Raises: ApiError for a schema that cannot be enforced.
    """
    if tools.required:
        return required_call_grammar(tools)
    if kind == "text":
        return ""
    if kind == "json_schema" and schema is None:
        raise ApiError(400, f"{param}: there is no schema", param=param)
    with errors_of(param):
        answer = (
            json_grammar(schema) if kind == "json_schema" and schema is not None else json_object_grammar()
        )
        return either_grammar(answer, tool_call_grammar(tools.tools)) if tools.tools else answer


def read_effort(effort: str | None, param: str) -> Think | None:
    """Return whether to reason, as OpenAI's models are told; None leaves it open.

    Raises: ApiError.
    """
    if effort is None:
        return None
    if effort not in (*_NO_REASONING, *_REASONING):
        known = ", ".join((*_NO_REASONING, *_REASONING))
        raise ApiError(400, f"{param}: must be one of {known}", param=param)
    return "off" if effort in _NO_REASONING else "on"
