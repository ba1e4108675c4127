"""A request in Anthropic's form, checked, as a call of a model."""

import json
from collections.abc import Iterable, Sequence

from qwen_chat.errors import UsageError
from qwen_chat.message import Message, Think, Tool, ToolCall
from qwen_chat.model.base import ChatModel, OutputOptions, PromptOptions
from qwen_chat.sampling import SamplingParams
from qwen_chat.server.chat_request import ChatCall, check_model
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import ApiError
from qwen_chat.server.messages_schema import Block, MessagesBody, MessageTool, PromptBody, TurnMessage
from qwen_chat.server.sampling import check_param
from qwen_chat.server.tool_choice import ToolChoice, required_call_grammar

_SAME = ("temperature", "top_p", "top_k")


def read_messages_call(body: MessagesBody, model: ChatModel, defaults: Defaults) -> ChatCall:
    """Return the call that a request asks for.

    Raises: ApiError.
    """
    if body.max_tokens is None:
        raise ApiError(400, "max_tokens: Field required", param="max_tokens")
    tools = read_tools(body)
    output = OutputOptions(required_call_grammar(tools))
    check_model(output, tools, model)
    return ChatCall(
        read_prompt(body, defaults),
        _read_sampling(body).over(defaults.params),
        PromptOptions(_read_think(body) or defaults.think, tools.tools, output),
        tools,
        stream=bool(body.stream),
    )


def read_prompt(body: PromptBody, defaults: Defaults) -> tuple[Message, ...]:
    """Return the conversation of a request.

    Raises: ApiError, which names the message.
    """
    told = [
        part
        for number, message in enumerate(body.messages)
        for part in _read_turn(f"messages[{number}]", message)
    ]
    if not any(message.role in ("user", "tool") for message in told):
        raise ApiError(400, "messages: there is no message of the role user", param="messages")
    system = [_read_texts("system", body.system)] if body.system else []
    system += [message.content for message in told if message.role == "system"]
    rest = [message for message in told if message.role != "system"]
    joined = "\n\n".join(filter(None, system))
    return defaults.with_system([Message("system", joined), *rest] if joined else rest)


def read_tools(body: PromptBody) -> ToolChoice:
    """Return the tools of a request.

    Raises: ApiError.
    """
    tools = tuple(_read_tool(number, tool) for number, tool in enumerate(body.tools or ()))
    if len({tool.name for tool in tools}) < len(tools):
        raise ApiError(400, "tools: a name is there twice", param="tools")
    choice = body.tool_choice
    if choice is None or choice.type == "auto":
        return ToolChoice(tools, parallel=not (choice and choice.disable_parallel_tool_use))
    if choice.type == "none":
        return ToolChoice()
    required = tuple(tool for tool in tools if choice.type == "any" or tool.name == choice.name)
    if not required:
        raise ApiError(400, f"tool_choice: there is no tool {choice.name!r}", param="tool_choice")
    return ToolChoice(tools, required, parallel=False)


def _read_tool(number: int, tool: MessageTool) -> Tool:
    if tool.input_schema is None:
        param = f"tools[{number}]"
        raise ApiError(400, f"{param}: tools of the type {tool.type!r} cannot run here", param=param)
    return Tool(tool.name, tool.description or "", tool.input_schema)


def _read_sampling(body: MessagesBody) -> SamplingParams:
    given = {name: value for name in _SAME if (value := getattr(body, name)) is not None}
    checked = {name: check_param(name, name, value) for name, value in given.items()}
    if body.stop_sequences:
        checked["stop"] = check_param("stop_sequences", "stop", body.stop_sequences)
    length = check_param("max_tokens", "max_new_tokens", body.max_tokens)
    try:
        return SamplingParams(max_new_tokens=length, **checked)
    except UsageError as error:
        raise ApiError(400, str(error)) from None


def _read_think(body: PromptBody) -> Think | None:
    if body.thinking is None:
        return None
    return {"enabled": "on", "disabled": "off"}.get(body.thinking.type)  # type: ignore[return-value]


def _read_turn(place: str, message: TurnMessage) -> Iterable[Message]:
    """Return a message as ours: the results of tools, which a person's message may hold, are messages too."""
    if isinstance(message.content, str):
        yield Message(message.role, message.content)
        return
    places = [(f"{place}.content[{number}]", block) for number, block in enumerate(message.content)]
    results = [(where, block) for where, block in places if block.type == "tool_result"]
    rest = [(where, block) for where, block in places if block.type != "tool_result"]
    for where, block in results:
        yield Message("tool", _read_texts(where, block.content or ""), tool_call_id=block.tool_use_id or "")
    if message.role == "assistant":
        yield _read_answer(rest)
    elif rest:
        yield Message(message.role, "\n\n".join(_read_text(where, block) for where, block in rest))


def _read_answer(blocks: Sequence[tuple[str, Block]]) -> Message:
    texts = [_read_text(where, block) for where, block in blocks if block.type not in _PARTS_OF_ANSWERS]
    return Message(
        "assistant",
        "\n\n".join(texts),
        "".join(block.thinking or "" for _, block in blocks),
        tuple(
            ToolCall(block.id or "", block.name or "", json.dumps(block.input or {}, ensure_ascii=False))
            for _, block in blocks
            if block.type == "tool_use"
        ),
    )


_PARTS_OF_ANSWERS = ("thinking", "redacted_thinking", "tool_use")


def _read_texts(place: str, content: str | Sequence[Block]) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(_read_text(f"{place}[{number}]", block) for number, block in enumerate(content))


def _read_text(place: str, block: Block) -> str:
    if block.type == "text" and block.text is not None:
        return block.text
    raise ApiError(400, f"{place}: the model reads text, not {block.type[:40]!r}", param=place)
