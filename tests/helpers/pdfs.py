"""PDFs made by hand, as few bytes as they can have: one text line for each page, or any content."""

import zlib


def of_pages(*texts: str) -> bytes:
    """Return a PDF with a page for each text."""
    return of_streams(*(line(text) for text in texts))


def line(text: str) -> bytes:
    """Return what draws a line of text."""
    quoted = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 12 Tf 72 700 Td ({quoted}) Tj ET\n".encode("latin-1")


def of_streams(*streams: bytes) -> bytes:
    """Return a PDF with a page for each content."""
    first = 4
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, content in enumerate(streams):
        resources = "/MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >>"
        page = f"<< /Type /Page /Parent 2 0 R {resources} /Contents {first + 2 * number + 1} 0 R >>"
        packed = zlib.compress(content)
        head = b"<< /Filter /FlateDecode /Length %d >>" % len(packed)
        objects += [page.encode(), head + b"\nstream\n" + packed + b"\nendstream"]
    return _file(objects)


def _file(objects: list[bytes]) -> bytes:
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, each)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(out)
