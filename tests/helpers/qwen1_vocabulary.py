"""The vocabulary of first-generation Qwen, which the package dashscope brings along, and small ones."""

import random
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken

    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

RANKS = 151_643
"""Of the real vocabulary."""


def rank_file() -> Path:
    """Return Qwen's qwen.tiktoken; the package is not imported."""
    spec = find_spec("dashscope")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0]) / "resources" / "qwen.tiktoken"


@cache
def qwen1_tokenizer() -> "QWenTokenizer":
    """Return the tokenizer of every first-generation checkpoint."""
    from qwen_chat.model.qwen1.tokenization import QWenTokenizer

    return QWenTokenizer(vocab_file=str(rank_file()))


def write_ranks(path: Path, ranks: Mapping[bytes, int]) -> Path:
    lines = (f"{b64encode(token).decode()} {rank}\n" for token, rank in ranks.items())
    path.write_text("".join(lines))
    return path


def load_ranks(path: Path) -> dict[bytes, int]:
    rows = (line.split() for line in path.read_bytes().splitlines())
    return {b64decode(token): int(rank) for token, rank in rows}


def reference(ranks: Mapping[bytes, int], first_control: int) -> "tiktoken.Encoding":
    """Return what encodes a text as the original code did."""
    import tiktoken
    from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

    from qwen_chat.model.qwen1.tokenization import CONTROL_TOKENS

    control = {name: id for id, name in enumerate(CONTROL_TOKENS, start=first_control)}
    return tiktoken.Encoding(
        "qwen", pat_str=PRETOKENIZE_REGEX, mergeable_ranks=dict(ranks), special_tokens=control
    )


def random_ranks(rng: random.Random, count: int) -> dict[bytes, int]:
    """Return a vocabulary of all bytes and random joins of tokens; some can never be reached by merging."""
    tokens = [bytes([byte]) for byte in rng.sample(range(256), 256)]
    joined = [b"a", b"b", b"c", *(bytes([byte]) for byte in "é".encode())]
    while len(tokens) < count:
        token = b"".join(rng.choices(joined, k=rng.choice((2, 2, 2, 3))))
        if token not in tokens:
            tokens.append(token)
            joined.append(token)
    return {token: rank for rank, token in enumerate(tokens)}
