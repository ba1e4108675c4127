"""GGUF checkpoints on llama.cpp, in this process, through xllamacpp."""

from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions

__all__ = ["LlamaCppModel", "LlamaCppOptions"]
