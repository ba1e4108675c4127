"""Files dropped into a message: their text comes in whole, or they are refused by name and reason."""

import io
import random
import time
import zipfile

import pdfs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from places import ROOT
from pypdf import PdfWriter
from thorough import examples

from qwen_chat.errors import RefusedError
from qwen_chat.files.bounded_read import MAX_TEXT_BYTES
from qwen_chat.message import Attachment
from qwen_chat.web import pdf, pdf_reader
from qwen_chat.web import uploads as files


def fault(name: str, data: bytes) -> str:
    with pytest.raises(RefusedError) as refused:
        files.read(name, data)
    assert len(str(refused.value).splitlines()) == 1
    return str(refused.value)


def encrypted(data: bytes, password: str, owner: str | None = None) -> bytes:
    writer = PdfWriter(clone_from=io.BytesIO(data))
    writer.encrypt(password, owner)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def drawn(*texts: str) -> bytes:
    """A PDF by another program, with a font of its own in it."""
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    out = io.BytesIO()
    with mpl.rc_context({"pdf.fonttype": 42}), PdfPages(out) as pages:
        for text in texts:
            figure = Figure()
            figure.text(0.1, 0.5, text)
            pages.savefig(figure)
    return out.getvalue()


# Text


@pytest.mark.parametrize(
    "name", ["README.md", "pyproject.toml", "qwen_chat/session/session.py", "tests/data/xss.txt"]
)
def test_real_files_come_in_whole(name: str) -> None:
    data = (ROOT / name).read_bytes()
    found = files.read(name, data)
    assert found == Attachment(name.rpartition("/")[2], data.decode().replace("\r\n", "\n"))


def test_text_that_speaks_of_pdf_is_text() -> None:
    source = (ROOT / "qwen_chat/web/uploads.py").read_bytes()
    assert files.read("files.py", source).text == source.decode()
    assert files.read("notes.txt", b"begins with %PDF- or not\n").text == "begins with %PDF- or not\n"


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("x.txt", b"\x7fELF\x02\x01\x01\0\0", "x.txt is a program, not text"),
        ("x.txt", b"MZ\x90\0\x03\0", "x.txt is not UTF-8 text (byte 2): convert it"),
        ("x.txt", b"a\0b", "x.txt is not text: it holds NUL bytes"),
        ("x.txt", "Größe".encode("utf-16"), "x.txt is text in UTF-16: save it as UTF-8"),
        ("x.txt", "é".encode("latin-1"), "x.txt is not UTF-8 text (byte 0)"),
        ("x.docx", b"PK\x03\x04....", "x.docx is an archive or an Office document: save it as text or PDF"),
        ("x.png", b"\x89PNG\r\n\x1a\n", "x.png is a picture"),
        ("x.txt", b"", "x.txt is empty"),
        ("x.txt", b" \n", "x.txt is empty"),
        ("x.txt", b"x" * (MAX_TEXT_BYTES + 1), "x.txt is larger than 8 MiB"),
        ("x.pdf", b"hello", "x.pdf is no PDF, or a damaged one: save it again"),
        ("x.pdf", b"", "x.pdf is empty"),
    ],
)
def test_what_is_no_text_is_refused_by_name_and_reason(name: str, data: bytes, told: str) -> None:
    assert fault(name, data).startswith(told)


def test_an_archive_called_txt_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "text")
    assert fault("a.txt", packed.getvalue()) == (
        "a.txt is an archive or an Office document: save it as text or PDF"
    )


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\notes\\a.md", "a.md"),
        ("a\n```\nb.md", "a ``` b.md"),
        ("\x1b[31mred\u202e.txt", "[31mred .txt"),
        ("", "file"),
        ("x" * 400 + ".log", "x" * 180 + "…" + "x" * 15 + ".log"),
    ],
)
def test_names_are_one_short_line(given: str, shown: str) -> None:
    assert files.read(given, b"text").name == shown


# PDF


def test_the_text_of_all_pages_comes_in() -> None:
    found = files.read("tides.PDF", pdfs.of_pages("Two tides (a day)", "The Moon pulls.", "End \\ here"))
    assert found == Attachment("tides.PDF", "Two tides (a day)\n\nThe Moon pulls.\n\nEnd \\ here\n")


def test_a_real_pdf_of_another_program() -> None:
    text = files.read("figure.pdf", drawn("The tide is high: größer, 100 €", "Seite zwei")).text
    assert "The tide is high: größer, 100 €" in text
    assert text.endswith("Seite zwei\n")


