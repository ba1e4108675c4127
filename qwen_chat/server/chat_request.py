"""A request for an answer to a conversation, checked, as a call of a model."""

from dataclasses import dataclass

from qwen_chat.message import Message, Think
from qwen_chat.model.base import ChatModel, OutputOptions, PromptOptions
from qwen_chat.model.grammar import either_grammar, json_grammar, json_object_grammar, tool_call_grammar
from qwen_chat.sampling import SamplingParams
from qwen_chat.server.chat_messages import read_messages
from qwen_chat.server.chat_schema import ChatBody
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import ApiError, errors_of
from qwen_chat.server.sampling import read_logit_bias, read_sampling
from qwen_chat.server.tool_choice import ToolChoice, read_tool_choice, required_call_grammar

_NO_REASONING = ("none", "minimal")
_REASONING = ("low", "medium", "high", "xhigh", "max")
_REFUSED = (
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
    "user",
    "verbosity",
)
"""Known fields that clients send, and that change nothing here."""


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A call of a model; `choices` is how many answers are asked for."""

    messages: tuple[Message, ...]
    params: SamplingParams
    options: PromptOptions
    tools: ToolChoice
    choices: int = 1
    stream: bool = False
    include_usage: bool = False


def read_chat_call(body: ChatBody, model: ChatModel, defaults: Defaults) -> ChatCall:
    """Return the call that a request asks for.

    Raises: ApiError.
    """
    check_refused(body.unknown_fields)
    tools = read_tool_choice(body)
    output = OutputOptions(_read_grammar(body, tools), read_logit_bias(body), _read_top_logprobs(body))
    check_model(output, tools, model)
    return ChatCall(
        defaults.with_system(read_messages(body.messages)),
        read_sampling(body).over(defaults.params),
        PromptOptions(_read_think(body) or defaults.think, tools.tools, output),
        tools,
        body.n or 1,
        bool(body.stream),
        bool(body.stream_options and body.stream_options.include_usage),
    )


def check_refused(fields: list[str]) -> None:
    """Refuse a request that asks for what this server cannot do.

    Raises: ApiError.
    """
    if found := next((name for name in fields if name in _REFUSED), None):
        raise ApiError(400, f"{found}: this server does not support it", param=found)


def ignored_fields(fields: list[str]) -> dict[str, str]:
    """Return the header of an answer that names the fields which nobody knows here."""
    names = [name for name in fields if name not in WITHOUT_EFFECT and name.isascii() and name.isprintable()]
    return {"x-ignored-fields": ", ".join(names)[:1000]} if names else {}


def _read_grammar(body: ChatBody, tools: ToolChoice) -> str:
    if tools.required:
        return required_call_grammar(tools)
    with errors_of("response_format"):
        answer = _read_format_grammar(body)
        return either_grammar(answer, tool_call_grammar(tools.tools)) if answer and tools.tools else answer


def _read_format_grammar(body: ChatBody) -> str:
    form = body.response_format
    if form is None or form.type == "text":
        return ""
    if form.type == "json_object":
        return json_object_grammar()
    if form.json_schema is None or form.json_schema.schema_ is None:
        param = "response_format.json_schema"
        raise ApiError(400, f"{param}: there is no schema", param=param)
    return json_grammar(form.json_schema.schema_)


def _read_top_logprobs(body: ChatBody) -> int | None:
    if body.top_logprobs and not body.logprobs:
        raise ApiError(400, "top_logprobs: it goes with logprobs: true", param="top_logprobs")
    return body.top_logprobs or 0 if body.logprobs else None


def check_model(output: OutputOptions, tools: ToolChoice, model: ChatModel) -> None:
    """Refuse what a model cannot do.

    Raises: ApiError.
    """
    if tools.tools and model.capabilities.tools is False:
        raise ApiError(400, f"tools: the chat template of {model.name} knows no tools", param="tools")
    if output == OutputOptions() or model.capabilities.output is not False:
        return
    asked = {
        "tool_choice": bool(tools.required),
        "response_format": bool(output.grammar),
        "logit_bias": bool(output.logit_bias),
        "logprobs": output.top_logprobs is not None,
    }
    param = next(name for name, value in asked.items() if value)
    raise ApiError(400, f"{param}: the engine of {model.name} cannot do that; a GGUF file can", param=param)


def _read_think(body: ChatBody) -> Think | None:
    """Return whether to reason, by whichever of three names a client has for it."""
    given = dict(body.chat_template_kwargs or {})
    chosen = given.pop("enable_thinking", body.enable_thinking)
    if other := next(iter(given), None):
        param = f"chat_template_kwargs.{other[:40]}"
        raise ApiError(400, f"{param}: only enable_thinking is known", param="chat_template_kwargs")
    if chosen is not None and not isinstance(chosen, bool):
        param = "chat_template_kwargs"
        raise ApiError(400, f"{param}.enable_thinking: must be true or false", param=param)
    if chosen is not None:
        return "on" if chosen else "off"
    return _read_effort(body.reasoning_effort)


def _read_effort(effort: str | None) -> Think | None:
    if effort is None:
        return None
    if effort not in (*_NO_REASONING, *_REASONING):
        known = ", ".join((*_NO_REASONING, *_REASONING))
        raise ApiError(400, f"reasoning_effort: must be one of {known}", param="reasoning_effort")
    return "off" if effort in _NO_REASONING else "on"
