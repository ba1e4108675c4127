"""The tools of a request, and whether one of them must be called."""

from collections.abc import Sequence
from dataclasses import dataclass

from qwen_chat.message import Tool
from qwen_chat.model.grammar import tool_call_grammar
from qwen_chat.server.errors import ApiError, errors_of


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """The tools that a model is told of; one of `required` must be called, if there are any.

    Without `parallel` the answer ends after one call.
    """

    tools: tuple[Tool, ...] = ()
    required: tuple[Tool, ...] = ()
    parallel: bool = True


def choose_tools(
    tools: Sequence[Tool], choice: str = "auto", *, parallel: bool | None = None, param: str = "tool_choice"
) -> ToolChoice:
    """Return the tools of a request by the choice of it: auto, none, required, or `=` and the name of one.

    Raises: ApiError.
    """
    names = [tool.name for tool in tools]
    if double := next((name for name in names if names.count(name) > 1), None):
        raise ApiError(400, f"tools: {double!r} is there twice", param="tools")
    if choice == "none":
        return ToolChoice()
    if choice == "auto":
        return ToolChoice(tuple(tools), parallel=parallel is not False)
    required = tuple(tool for tool in tools if choice in ("required", f"={tool.name}"))
    if not required:
        fault = f"there is no tool {choice[1:]!r}" if choice.startswith("=") else "there are no tools"
        raise ApiError(400, f"{param}: {fault}", param=param)
    return ToolChoice(tuple(tools), required, parallel=False)


def required_call_grammar(choice: ToolChoice) -> str:
    """Return the grammar of a call that must be made, or nothing where none must.

    Raises: ApiError for a schema that cannot be enforced.
    """
    with errors_of("tools"):
        return tool_call_grammar(choice.required) if choice.required else ""
