"""Wheels with a data file and nothing else, as a package index would give them."""

import hashlib
import zipfile
from pathlib import Path

from qwen_chat.model.catalog.wheel_source import Wheel


def make_wheel(folder: Path, name: str, member: str, data: bytes, start: int = 0) -> Wheel:
    """Write a wheel of version 1.0, whose data belong at `start` of a file, and return its description."""
    package = name.replace("-", "_")
    about = f"{package}-1.0.dist-info"
    path = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{package}/__init__.py", "raise SystemExit('never imported')")
        wheel.writestr(f"{package}/{member}", data)
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Wheel(f"{name}==1.0", digest, len(content), member, start, len(data))
