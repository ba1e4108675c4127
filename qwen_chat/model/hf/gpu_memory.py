"""Measures the memory that torch took on GPUs."""

import torch


def peak_gpu_bytes() -> int:
    """Return the peak memory of tensors, in bytes, summed over all GPUs; 0 without GPUs."""
    return sum(torch.cuda.max_memory_allocated(number) for number in range(torch.cuda.device_count()))
