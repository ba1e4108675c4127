"""Files that a person drops into a message: text as it is, PDF as its text, all else refused by name."""

from pathlib import PurePath

from qwen_chat.errors import RefusedError
from qwen_chat.files.bounded_read import MAX_TEXT_BYTES
from qwen_chat.message import Attachment
from qwen_chat.session.attachments import attach_bytes
from qwen_chat.text import blank_unprintable
from qwen_chat.web import pdf
from qwen_chat.web.schemas import MAX_MESSAGE

MAX_BYTES = max(pdf.MAX_BYTES, MAX_TEXT_BYTES)
"""Of any file that may be sent here."""

_NAME_LENGTH = 200
_OTHERS = {
    b"PK\x03\x04": "an archive or an Office document: save it as text or PDF",
    b"\xd0\xcf\x11\xe0": "an old Office document: save it as text or PDF",
    b"\x89PNG": "a picture: only its text could be read, and it has none",
    b"\xff\xd8\xff": "a picture: only its text could be read, and it has none",
    b"GIF8": "a picture: only its text could be read, and it has none",
    b"\x1f\x8b": "compressed: unpack it first",
    b"\x7fELF": "a program, not text",
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read(name: str, data: bytes) -> Attachment:
    """Return the text of a file, whole.

    Raises: RefusedError in one line, naming the file, the reason and the mend.
    """
    found = _read(_shown(name), data)
    if len(found.text) > MAX_MESSAGE:
        raise RefusedError(
            f"{found.name} has {len(found.text):,} characters, a message holds {MAX_MESSAGE:,}: "
            "give a part of it"
        )
    return found


def _read(name: str, data: bytes) -> Attachment:
    if _is_pdf(name, data):
        return Attachment(name, pdf.text(name, data))
    kind = next((kind for start, kind in _OTHERS.items() if data.startswith(start)), None)
    if kind is not None:
        raise RefusedError(f"{name} is {kind}")
    if PurePath(name).suffix.lower() == ".pdf" and data:
        raise RefusedError(f"{name} is no PDF, or a damaged one: save it again")
    if data.startswith(_UTF_16):
        raise RefusedError(f"{name} is text in UTF-16: save it as UTF-8")
    return attach_bytes(name, data)


def _is_pdf(name: str, data: bytes) -> bool:
    # Some writers put a few bytes before the header; a text may speak of it.
    named = PurePath(name).suffix.lower() == ".pdf"
    return data.startswith(b"%PDF-") or (named and b"%PDF-" in data[:1024])


def _shown(name: str) -> str:
    """Return a name on one line, short enough to be shown; its end, which tells the kind, is kept."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = " ".join(blank_unprintable(last).split()) or "file"
    return plain if len(plain) <= _NAME_LENGTH else f"{plain[: _NAME_LENGTH - 20]}…{plain[-19:]}"
