"""Exceptions of torch for parameters of tests, which are made before torch is imported."""


def out_of_memory(words: str) -> RuntimeError:
    """Return what torch raises when a GPU is full."""
    import torch

    return torch.OutOfMemoryError(words)
