"""A catalogue with one model in it, for tests that fetch it."""

from hashlib import sha256
from pathlib import Path

import pytest

from qwen_chat.model.catalog import known_models

REPOSITORY = "own/tiny"
FILE_NAME = "tiny-q8_0.gguf"

_ENTRY = """
[[model]]
name = "tiny"
title = "Tiny"
aliases = ["wee"]
publisher = "Own"
licence = "Apache-2.0"
parameters = 0.135
layers = 30
kv_heads = 3
head_size = 64
context = 8192
good_for = "short"
[[model.quantizations]]
name = "q8_0"
repository = "own/tiny"
files = [{ files }]
"""


def write_catalogue(
    path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch, digest: str | None = None
) -> Path:
    """Let the catalogue be a file whose one model, `tiny`, has these bytes."""
    digest = sha256(data).hexdigest() if digest is None else digest
    file = f'{{ name = "{FILE_NAME}", bytes = {len(data)}, sha256 = "{digest}" }}'
    path.write_text(_ENTRY.replace("{ files }", file), encoding="utf-8")
    monkeypatch.setattr(known_models, "FILE", path)
    return path
