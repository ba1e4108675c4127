"""The text of a PDF, read by a process of its own, which a crafted file can neither hold up nor fill."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from threading import BoundedSemaphore

from qwen_chat import i18n
from qwen_chat.errors import MissingExtraError, RefusedError
from qwen_chat.files.bounded_read import MAX_TEXT_BYTES
from qwen_chat.web import pdf_reader

MAX_BYTES = 10 * 1024 * 1024

_SECONDS = 60.0
_AT_ONCE = 2
_TURNS = BoundedSemaphore(_AT_ONCE)


def text(name: str, data: bytes) -> str:
    """Return the text of all pages, an empty line between them; blocks for as long as reading takes.

    Raises: RefusedError in one line, naming the file, the reason and the mend.
    """
    if len(data) > MAX_BYTES:
        raise RefusedError(i18n.Text("pdf.too_large", name=name, size=MAX_BYTES // 2**20))
    if find_spec("pypdf") is None:
        missing = MissingExtraError(i18n.Text("extra.reading_pdf"), "web")
        raise RefusedError(i18n.Text("pdf.reader_missing", name=name, reason=missing.text))
    if not _TURNS.acquire(timeout=_SECONDS):
        raise RefusedError(i18n.Text("pdf.reader_busy", name=name))
    try:
        found = _read(data)
    except subprocess.TimeoutExpired:
        raise RefusedError(i18n.Text("pdf.too_slow", name=name, seconds=int(_SECONDS))) from None
    finally:
        _TURNS.release()
    if "text" in found:
        return str(found["text"])
    raise RefusedError(_fault(name, found))


def _fault(name: str, found: pdf_reader.Found) -> i18n.Text:
    pages = int(found.get("count", 0))
    faults = {
        "locked": i18n.Text("pdf.locked", name=name),
        "pages": i18n.Text("pdf.too_many_pages", name=name, pages=pages, most=pdf_reader.MAX_PAGES),
        "no pages": i18n.Text("pdf.no_pages", name=name),
        "scanned": i18n.Text("pdf.scanned", name=name),
        "long": i18n.Text("pdf.too_much_text", name=name, size=MAX_TEXT_BYTES // 2**20),
        "swollen": i18n.Text("pdf.swollen", name=name),
    }
    return faults.get(str(found.get("fault")), i18n.Text("pdf.damaged", name=name))


def _read(data: bytes) -> pdf_reader.Found:
    # By its path and with -P: it needs nothing of this package, nor what lies in the current folder.
    command = [sys.executable, "-P", str(Path(pdf_reader.__file__)), str(int(_SECONDS)), str(MAX_TEXT_BYTES)]
    done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, check=False)
    try:
        found: pdf_reader.Found = json.loads(done.stdout)
    except ValueError:  # ended by a limit of the system
        return {"fault": "swollen"}
    return found
