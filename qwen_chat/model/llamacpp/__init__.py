"""GGUF checkpoints on llama.cpp, in a process of its own, through xllamacpp."""
