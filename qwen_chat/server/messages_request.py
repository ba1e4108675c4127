"""A request in Anthropic's form, checked, as a call of a model."""

import json
from collections.abc import Iterable, Sequence

from qwen_chat.message import Message, Think, Tool, ToolCall
from qwen_chat.model.base import ChatModel, OutputOptions, PromptOptions
from qwen_chat.server.call import Call, check_model, check_refused
from qwen_chat.server.chat_messages import join_system
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import ApiError
from qwen_chat.server.messages_schema import Block, MessagesBody, MessageTool, PromptBody, TurnMessage
from qwen_chat.server.sampling import read_sampling
from qwen_chat.server.tool_choice import ToolChoice, choose_tools, required_call_grammar


def read_messages_call(body: MessagesBody, model: ChatModel, defaults: Defaults) -> Call:
    """Return the call that a request asks for.

    Raises: ApiError.
    """
    if body.max_tokens is None:
        raise ApiError(400, "max_tokens: Field required", param="max_tokens")
    check_refused(body.unknown_fields)
    tools = read_tools(body)
    output = OutputOptions(required_call_grammar(tools))
    check_model(output, tools, model)
    return Call(
        read_prompt(body, defaults),
        read_sampling(body).over(defaults.params),
        PromptOptions(_read_think(body) or defaults.think, tools.tools, output),
        tools,
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
    system = [Message("system", _read_texts("system", body.system))] if body.system else []
    return defaults.with_system(join_system([*system, *told]))


def read_tools(body: PromptBody) -> ToolChoice:
    """Return the tools of a request.

    Raises: ApiError.
    """
    tools = [_read_tool(number, tool) for number, tool in enumerate(body.tools or ())]
    choice = body.tool_choice
    if choice is None:
        return choose_tools(tools)
    chosen = {"any": "required", "tool": f"={choice.name}"}.get(choice.type, choice.type)
    return choose_tools(tools, chosen, parallel=not choice.disable_parallel_tool_use)


def _read_tool(number: int, tool: MessageTool) -> Tool:
    if tool.input_schema is None:
        param = f"tools[{number}]"
        raise ApiError(400, f"{param}: tools of the type {tool.type!r} cannot run here", param=param)
    return Tool(tool.name, tool.description or "", tool.input_schema)


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
