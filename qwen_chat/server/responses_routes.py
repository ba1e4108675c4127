"""POST /v1/responses."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qwen_chat.server.bodies import read_body
from qwen_chat.server.call import ignored_fields
from qwen_chat.server.chat_routes import start_answers
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.models import Models
from qwen_chat.server.replies import Replies
from qwen_chat.server.responses_output import ResponseHead, ResponseWriter, whole_response
from qwen_chat.server.responses_request import left_out_tools, read_responses_call
from qwen_chat.server.responses_schema import ResponsesBody


class ResponseRoutes:
    """Answers requests for responses; none is kept."""

    def __init__(self, models: Models, replies: Replies, defaults: Defaults) -> None:
        self._models, self._replies, self._defaults = models, replies, defaults

    async def create(self, request: Request) -> Response:
        """Answer a request, at once or as a stream.

        Raises: ApiError, QwenChatError.
        """
        body = await read_body(request, ResponsesBody)
        name, model = self._models.find(body.model)
        answers = start_answers(model, read_responses_call(body, model, self._defaults))
        head, headers = ResponseHead(name, body), ignored_fields(body.unknown_fields)
        if left_out := left_out_tools(body):
            headers["x-ignored-tools"] = ", ".join(left_out).encode("ascii", "replace").decode()[:1000]
        if body.stream:
            return await self._replies.stream(request, name, answers, ResponseWriter(head), headers)
        (answer,) = await self._replies.whole(request, name, answers)
        return JSONResponse(whole_response(head, answer), headers=headers)