def test_a_pdf_without_its_ending_is_still_one() -> None:
    assert files.read("scan", b"%PDF-" + pdfs.of_pages("Named otherwise")[5:]).text == "Named otherwise\n"
    assert files.read("late.pdf", b"\n\n" + pdfs.of_pages("A late beginning")).text == "A late beginning\n"


def test_a_pdf_that_only_forbids_printing_is_read() -> None:
    data = encrypted(pdfs.of_pages("Open to read"), "", "owner")
    assert files.read("a.pdf", data).text == "Open to read\n"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: encrypted(pdfs.of_pages("secret"), "password"),
            "is locked with a password: save it without",
        ),
        (lambda: pdfs.of_streams(b"", b"0 0 100 100 re f"), "holds no text, its pages are pictures"),
        (pdfs.of_streams, "has no pages, or is damaged: save it again"),
        (lambda: pdfs.of_pages("a page")[:200], "is damaged, or not a whole PDF: save it again"),
        (lambda: b"%PDF-1.7\n" + random.Random(1).randbytes(5000), "is damaged, or not a whole PDF"),
        (lambda: pdfs.of_streams(*[b""] * 2_001), "has 2,001 pages, at most 2,000 are read: split it"),
        (lambda: b"%PDF-1.7\n" + b" " * pdf.MAX_BYTES, "is larger than 10 MiB: split it, or save it smaller"),
    ],
    ids=["locked", "scanned", "no pages", "cut", "noise", "2,001 pages", "too large"],
)
def test_pdfs_that_cannot_be_read(make: object, told: str) -> None:
    assert callable(make)
    assert fault("a.pdf", make()).startswith(f"a.pdf {told}")


def test_bombs_are_refused_in_seconds() -> None:
    for content in (b" " * 100_000_000, pdfs.line("x") * 250_000):
        bomb = pdfs.of_streams(content)
        assert len(bomb) < pdf.MAX_BYTES
        started = time.monotonic()
        assert fault("a.pdf", bomb).startswith("a.pdf unpacks to far more than its size")
        assert time.monotonic() - started < 30


@pytest.mark.timing
def test_reading_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "_SECONDS", 1.0)
    slow = pdfs.of_streams(*[pdfs.line("a long page") * 8000] * 8)
    started = time.monotonic()
    told = fault("a.pdf", slow)
    assert "takes longer than 1 s to read: split it" in told or "unpacks to far more" in told
    assert time.monotonic() - started < 5


def test_text_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_TEXT_BYTES", 1000)
    assert "of text: split it" in fault(
        "a.pdf", pdfs.of_pages(*["forty bytes of text are on this page"] * 30)
    )


def test_control_characters_stay_out() -> None:
    assert pdf_reader._plain("a\0b\x1b[31m\r\nc\ud83d\ude00d\ud800") == "ab[31m\nc😀d\ufffd"


# Anything


_SEEDS = [pdfs.of_pages("Hello tide", "Second"), pdfs.of_streams(b"q BT ET Q")]


@examples(300)
@given(st.text(max_size=30), st.binary(max_size=400))
@example("a.pdf", b"PK\x03\x04")
def test_any_bytes_are_text_or_refused(name: str, data: bytes) -> None:
    if data.startswith(b"%PDF-"):
        return  # read by a process each: below
    try:
        found = files.read(name, data)
    except RefusedError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert found.text.replace("\n", "") == data.decode("utf-8-sig").replace("\r\n", "\n").replace(
            "\n", ""
        )


@examples(150)
@given(st.sampled_from(_SEEDS), st.data())
def test_any_damage_to_a_pdf_is_text_or_a_known_fault(seed: bytes, drawing: st.DataObject) -> None:
    data = bytearray(seed)
    for _ in range(drawing.draw(st.integers(1, 12))):
        at = drawing.draw(st.integers(0, len(data) - 1))
        match drawing.draw(st.sampled_from(("change", "cut", "add"))):
            case "change":
                data[at] = drawing.draw(st.integers(0, 255))
            case "cut":
                del data[at : at + drawing.draw(st.integers(0, 40))]
            case "add":
                data[at:at] = drawing.draw(st.binary(max_size=20))
    found = pdf_reader.read(bytes(data), 10_000)
    assert isinstance(found.get("text"), str) or found.get("fault") in pdf_reader.FAULTS


def test_damaged_pdfs_through_the_whole_way() -> None:
    seeded = random.Random(7)
    for _ in range(12):
        data = bytearray(_SEEDS[0])
        for _ in range(20):
            data[seeded.randrange(5, len(data))] = seeded.randrange(256)
        try:
            assert files.read("a.pdf", bytes(data)).text.strip()
        except RefusedError as error:
            assert str(error).startswith("a.pdf ")  # noqa: PT017
