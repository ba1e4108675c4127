"""The text of a PDF, read by a process of its own, which a crafted file can neither hold up nor fill."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import BoundedSemaphore

from qwen_chat.errors import MissingExtraError, RefusedError
from qwen_chat.files.bounded_read import MAX_TEXT_BYTES
from qwen_chat.web import pdf_reader

MAX_BYTES = 10 * 1024 * 1024

_SECONDS = 60.0
_AT_ONCE = 2
_TURNS = BoundedSemaphore(_AT_ONCE)
_FAULTS = {
    "locked": "is locked with a password: save it without one",
    "pages": f"has {{count:,}} pages, at most {pdf_reader.MAX_PAGES:,} are read: split it",
    "no pages": "has no pages, or is damaged: save it again",
    "scanned": "holds no text, its pages are pictures: run text recognition (OCR) over it first",
    "long": f"has more than {MAX_TEXT_BYTES // 2**20} MiB of text: split it",
    "swollen": "unpacks to far more than its size: save it again from the program it came from",
    "damaged": "is damaged, or not a whole PDF: save it again",
}


def text(name: str, data: bytes) -> str:
    """Return the text of all pages, an empty line between them; blocks for as long as reading takes.

    Raises: RefusedError in one line, naming the file, the reason and the mend.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError(f"{name} is larger than {MAX_BYTES // 2**20} MiB: split it, or save it smaller")
    if find_spec("pypdf") is None:
        raise RefusedError(f"{name}: {MissingExtraError('Reading PDF', 'web')}")
    if not _TURNS.acquire(timeout=_SECONDS):
        raise RefusedError(f"{name} has to wait for other PDFs that are being read: try again soon")
    try:
        found = _read(data)
    except subprocess.TimeoutExpired:
        raise RefusedError(f"{name} takes longer than {_SECONDS:.0f} s to read: split it") from None
    finally:
        _TURNS.release()
    if "text" in found:
        return str(found["text"])
    fault = _FAULTS.get(str(found.get("fault")), _FAULTS["damaged"])
    raise RefusedError(f"{name} {fault.format(count=found.get('count', 0))}")


def _read(data: bytes) -> pdf_reader.Found:
    # By its path and with -P: it needs nothing of this package, nor what lies in the current folder.
    command = [sys.executable, "-P", str(Path(pdf_reader.__file__)), str(int(_SECONDS)), str(MAX_TEXT_BYTES)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)
    try:
        found: pdf_reader.Found = json.loads(done.stdout)
    except ValueError:  # ended by a limit of the system
        return {"fault": "swollen"}
    return found
