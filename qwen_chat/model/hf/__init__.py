"""Safetensors checkpoints on torch and transformers: any Qwen, one GPU, several, or a CPU."""
