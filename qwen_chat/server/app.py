"""The API as one application: its routes, and the checks that come before them."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from qwen_chat import __version__
from qwen_chat.errors import QwenChatError
from qwen_chat.http.active_requests import ActiveRequests
from qwen_chat.http.body_limit import BodyLimit
from qwen_chat.http.csrf import CsrfCheck
from qwen_chat.http.host_check import HostCheck
from qwen_chat.http.hosts import Hosts
from qwen_chat.http.security_headers import SecurityHeaders
from qwen_chat.server.access import Access
from qwen_chat.server.chat_routes import ChatRoutes
from qwen_chat.server.chat_schema import ChatBody
from qwen_chat.server.completion_routes import CompletionRoutes
from qwen_chat.server.completion_schema import CompletionBody
from qwen_chat.server.defaults import Defaults
from qwen_chat.server.errors import ApiError, as_api_error, refuse
from qwen_chat.server.keys import KeyCheck, Keys
from qwen_chat.server.messages_routes import MessageRoutes
from qwen_chat.server.messages_schema import MessagesBody, PromptBody
from qwen_chat.server.metrics import Metrics
from qwen_chat.server.model_routes import DetokenizeBody, ModelRoutes, TokenizeBody
from qwen_chat.server.models import Models
from qwen_chat.server.replies import Replies
from qwen_chat.server.responses_routes import ResponseRoutes
from qwen_chat.server.responses_schema import ResponsesBody

_SCHEMA = "#/components/schemas/{model}"
_OTHER_NAME = "the Host header names another server; on loopback it must be localhost or 127.0.0.1"
_OTHER_SITE = "pages of that site may not use this server: name it with --cors-origin"
_MAX_BODY_BYTES = 16 * 2**20


class ApiApp:
    """The API behind its checks."""

    def __init__(self, models: Models, hosts: Hosts, access: Access, defaults: Defaults) -> None:
        routes = _build_routes(models, Metrics(), defaults)
        self._requests = ActiveRequests(BodyLimit(routes, lambda _: _MAX_BODY_BYTES, refuse))
        checks: ASGIApp = KeyCheck(self._requests, Keys(access.keys, access.accounts))
        checks = HostCheck(_OriginCheck(checks, hosts, access.origins), hosts, refuse, _OTHER_NAME)
        self._checks = SecurityHeaders(checks, lambda _: "no-store")
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._routes(scope, receive, send)
        elif scope["type"] == "http":
            await self._checks(scope, receive, send)

    def close(self) -> None:
        """End the answers that are being sent; to be called in the loop that sends them."""
        self._requests.end(refuse(503, "the server is being stopped"))


class _OriginCheck:
    """ASGI middleware that lets pages of the named sites use the API, and those of no other."""

    def __init__(self, app: ASGIApp, hosts: Hosts, origins: Sequence[str]) -> None:
        self._origins = {origin.encode() for origin in origins}
        self._foreign = CsrfCheck(app, hosts, refuse, _OTHER_SITE)
        self._named = CORSMiddleware(
            app, origins, allow_methods=["GET", "POST"], allow_headers=["*"], max_age=600
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        origin = dict(scope["headers"]).get(b"origin")
        await (self._named if origin in self._origins else self._foreign)(scope, receive, send)


class _DocumentedApp(FastAPI):
    """An application whose document has the schemas of the bodies that routes read by themselves."""

    def openapi(self) -> dict[str, Any]:
        """Return the document of the API."""
        document = super().openapi()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(self.state.schemas)
        for path, answer in _answers().items():
            schema = answer.model_json_schema(ref_template=_SCHEMA)
            schemas.update(schema.pop("$defs", {}))
            content = {"application/json": {"schema": schema}}
            document["paths"][path]["post"]["responses"]["200"]["content"] = content
        return document


def _answers() -> dict[str, type[BaseModel]]:
    """Return the types of answers by their routes; to import them takes a second."""
    from openai.types import Completion
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response as OpenAIResponse

    return {
        "/v1/chat/completions": ChatCompletion,
        "/v1/completions": Completion,
        "/v1/responses": OpenAIResponse,
    }


def _build_routes(models: Models, metrics: Metrics, defaults: Defaults) -> FastAPI:
    app = _DocumentedApp(title="qwen-chat", version=__version__, docs_url=None, redoc_url=None)
    app.state.schemas = {}
    replies = Replies(metrics)
    told, chat = ModelRoutes(models, metrics), ChatRoutes(models, replies, defaults)
    completions = CompletionRoutes(models, replies, defaults)
    messages = MessageRoutes(models, replies, defaults)
    responses = ResponseRoutes(models, replies, defaults)
    app.add_api_route("/health", told.health, methods=["GET"])
    app.add_api_route("/metrics", told.metrics, methods=["GET"])
    app.add_api_route("/v1/models", told.list, methods=["GET"])
    app.add_api_route("/v1/models/{model:path}", told.describe, methods=["GET"])
    _add_post(app, "/tokenize", told.tokenize, TokenizeBody)
    _add_post(app, "/detokenize", told.detokenize, DetokenizeBody)
    _add_post(app, "/v1/chat/completions", chat.create, ChatBody)
    _add_post(app, "/v1/completions", completions.create, CompletionBody)
    _add_post(app, "/v1/responses", responses.create, ResponsesBody)
    _add_post(app, "/v1/messages", messages.create, MessagesBody)
    _add_post(app, "/v1/messages/count_tokens", messages.count, PromptBody)
    for kind in (ApiError, QwenChatError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _answer_error)
    return app


def _add_post(
    app: "_DocumentedApp",
    path: str,
    endpoint: Callable[..., Any],
    body: type[BaseModel],
) -> None:
    """Add a route that reads its body itself, with the schemas that the document tells of it."""
    schema = body.model_json_schema(ref_template=_SCHEMA)
    app.state.schemas |= schema.pop("$defs", {})
    app.add_api_route(
        path,
        endpoint,
        methods=["POST"],
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}
        },
    )


async def _answer_error(request: Request, error: Exception) -> Response:
    path = request.url.path
    if isinstance(error, HTTPException):
        return ApiError(error.status_code, f"{request.method} {path}: {error.detail}").response(path)
    return as_api_error(error).response(path)
