"""A request for chat completions, checked, as a call of a model."""

from collections.abc import Iterable

from qwen_chat.message import Think, Tool
from qwen_chat.model.base import ChatModel, OutputOptions, PromptOptions
from qwen_chat.server.call import Call, answer_grammar, check_model, check_refused, read_effort
from qwen_chat.server.chat_messages import read_messages
from qwen_chat.server.chat_schema import ChatBody, FunctionDefinition, NamedFunction
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import ApiError
from qwen_chat.server.sampling import read_logit_bias, read_sampling
from qwen_chat.server.tool_choice import ToolChoice, choose_tools

_EMPTY_SCHEMA = {"type": "object", "properties": {}}


def read_chat_call(body: ChatBody, model: ChatModel, defaults: Defaults) -> Call:
    """Return the call that a request asks for.

    Raises: ApiError.
    """
    check_refused(body.unknown_fields)
    tools = _read_legacy_tools(body) if is_legacy(body) else _read_tools(body)
    output = OutputOptions(_read_grammar(body, tools), read_logit_bias(body), _read_top_logprobs(body))
    check_model(output, tools, model)
    return Call(
        defaults.with_system(read_messages(body.messages)),
        read_sampling(body).over(defaults.params),
        PromptOptions(_read_think(body) or defaults.think, tools.tools, output),
        tools,
        body.n or 1,
    )


def is_legacy(body: ChatBody) -> bool:
    """Return whether a client knows calls of tools only by their older name, `function_call`."""
    return body.tools is None and body.functions is not None


def as_tool(function: FunctionDefinition) -> Tool:
    """Return a function as a tool of ours."""
    return Tool(function.name, function.description or "", function.parameters or _EMPTY_SCHEMA)


def _read_tools(body: ChatBody) -> ToolChoice:
    choice = body.tool_choice or "auto"
    chosen = choice if isinstance(choice, str) else f"={choice.function.name}"
    return choose_tools([*_functions(body)], chosen, parallel=body.parallel_tool_calls)


def _functions(body: ChatBody) -> Iterable[Tool]:
    for number, tool in enumerate(body.tools or ()):
        if tool.type != "function" or tool.function is None:
            param = f"tools[{number}]"
            raise ApiError(400, f"{param}: it is not a function", param=param)
        yield as_tool(tool.function)


def _read_legacy_tools(body: ChatBody) -> ToolChoice:
    choice = body.function_call or "auto"
    chosen = f"={choice.name}" if isinstance(choice, NamedFunction) else choice
    tools = [as_tool(function) for function in body.functions or ()]
    return choose_tools(tools, chosen, parallel=False, param="function_call")


def _read_grammar(body: ChatBody, tools: ToolChoice) -> str:
    form = body.response_format
    if form is None:
        return answer_grammar("text", None, tools, "response_format")
    schema = form.json_schema.schema_ if form.json_schema else None
    return answer_grammar(form.type, schema, tools, "response_format")


def _read_top_logprobs(body: ChatBody) -> int | None:
    if body.top_logprobs and not body.logprobs:
        raise ApiError(400, "top_logprobs: it goes with logprobs: true", param="top_logprobs")
    return body.top_logprobs or 0 if body.logprobs else None


def _read_think(body: ChatBody) -> Think | None:
    """Return whether to reason, by whichever of three names a client has for it."""
    given = dict(body.chat_template_kwargs or {})
    chosen = given.pop("enable_thinking", body.enable_thinking)
    param = "chat_template_kwargs"
    if other := next(iter(given), None):
        raise ApiError(400, f"{param}.{other[:40]}: only enable_thinking is known", param=param)
    if chosen is not None and not isinstance(chosen, bool):
        raise ApiError(400, f"{param}.enable_thinking: must be true or false", param=param)
    if chosen is not None:
        return "on" if chosen else "off"
    return read_effort(body.reasoning_effort, "reasoning_effort")
