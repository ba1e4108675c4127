"""POST /v1/messages and /v1/messages/count_tokens, Anthropic's interface."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qwen_chat.model.base import PromptOptions, require_tokens
from qwen_chat.server.bodies import read_body
from qwen_chat.server.call import ignored_fields
from qwen_chat.server.chat_routes import start_answers
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.messages_output import MessageWriter, message
from qwen_chat.server.messages_request import read_messages_call, read_prompt, read_tools
from qwen_chat.server.messages_schema import MessagesBody, PromptBody
from qwen_chat.server.models import Models
from qwen_chat.server.replies import Replies


class MessageRoutes:
    """Answers conversations as Anthropic's interface does."""

    def __init__(self, models: Models, replies: Replies, defaults: Defaults) -> None:
        self._models, self._replies, self._defaults = models, replies, defaults

    async def create(self, request: Request) -> Response:
        """Answer a conversation, at once or as a stream.

        Raises: ApiError, QwenChatError.
        """
        body = await read_body(request, MessagesBody)
        name, model = self._models.find(body.model)
        call = read_messages_call(body, model, self._defaults)
        answers, headers = start_answers(model, call), ignored_fields(body.unknown_fields)
        if body.stream:
            return await self._replies.stream(request, name, answers, MessageWriter(name), headers)
        (answer,) = await self._replies.whole(request, name, answers)
        return JSONResponse(message(name, answer), headers=headers)

    async def count(self, request: Request) -> dict[str, Any]:
        """Return how many tokens the prompt of a conversation has.

        Raises: ApiError, QwenChatError.
        """
        body = await read_body(request, PromptBody)
        _, model = self._models.find(body.model)
        options = PromptOptions(self._defaults.think, read_tools(body).tools)
        prompt = read_prompt(body, self._defaults)
        tokens = await run_in_threadpool(lambda: require_tokens(model).encode(prompt, options))
        return {"input_tokens": len(tokens)}
