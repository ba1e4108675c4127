"""The routes that tell of the server and its models, and those that count tokens."""

from typing import Any

from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from qwen_chat.model.base import CompletingModel
from qwen_chat.server.bodies import Body, read_body
from qwen_chat.server.errors import ApiError
from qwen_chat.server.metrics import Metrics
from qwen_chat.server.models import Models, require_tokens

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class TokenizeBody(Body):
    """The body of /tokenize; `prompt` is vLLM's name for the text, `content` llama.cpp's."""

    model: str | None = None
    prompt: str | None = None
    content: str | None = None


class DetokenizeBody(Body):
    """The body of /detokenize."""

    model: str | None = None
    tokens: list[int] = Field(max_length=1_000_000)


class ModelRoutes:
    """Tells what is served."""

    def __init__(self, models: Models, metrics: Metrics) -> None:
        self._models, self._metrics = models, metrics

    async def list(self) -> dict[str, Any]:
        """Return all models."""
        return self._models.as_json()

    async def describe(self, model: str) -> dict[str, Any]:
        """Return one model.

        Raises: ApiError.
        """
        return self._models.describe(model)

    async def health(self) -> Response:
        """Return 200 when every model answers, and 503 while one is loading or has failed."""
        status, word = self._models.health()
        return JSONResponse({"status": word}, status)

    async def metrics(self) -> Response:
        """Return the figures of this server."""
        return Response(self._metrics.text(), media_type=_PROMETHEUS)

    async def tokenize(self, request: Request) -> dict[str, Any]:
        """Return the ids of a text, in which nothing is a control token.

        Raises: ApiError.
        """
        body = await read_body(request, TokenizeBody)
        text = body.prompt if body.prompt is not None else body.content
        if text is None:
            raise ApiError(400, "prompt: Field required", param="prompt")
        model = await self._find(body.model)
        ids = await run_in_threadpool(model.tokenize, text)
        return {"tokens": ids, "count": len(ids), "max_model_len": model.context_length}

    async def detokenize(self, request: Request) -> dict[str, Any]:
        """Return the text of ids.

        Raises: ApiError.
        """
        body = await read_body(request, DetokenizeBody)
        model = await self._find(body.model)
        text = (await run_in_threadpool(model.detokenize, body.tokens)).decode(errors="replace")
        return {"prompt": text, "content": text}

    async def _find(self, name: str | None) -> CompletingModel:
        return await run_in_threadpool(require_tokens, self._models.find(name)[1])
