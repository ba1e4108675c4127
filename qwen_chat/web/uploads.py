"""Files that a person drops into a message: text as it is, PDF as its text, all else refused by name."""

from pathlib import PurePath

from qwen_chat import i18n
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
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def read(name: str, data: bytes) -> Attachment:
    """Return the text of a file, whole.

    Raises: RefusedError in one line, naming the file, the reason and the mend.
    """
    found = _read(_display_name(name), data)
    if len(found.text) > MAX_MESSAGE:
        raise RefusedError(
            i18n.Text("file.too_many_characters", name=found.name, count=len(found.text), longest=MAX_MESSAGE)
        )
    return found


def _read(name: str, data: bytes) -> Attachment:
    if _is_pdf(name, data):
        return Attachment(name, pdf.text(name, data))
    fault = _binary_fault(name, data)
    if fault is not None:
        raise RefusedError(fault)
    return attach_bytes(name, data)


def _binary_fault(name: str, data: bytes) -> i18n.Text | None:
    """Return why a file that is no text is refused, by how it begins."""
    faults = {
        b"PK\x03\x04": i18n.Text("file.archive", name=name),
        b"\xd0\xcf\x11\xe0": i18n.Text("file.old_office", name=name),
        **dict.fromkeys(_PICTURES, i18n.Text("file.picture", name=name)),
        b"\x1f\x8b": i18n.Text("file.compressed", name=name),
        b"\x7fELF": i18n.Text("file.program", name=name),
        **dict.fromkeys(_UTF_16, i18n.Text("file.utf16", name=name)),
    }
    if PurePath(name).suffix.lower() == ".pdf" and data:
        faults[b""] = i18n.Text("pdf.not_pdf", name=name)
    return next((fault for start, fault in faults.items() if data.startswith(start)), None)


def _is_pdf(name: str, data: bytes) -> bool:
    # Some writers put a few bytes before the header; a text may speak of it.
    named = PurePath(name).suffix.lower() == ".pdf"
    return data.startswith(b"%PDF-") or (named and b"%PDF-" in data[:1024])


def _display_name(name: str) -> str:
    """Return a name on one line, short enough to be shown; its end, which tells the kind, is kept."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = " ".join(blank_unprintable(last).split()) or "file"
    return plain if len(plain) <= _NAME_LENGTH else f"{plain[: _NAME_LENGTH - 20]}…{plain[-19:]}"
