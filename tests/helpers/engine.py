"""What the llama.cpp engine of a model does just now."""

import json
import time

import psutil

from qwen_chat.model.llamacpp.engine import LlamaCppModel


def idle_within(model: LlamaCppModel, seconds: float) -> bool:
    """Wait until the engine answers no request, and return whether that took no longer than this."""
    end = time.monotonic() + seconds
    while _is_working(model) and time.monotonic() < end:
        time.sleep(0.01)
    return time.monotonic() < end


def gone_within(pid: int, seconds: float) -> bool:
    """Wait until a process has ended, and return whether that took no longer than this."""
    end = time.monotonic() + seconds
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not _runs(pid)


def _is_working(model: LlamaCppModel) -> bool:
    with model._server.connection() as connection:
        return any(slot["is_processing"] for slot in json.loads(connection.request("GET", "/slots").read()))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # a container may have nobody to reap it
    except psutil.NoSuchProcess:
        return False
