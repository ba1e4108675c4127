"""Faults in files that people write: each names the file, the line and the mend."""

import os
from pathlib import Path

import pytest

from qwen_chat.errors import UsageError
from qwen_chat.files.toml import SIZE_LIMIT, read_toml

KNOWN = {"": ("title", "system", "sampling"), "sampling": ("temperature", "top_p")}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.toml"


def fault_of(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as caught:
        read_toml(path).check_keys(KNOWN)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a = 1\ntitle\n", "FILE, line 2: not TOML: expected '=' after a key in a key/value pair"),
        ("\n\ntitle = Pirate", "FILE, line 3: not TOML: invalid value: put text in quotes"),
        ("a = 1\na = 2", "FILE, line 2: not TOML: cannot overwrite a value: it is given twice, keep one"),
        ("[a]\n[b]\n[a]", "FILE, line 3: not TOML: cannot declare ('a',) twice: it is given twice"),
        ('a = "C:\\models"', "FILE, line 1: not TOML: unescaped '\\' in a string: write \\\\ for \\"),
        ('a = "one\ntwo"', "FILE, line 1: not TOML: illegal character '\\n': close the quotes"),
        ('a = 1\nb = """one\ntwo\n', "FILE, line 3: not TOML: unterminated string: close the quotes"),
        ("a = 2026-99-99", "FILE, line 1: not TOML: "),
        ("a = " + "9" * 5000, "FILE: not TOML: exceeds the limit"),
        ("a = " + "[" * 100_000, "FILE: brackets are nested too deeply: remove some"),
        (b"a = 1\nb = 'caf\xe9'\n", "FILE, line 2: not UTF-8: save the file as UTF-8"),
        (b"#" * 1_000_001, "FILE is larger than 1,000,000 bytes: shorten it"),
    ],
)
def test_what_is_not_toml(path: Path, content: str | bytes, message: str) -> None:
    assert fault_of(path, content).startswith(message)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title = 1\nsytem = 2", "FILE, line 2: unknown key 'sytem': did you mean system?"),
        ("'sytem' = 2", "FILE, line 1: unknown key 'sytem': did you mean system?"),
        ("xyz = 2", "FILE, line 1: unknown key 'xyz': there are: title, system, sampling"),
        ("\n[sytem]\na = 1", "FILE, line 2: unknown key 'sytem': did you mean system?"),
        ("sytem.a = 1", "FILE, line 1: unknown key 'sytem': did you mean system?"),
        ("title = 1\ntop_p = 2", "FILE, line 2: unknown key 'top_p': move it under [sampling]"),
        ("[sampling]\ntitle = 1", "FILE, line 2: unknown key 'title': move it above [sampling]"),
        ("[sampling]\n\ntop-p = 1", "FILE, line 3: unknown key 'top-p': did you mean top_p?"),
        ("sampling.topp = 1", "FILE, line 1: unknown key 'topp': did you mean top_p?"),
        ("title = 1\nsampling = { topp = 1 }", "FILE, line 2: unknown key 'topp': did you mean top_p?"),
        ("sampling = 0.8", "FILE, line 1: sampling must be a table: put its values under a line [sampling]"),
        ('title = """\nsytem = 1\n"""\nsytem = 2', "FILE, line 4: unknown key 'sytem': did you mean system?"),
        ("title = '''\n\"\"\"\n'''\nsytem = 2", "FILE, line 4: unknown key 'sytem': did you mean system?"),
        ("title = [\n 'a',\n]\nsytem = 2", "FILE, line 4: unknown key 'sytem': did you mean system?"),
        ('"s\\u0079tm" = 2', "FILE: unknown key 'sytm': did you mean system?"),
    ],
)
def test_unknown_keys(path: Path, content: str, message: str) -> None:
    assert fault_of(path, content) == message


def test_a_long_key_is_shortened(path: Path) -> None:
    assert len(fault_of(path, "x" * 100_000 + " = 1")) < 200


def test_known_keys_pass(path: Path) -> None:
    path.write_text('title = "a"\n[sampling]\ntop_p = 0.5\n')
    file = read_toml(path)
    file.check_keys(KNOWN)
    assert file.values == {"title": "a", "sampling": {"top_p": 0.5}}
    assert file.table("sampling") == {"top_p": 0.5}


def test_a_byte_order_mark_and_windows_line_ends_are_read(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbftitle = 'a'\r\nsytem = 'b'\r\n")
    file = read_toml(path)
    assert file.values["title"] == "a"
    assert file.line_of("sytem") == 2


def test_located_adds_the_place_to_a_usage_error_only(path: Path) -> None:
    path.write_text("[sampling]\ntop_p = 7\n")
    file = read_toml(path)
    with (
        pytest.raises(UsageError, match=r"file\.toml, line 2: too\s?much$"),
        file.locate_errors("top_p", "sampling"),
    ):
        raise UsageError("too\nmuch")
    with pytest.raises(ValueError, match="other"), file.locate_errors("top_p", "sampling"):
        raise ValueError("other")


def test_a_file_of_the_largest_size_is_read(path: Path) -> None:
    path.write_bytes(b"#" * SIZE_LIMIT)
    assert read_toml(path).values == {}


def test_a_missing_file(path: Path) -> None:
    assert read_toml(path, missing_ok=True).values == {}
    with pytest.raises(UsageError, match=r"file\.toml does not exist: check the name"):
        read_toml(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a file: move it away"):
        read_toml(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    with pytest.raises(UsageError, match="is not a file"):
        read_toml(path)


def test_an_unreadable_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path.touch()
    monkeypatch.setattr("qwen_chat.files.bounded_read.os.open", refuse)
    with pytest.raises(UsageError) as caught:
        read_toml(path, missing_ok=True)
    assert str(caught.value) == (f"cannot read {path}: Permission denied; make it readable, or move it away")
