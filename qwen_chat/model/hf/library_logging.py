"""Silences the log messages of quantization libraries, which are meant for developers."""

import logging

_VERBOSE_LOGGERS = ("torchao", "bitsandbytes", "tokenicer", "optimum", "torch.utils._pytree")


def silence_libraries() -> None:
    """Make the libraries log errors only; call it before transformers is imported."""
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
