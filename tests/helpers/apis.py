"""APIs for tests: a real server on a free port, and those who ask it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from scripted import AnsweringModel

from qwen_chat.message import Delta, Usage
from qwen_chat.model.base import Capabilities, ChatModel
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.server.serving import ApiServer

if TYPE_CHECKING:
    import openai

LONGEST = 60.0


class Echo(AnsweringModel):
    """Writes the last message again, word by word, as a model that can do everything would."""

    capabilities = Capabilities(tools=True, thinking=True, output=True)

    def __init__(self, pause: float = 0.0) -> None:
        super().__init__(context_length=1_000_000)
        self.pause = pause

    def answer(self, told: str) -> Iterator[Delta]:
        """Yield the words of the message."""
        words = told.split(" ")
        for number, word in enumerate(words):
            yield Delta(f"{word} " if number + 1 < len(words) else word)
        yield Delta(usage=Usage(prompt_tokens=len(words), completion_tokens=len(words)))


@dataclass(frozen=True, slots=True)
class Api:
    """A server that is running, and a client that shows its key."""

    url: str
    http: httpx.Client

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send a body as JSON."""
        return self.http.post(path, **({"json": body} if body is not None else {}), **options)

    def chat(self, *contents: str, **fields: Any) -> httpx.Response:
        """Ask for an answer to messages, the first of which is a person's."""
        roles = ("user", "assistant")
        messages = [
            {"role": roles[number % 2], "content": content} for number, content in enumerate(contents)
        ]
        return self.post("/v1/chat/completions", {"messages": messages, **fields})

    def openai(self, **options: Any) -> "openai.OpenAI":
        """Return OpenAI's own client."""
        import openai

        options = {"api_key": "none", "max_retries": 0, **options}
        return openai.OpenAI(base_url=f"{self.url}/v1", timeout=LONGEST, **options)


@contextmanager
def serving(models: Mapping[str, ChatModel], **options: Any) -> Iterator[Api]:
    """Serve models until the block is left."""
    server = ApiServer(models, **options)
    server.start()
    url = server.url.removesuffix("/v1")
    try:
        with httpx.Client(base_url=url, timeout=LONGEST) as client:
            yield Api(url, client)
    finally:
        server.stop()


@pytest.fixture(scope="session")
def echo() -> Iterator[Api]:
    """An API whose model writes the last message again."""
    with serving({"echo": Echo()}) as api:
        yield api


@pytest.fixture(scope="session")
def small(model: LlamaCppModel) -> Iterator[Api]:
    """An API over the small embedded model."""
    with serving({"smol": model}) as api:
        yield api


@pytest.fixture(scope="module")
def babbling(babbler: Path) -> Iterator[Api]:
    """An API over a model that answers at once and never ends by itself."""
    model = LlamaCppModel(babbler, "babbler", LlamaCppOptions(threads=1, parallel=2))
    with serving({"babbler": model}) as api:
        yield api
    model.close()
