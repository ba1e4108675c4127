"""Run as a program: a PDF from standard input -> JSON with its text, or with what is the matter with it.

It imports nothing of this package, so that it starts fast.
"""

import io
import json
import logging
import re
import sys
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 2000

_MEMORY = 1024 * 1024 * 1024
_UNPACKED = 64 * 1024 * 1024
"""Bytes that one stream may have when it is unpacked."""

_OPERATIONS = 1_000_000
"""Of one page."""

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Found = dict[str, str | int]

FAULTS = ("locked", "pages", "no pages", "scanned", "long", "swollen", "damaged")
"""Why the text of a PDF cannot be read."""


def read(data: bytes, longest: int) -> Found:
    """Return {"text": ...}, or {"fault": ...} with a word for what is the matter; `longest` is in bytes."""
    from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError

    try:
        return _read(data, longest)
    except (FileNotDecryptedError, DependencyError):
        return {"fault": "locked"}
    except (LimitReachedError, MemoryError):
        return {"fault": "swollen"}
    except Exception:  # noqa: BLE001 - whatever a damaged file makes the library raise
        return {"fault": "damaged"}


def _read(data: bytes, longest: int) -> Found:
    from pypdf import PdfReader, apply_configuration

    with apply_configuration(
        zlib_maximum_output_length=_UNPACKED,
        lzw_maximum_output_length=_UNPACKED,
        run_length_maximum_output_length=_UNPACKED,
        stream_decoding_work_maximum_length=4 * _UNPACKED,
        stream_parsing_work_maximum_count=_OPERATIONS,
    ):
        reader = PdfReader(io.BytesIO(data))
        # Many are encrypted with no password, only to forbid printing.
        if reader.is_encrypted and not reader.decrypt(""):
            return {"fault": "locked"}
        pages = len(reader.pages)
        if pages > MAX_PAGES:
            return {"fault": "pages", "count": pages}
        return _text(reader, longest) if pages else {"fault": "no pages"}


def _text(reader: "PdfReader", longest: int) -> Found:
    texts, left = [], longest
    for page in reader.pages:
        text = _plain(page.extract_text())
        left -= len(text.encode()) + 2
        if left < 0:
            return {"fault": "long"}
        if text:
            texts.append(text)
    return {"text": "\n\n".join(texts) + "\n"} if texts else {"fault": "scanned"}


def _plain(text: str) -> str:
    """Return a text without control characters and halves of surrogate pairs."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return _CONTROLS.sub("", whole.replace("\r\n", "\n").replace("\r", "\n")).strip()


def main() -> None:
    """Read what is given, within as much time and memory as the arguments allow."""
    seconds, longest = map(int, sys.argv[1:])
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows, where the one who started this program ends it

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    logging.disable()
    warnings.simplefilter("ignore")
    found = read(sys.stdin.buffer.read(), longest)
    sys.stdout.buffer.write(json.dumps(found).encode())


if __name__ == "__main__":
    main()
