"""The files of the hubs, at the addresses that people can set in the environment."""

import os
from urllib.parse import quote

from qwen_chat.model.catalog.http_source import HttpSource
from qwen_chat.model.catalog.source import SourceError

_TRUE = ("1", "on", "yes", "true")


def huggingface_file(repo: str, path: str, revision: str = "main") -> HttpSource:
    """Return a file of the Hugging Face hub; HF_ENDPOINT and HF_HUB_OFFLINE are read when it is asked."""

    def address() -> str:
        if os.environ.get("HF_HUB_OFFLINE", "").lower() in _TRUE:
            raise SourceError("HF_HUB_OFFLINE is set")
        base = _endpoint("HF_ENDPOINT", "https://huggingface.co")
        return f"{base}/{quote(repo)}/resolve/{quote(revision)}/{quote(path)}"

    return HttpSource("Hugging Face", address)


def modelscope_file(repo: str, path: str, revision: str = "master") -> HttpSource:
    """Return a file of ModelScope; MODELSCOPE_ENDPOINT is read when it is asked."""

    def address() -> str:
        base = _endpoint("MODELSCOPE_ENDPOINT", "https://www.modelscope.cn")
        return f"{base}/models/{quote(repo)}/resolve/{quote(revision)}/{quote(path)}"

    return HttpSource("ModelScope", address)


def _endpoint(variable: str, default: str) -> str:
    base = (os.environ.get(variable) or default).rstrip("/")
    return base if "://" in base else f"https://{base}"
