"""Silences the log messages of quantization libraries, which are meant for developers."""

import logging
import warnings
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from importlib.util import find_spec
from io import StringIO

_VERBOSE_LOGGERS = ("torchao", "bitsandbytes", "tokenicer", "optimum", "torch.utils._pytree")


def silence_libraries() -> None:
    """Make the libraries log errors only; call it before transformers is imported."""
    for name in _VERBOSE_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)


def silence_gptqmodel() -> None:
    """Make gptqmodel, which writes to stdout from its import on, report errors only."""
    silence_libraries()
    # optimum reads every attribute of a model, including deprecated ones.
    warnings.filterwarnings("ignore", message=r"`is_gradient_checkpointing` is deprecated")
    if find_spec("logbar"):
        from logbar import LogBar

        with redirect_stdout(StringIO()):  # its import prints an empty line
            LogBar.shared().setLevel("CRITICAL")


def redirect_gptqmodel_output(quantization: str | None) -> AbstractContextManager[object]:
    """Keep the output of gptqmodel's loading off stdout, where an answer may be piped to a program."""
    return redirect_stdout(StringIO()) if quantization in ("gptq", "awq") else nullcontext()
