"""The bare script to compare with: `python benchmarks/bare.py FILE.gguf QUESTION [TOKENS]`."""

import sys
from collections.abc import Callable
from typing import Any

import xllamacpp

SAMPLING = {"temperature": 0.2, "top_p": 0.9, "seed": 7}
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}


def open_server(path: str) -> Any:  # noqa: ANN401 - xllamacpp has no types
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_ctx = 8192
    params.verbosity = -1
    return xllamacpp.Server(params)


def ask(
    server: Any,  # noqa: ANN401
    messages: list[dict[str, str]],
    max_tokens: int,
    show: Callable[[str], None],
) -> dict[str, Any]:
    """Stream the answer to `show`, and return the engine's timings."""
    timings: dict[str, Any] = {}

    def receive(chunks: dict[str, Any] | list[dict[str, Any]]) -> None:
        for chunk in chunks if isinstance(chunks, list) else [chunks]:
            timings.update(chunk.get("timings", {}))
            if text := chunk["choices"][0]["delta"].get("content"):
                show(text)

    request = {"messages": messages, "stream": True, "max_tokens": max_tokens, **SAMPLING}
    server.handle_chat_completions(request, receive)
    return timings


def main(path: str, question: str, max_tokens: str = "128") -> None:
    messages = [SYSTEM, {"role": "user", "content": question}]
    ask(open_server(path), messages, int(max_tokens), lambda text: print(text, end="", flush=True))
    print()


if __name__ == "__main__":
    main(*sys.argv[1:])
