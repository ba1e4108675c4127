"""GGUF checkpoints on llama.cpp, in this process, through xllamacpp."""

from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import DEFAULT_CONTEXT, LlamaCppOptions

__all__ = ["DEFAULT_CONTEXT", "LlamaCppModel", "LlamaCppOptions"]
