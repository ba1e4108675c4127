"""Prepares the import of gptqmodel, which writes to stdout and changes the environment by itself."""

import importlib
import os
import sys
import warnings
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from importlib.util import find_spec
from io import StringIO
from tempfile import TemporaryDirectory

from qwen_chat.model.hf.library_logging import silence_libraries
from qwen_chat.model.hf.torch_extensions import import_setuptools

_HUB_CACHES = ("HF_HOME", "HF_HUB_CACHE", "TRANSFORMERS_CACHE", "HF_MODULES_CACHE")


def prepare_gptqmodel() -> None:
    """Make gptqmodel report errors only and leave the environment alone; call it before its import."""
    import_setuptools()
    silence_libraries()
    # optimum reads every attribute of a model, including deprecated ones.
    warnings.filterwarnings("ignore", message=r"`is_gradient_checkpointing` is deprecated")
    if find_spec("logbar"):
        from logbar import LogBar

        with redirect_stdout(StringIO()):  # its import prints an empty line
            LogBar.shared().setLevel("CRITICAL")
    if find_spec("tokenicer") and "tokenicer" not in sys.modules:
        with _hub_caches_in_place():
            importlib.import_module("tokenicer")


def redirect_gptqmodel_output(quantization: str | None) -> AbstractContextManager[object]:
    """Keep the output of gptqmodel's loading off stdout, where an answer may be piped to a program."""
    return redirect_stdout(StringIO()) if quantization in ("gptq", "awq") else nullcontext()


@contextmanager
def _hub_caches_in_place() -> Generator[None, None, None]:
    """Keep the Hugging Face hub's cache from being moved.

    The import of tokenicer makes folders under /tmp, where other users may write, and sets HF_HOME and its
    like to them; models that were fetched before would then be missing, here and in the processes that
    start from here.
    """
    importlib.import_module("transformers.utils.hub")  # it reads the same variables, once
    before = {name: os.environ.get(name) for name in _HUB_CACHES}
    try:
        with TemporaryDirectory() as folder:
            os.environ.update(dict.fromkeys(_HUB_CACHES, folder))
            yield
    finally:
        for name, place in before.items():
            os.environ.pop(name)
            if place is not None:
                os.environ[name] = place
