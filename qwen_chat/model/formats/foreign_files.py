"""Recognizes files that are no models which run here, by their names and first bytes, and says what helps."""

import re

from qwen_chat.model.formats.supported import PICKLE_SUFFIXES

_PIECE = re.compile(
    r"(?P<whole>.+\.gguf)(?:[-_.](?:split|part)[-_.]?(?:\d+(?:of\d+)?|[a-z]{1,3})|\.\d{2,3}|[-_.][a-z]{2})",
    re.IGNORECASE,
)
_STARTS = (
    (b"lmgg", "is a ggml file of 2023, which today's llama.cpp does not read: fetch a GGUF of the model"),
    (b"fmgg", "is a ggml file of 2023, which today's llama.cpp does not read: fetch a GGUF of the model"),
    (b"tjgg", "is a ggml file of 2023, which today's llama.cpp does not read: fetch a GGUF of the model"),
    (b"algg", "is a ggml adapter (LoRA) of 2023, not a model: fetch a GGUF of the model"),
    (b"\x1f\x8b", "is packed with gzip: unpack it with gunzip, and name the .gguf file in it"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd: unpack it with unzstd, and name the .gguf file in it"),
    (b"\xfd7zXZ", "is packed with xz: unpack it with unxz, and name the .gguf file in it"),
    (b"7z\xbc\xaf", "is packed with 7-Zip: unpack it, and name the .gguf file in it"),
    (b"version https://git-lfs", "is only a git-lfs pointer: run `git lfs pull` in its folder"),
)
_PICKLES = "is refused, pickled weights can run code when they are loaded: convert it to GGUF or safetensors"
_SUFFIXES = {
    ".onnx": "is a model for ONNX Runtime, which does not run here: fetch a GGUF or safetensors of it",
    ".mlmodel": "is a model for Core ML, which does not run here: fetch a GGUF or safetensors of it",
    ".tflite": "is a model for LiteRT, which does not run here: fetch a GGUF or safetensors of it",
    ".engine": "is built for TensorRT, which does not run here: fetch a GGUF or safetensors of it",
    ".h5": "is a model for Keras, which does not run here: fetch a GGUF or safetensors of it",
    ".npz": "holds arrays of numpy or MLX, which do not run here: fetch a GGUF or safetensors of it",
}


def find_foreign(name: str, start: bytes) -> str | None:
    """Return why a file does not run here, worded to follow its path, or None for one that may."""
    lower = name.lower()
    for known, fault in _STARTS:
        if start.startswith(known):
            return fault
    if found := _PIECE.fullmatch(name):
        joined = f"join all pieces in their order into {found['whole']}, then name that"
        return f"is a piece of a file that was split: {joined}"
    if lower.endswith(PICKLE_SUFFIXES):
        return _PICKLES
    if start.startswith(b"PK\x03\x04"):
        return "is a ZIP file: unpack it, and name the .gguf file in it"
    if start.lstrip()[:1] in (b"<", b"{") and not start.startswith(b"GGUF"):
        return "holds text, as of an error page, and no model: fetch it again"
    return next((fault for suffix, fault in _SUFFIXES.items() if lower.endswith(suffix)), None)
