"""The tools of a request, and whether one of them must be called."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from qwen_chat.message import Tool
from qwen_chat.model.grammar import tool_call_grammar
from qwen_chat.server.chat_schema import ChatBody, FunctionDefinition, NamedFunction
from qwen_chat.server.errors import ApiError, errors_of


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """The tools that a model is told of; one of `required` must be called, if there are any.

    `legacy` says that the client knows calls only by their older name, `function_call`. Without `parallel`
    the answer ends after one call.
    """

    tools: tuple[Tool, ...] = ()
    required: tuple[Tool, ...] = ()
    parallel: bool = True
    legacy: bool = False


def read_tool_choice(body: ChatBody) -> ToolChoice:
    """Return the tools of a request.

    Raises: ApiError.
    """
    legacy = body.tools is None and body.functions is not None
    tools = tuple(_read_functions(body.functions or ())) if legacy else tuple(_read_tools(body))
    choice = _read_choice(body, legacy=legacy)
    if choice in ("auto", "none"):
        return ToolChoice(
            tools if choice == "auto" else (), (), body.parallel_tool_calls is not False, legacy
        )
    param = "function_call" if legacy else "tool_choice"
    required = tuple(tool for tool in tools if choice in ("", tool.name))
    if not required:
        raise ApiError(400, f"{param}: there is no tool {choice!r}" if choice else "tools: none", param=param)
    return ToolChoice(tools, required, parallel=False, legacy=legacy)


def _read_choice(body: ChatBody, *, legacy: bool) -> str | Literal["auto", "none", ""]:
    """Return what may be called: the name of a tool, "" for any that must be called, "auto" or "none"."""
    if legacy:
        chosen = body.function_call or "auto"
        return chosen.name if isinstance(chosen, NamedFunction) else chosen
    choice = body.tool_choice or "auto"
    if isinstance(choice, str):
        return "" if choice == "required" else choice
    return choice.function.name


def _read_tools(body: ChatBody) -> Iterable[Tool]:
    for number, tool in enumerate(body.tools or ()):
        if tool.type != "function" or tool.function is None:
            fault = f"tools[{number}]: it is not a function"
            raise ApiError(400, fault, param=f"tools[{number}]")
    return _read_functions([tool.function for tool in body.tools or () if tool.function])


def _read_functions(functions: Iterable[FunctionDefinition]) -> list[Tool]:
    tools: dict[str, Tool] = {}
    for function in functions:
        if function.name in tools:
            raise ApiError(400, f"tools: {function.name!r} is there twice", param="tools")
        schema = function.parameters or {"type": "object", "properties": {}}
        tools[function.name] = Tool(function.name, function.description or "", schema)
    return [*tools.values()]


def required_call_grammar(choice: ToolChoice) -> str:
    """Return the grammar of a call that must be made, or nothing where none must.

    Raises: ApiError for a schema that cannot be enforced.
    """
    with errors_of("tools"):
        return tool_call_grammar(choice.required) if choice.required else ""
