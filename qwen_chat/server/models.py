"""The models of a server, by the names that requests call them by."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from qwen_chat.model.base import ChatModel, CompletingModel, supports_completion
from qwen_chat.model.state import Failed, Loading, Ready
from qwen_chat.server.errors import ApiError


class Models:
    """The models that a server answers with; the first is the default."""

    def __init__(self, models: Mapping[str, ChatModel]) -> None:
        self._models = dict(models)
        self._created = int(time.time())

    def __iter__(self) -> Iterator[ChatModel]:
        return iter(self._models.values())

    def find(self, name: str | None) -> tuple[str, ChatModel]:
        """Return a model and its name; without a name, the default.

        Raises: ApiError for a name that no model has.
        """
        name = name or next(iter(self._models))
        if name not in self._models:
            known = ", ".join(self._models)
            fault = f"model: {name[:100]!r} is not served here; there are: {known}"
            raise ApiError(404, fault, param="model", code="model_not_found")
        return name, self._models[name]

    def as_json(self) -> dict[str, Any]:
        """Return the list of the models."""
        return {"object": "list", "data": [self.describe(name) for name in self._models]}

    def describe(self, name: str) -> dict[str, Any]:
        """Return one model, with its context under the names that clients read; without, while it loads.

        Raises: ApiError.
        """
        name, model = self.find(name)
        value = {"id": name, "object": "model", "created": self._created, "owned_by": "qwen-chat"}
        if not isinstance(model.state, Ready) or model.context_length is None:
            return value
        context = model.context_length
        return {**value, "max_model_len": context, "context_length": context, "meta": {"n_ctx": context}}

    def health(self) -> tuple[int, str]:
        """Return the status of the server, and what it is in a word."""
        # A model that nobody has asked for yet is not loading.
        states = [model.state for model in self if model.state != Loading()] or [Loading()]
        if any(isinstance(state, Failed) for state in states):
            return 503, "failed"
        return (200, "ok") if all(isinstance(state, Ready) for state in states) else (503, "loading")


def require_tokens(model: ChatModel) -> CompletingModel:
    """Wait for a model, and return it as one that shows its tokens and goes on with any text.

    Raises: ApiError when it cannot.
    """
    if not supports_completion(model):
        raise ApiError(501, f"the engine of {model.name} does not show its tokens; that of a GGUF file does")
    return model
