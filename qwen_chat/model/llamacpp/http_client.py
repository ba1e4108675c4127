"""The requests to llama.cpp besides answers: it tokenizes, and tells about the model."""

import json
from http import HTTPStatus
from typing import Any

from qwen_chat.errors import ModelError
from qwen_chat.model.llamacpp.server import LlamaServer

_TIMEOUT_SECONDS = 30.0
"""The longest that llama.cpp may be silent."""


class LlamaHttpClient:
    """A client of llama.cpp's HTTP interface.

    Raises: ModelError from every method, when the server refuses or does not answer.
    """

    def __init__(self, server: LlamaServer) -> None:
        self._server = server

    def props(self) -> dict[str, Any]:
        """Return the properties of the server: context, default sampling, special tokens."""
        return self._call("GET", "/props")

    def vocabulary_size(self) -> int:
        """Return the number of tokens that the checkpoint knows."""
        return int(self._call("GET", "/v1/models")["data"][0]["meta"]["n_vocab"])

    def tokenize(self, text: str, *, control: bool = False, start: bool = False) -> list[int]:
        """Return the ids of `text`; `control` parses control tokens, `start` adds the start of a prompt."""
        body = {"content": text, "parse_special": control, "add_special": start}
        return list(self._call("POST", "/tokenize", body)["tokens"])

    def pieces(self, ids: list[int]) -> list[bytes]:
        """Return the bytes of each token."""
        answer = self._call("POST", "/tokenize", {"content": ids, "with_pieces": True})
        return [_decode_piece(token["piece"]) for token in answer["tokens"]]

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        with self._server.connection(_TIMEOUT_SECONDS) as connection:
            response = connection.request(method, path, body)
            text = response.read()
        answer: dict[str, Any] = json.loads(text) if text.startswith(b"{") else {}
        if response.status != HTTPStatus.OK:
            reason = answer.get("error", {}).get("message", response.status)
            raise ModelError(f"llama.cpp refused {path}: {reason}")
        return answer


def _decode_piece(piece: str | list[int]) -> bytes:
    return piece.encode() if isinstance(piece, str) else bytes(piece)
