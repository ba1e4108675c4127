"""A request to /v1/responses, checked, as a call of a model."""

from collections.abc import Iterable, Sequence

from qwen_chat.message import Message, Tool, ToolCall
from qwen_chat.model.base import ChatModel, OutputOptions, PromptOptions
from qwen_chat.server.call import Call, answer_grammar, check_model, check_refused, read_effort
from qwen_chat.server.chat_messages import as_role, check_arguments, join_system, read_content
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import ApiError
from qwen_chat.server.responses_schema import ChosenTool, Item, ResponsesBody, ResponseTool
from qwen_chat.server.sampling import read_sampling
from qwen_chat.server.tool_choice import ToolChoice, choose_tools


def read_responses_call(body: ResponsesBody, model: ChatModel, defaults: Defaults) -> Call:
    """Return the call that a request asks for.

    Raises: ApiError.
    """
    check_refused(body.unknown_fields)
    for name in ("previous_response_id", "background", "conversation", "prompt"):
        if getattr(body, name, None):
            raise ApiError(400, f"{name}: this server keeps no responses", param=name)
    tools = _read_tools(body)
    form = body.text.format if body.text else None
    kind, schema = (form.type, form.schema_) if form else ("text", None)
    output = OutputOptions(answer_grammar(kind, schema, tools, "text.format"))
    check_model(output, tools, model)
    effort = read_effort(body.reasoning.effort if body.reasoning else None, "reasoning.effort")
    return Call(
        defaults.with_system(_read_input(body)),
        read_sampling(body).over(defaults.params),
        PromptOptions(effort or defaults.think, tools.tools, output),
        tools,
    )


def left_out_tools(body: ResponsesBody) -> list[str]:
    """Return the types of tools that the model is not told of, because nothing here runs them."""
    return [tool.type for tool in body.tools or () if not _is_function(tool)]


def _is_function(tool: ResponseTool) -> bool:
    return tool.type == "function" and tool.name is not None


def _read_tools(body: ResponsesBody) -> ToolChoice:
    tools = [
        Tool(tool.name or "", tool.description or "", tool.parameters or {"type": "object", "properties": {}})
        for tool in body.tools or ()
        if _is_function(tool)
    ]
    choice = body.tool_choice or "auto"
    chosen = f"={choice.name}" if isinstance(choice, ChosenTool) else choice
    return choose_tools(tools, chosen, parallel=body.parallel_tool_calls)


def _read_input(body: ResponsesBody) -> list[Message]:
    instructions = [Message("system", body.instructions)] if body.instructions else []
    if isinstance(body.input, str):
        return [*instructions, Message("user", body.input)]
    told = [part for number, item in enumerate(body.input) for part in _read_item(f"input[{number}]", item)]
    if not any(message.role == "user" for message in told):
        raise ApiError(400, "input: there is no message of the role user", param="input")
    return join_system([*instructions, *_join_answers(told)])


def _read_item(place: str, item: Item) -> Iterable[Message]:
    if item.type == "message":
        yield Message(
            as_role(f"{place}.role", item.role or ""), read_content(f"{place}.content", item.content)
        )
    elif item.type == "reasoning":
        yield Message("assistant", "", read_content(f"{place}.content", item.content))
    elif item.type in ("function_call", "custom_tool_call"):
        arguments = check_arguments(f"{place}.arguments", item.arguments)
        yield Message("assistant", "", tool_calls=(ToolCall(item.call_id or "", item.name or "", arguments),))
    elif item.type in ("function_call_output", "custom_tool_call_output"):
        output = read_content(f"{place}.output", item.output)
        yield Message("tool", output, tool_call_id=item.call_id or "", name=item.name or "")
    elif not item.type.endswith(("_call", "_call_output")):  # what other servers' tools did is of no use here
        raise ApiError(400, f"{place}: {item.type[:40]!r} is not known here", param=place)


def _join_answers(messages: Sequence[Message]) -> list[Message]:
    """Return messages with reasoning, text and calls that follow each other as one answer."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if last is None or not last.role == message.role == "assistant":
            joined.append(message)
            continue
        joined[-1] = Message(
            "assistant",
            "\n\n".join(filter(None, (last.content, message.content))),
            last.reasoning + message.reasoning,
            last.tool_calls + message.tool_calls,
        )
    return joined
