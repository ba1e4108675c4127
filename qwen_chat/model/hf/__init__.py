"""The torch engine: runs safetensors checkpoints with transformers, on GPUs or on a CPU."""
