"""Imports setuptools, which torch's C++ extensions need, whichever distutils was imported before."""

import importlib
import sys
from threading import Lock

_LOCK = Lock()


def import_setuptools() -> None:
    """Import setuptools before gptqmodel or torch.compile does, in a way that always succeeds.

    setuptools replaces the standard library's distutils through an import hook. Any search for pip
    (`find_spec("pip")`, as in huggingface_hub) switches the hook off, and setuptools then fails with an
    AssertionError that names distutils/core.py. It also warns when distutils was imported before it.
    This function therefore renews the hook and unloads distutils, as setuptools itself does.
    """
    with _LOCK:
        if "setuptools" not in sys.modules:
            _renew_import_hook()
        importlib.import_module("setuptools")


def _renew_import_hook() -> None:
    if (hook := sys.modules.get("_distutils_hack")) is not None:
        importlib.reload(hook)
    for name in [name for name in sys.modules if name.partition(".")[0] == "distutils"]:
        del sys.modules[name]
