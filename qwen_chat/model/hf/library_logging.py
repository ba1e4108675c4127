"""Silence: what quantization libraries tell developers is nothing for people who chat."""

import logging
import warnings
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from importlib.util import find_spec
from io import StringIO

_VERBOSE_LOGGERS = ("torchao", "bitsandbytes", "tokenicer", "optimum", "torch.utils._pytree")


def silence_libraries() -> None:
    """Let the libraries speak of errors only; to be called before transformers is imported."""
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)


def silence_gptqmodel() -> None:
    """Let gptqmodel, which writes to stdout from its import on, speak of errors only."""
    silence_libraries()
    # optimum looks at every attribute of a model, deprecated ones too.
    warnings.filterwarnings("ignore", message=r"`is_gradient_checkpointing` is deprecated")
    if find_spec("logbar"):
        from logbar import LogBar

        with redirect_stdout(StringIO()):  # it begins with an empty line
            LogBar.shared().setLevel("CRITICAL")


def redirect_gptqmodel_output(quantization: str | None) -> AbstractContextManager[object]:
    """Keep what gptqmodel prints while it loads weights out of an answer that is piped on."""
    return redirect_stdout(StringIO()) if quantization in ("gptq", "awq") else nullcontext()
