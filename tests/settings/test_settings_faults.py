"""Settings that do not fit: each fault names the flag, the variable, or the file and line."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from qwen_chat.errors import UsageError
from qwen_chat.settings import VARIABLES, Settings, load_settings

VALID = """role = "pirate"
threads = 8
lora = ["a.gguf", "b.gguf:0.5"]
history = false

[sampling]
temperature = 0.7
stop = "END"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def fault_of(flags: dict[str, Any], environ: dict[str, str], path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        load_settings(flags, environ, path)
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("THREADS", "many", " must be a whole number from 1 to 1,024"),
        ("THREADS", "0", " must be a whole number from 1 to 1,024"),
        ("CTX_SIZE", "4k", " must be a whole number from 0 to 10,000,000"),
        ("CPU_ONLY", "maybe", " must be true or false"),
        ("LORA", "a,,b", " must be a list of texts, none empty"),
        ("KV_CACHE", "q3", " must be one of f32, f16, bf16, "),
        ("TOP_P", "2", ": top_p=2: must be from 0 to 1"),
        ("TOP_P", "a\nb", ": top_p=a b: 'a\\nb' is not a number"),
        ("TOP_K", "1" + "0" * 400, ": "),
    ],
)
def test_a_faulty_variable(path: Path, variable: str, text: str, message: str) -> None:
    name = f"QWEN_CHAT_{variable}"
    assert fault_of({}, {name: text}, path).startswith(f"{name}{message}")


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("QWEN_CHAT_TEMPERATUR", "did you mean QWEN_CHAT_TEMPERATURE?"),
        ("QWEN_CHAT_threads", "did you mean QWEN_CHAT_THREADS?"),
        ("QWEN_CHAT_ZZZZZZZZ", "unset it"),
    ],
)
def test_an_unknown_variable(path: Path, variable: str, hint: str) -> None:
    assert fault_of({}, {variable: "1"}, path) == f"unknown environment variable {variable}: {hint}"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"ctx_size": 10_000_001}, "--ctx-size must be a whole number from 0 to 10,000,000"),
        ({"ctx_size": -1}, "--ctx-size must be a whole number from 0 to 10,000,000"),
        ({"threads": 1025}, "--threads must be a whole number from 1 to 1,024"),
        ({"gpu_layers": 10_001}, "--gpu-layers must be a whole number from 0 to 10,000"),
        ({"parallel": 65}, "--parallel must be a whole number from 1 to 64"),
        (
            {"kv_cache": "f8"},
            "--kv-cache must be one of f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, iq4_nl, int8, int4, fp8",
        ),
        ({"lora": ("",)}, "--lora must be a list of texts, none empty"),
    ],
)
def test_a_faulty_flag(path: Path, flags: dict[str, Any], message: str) -> None:
    assert fault_of(flags, {}, path) == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("threads = 4\ncpu-only = true", "FILE, line 2: unknown key 'cpu-only': did you mean cpu_only?"),
        ("temperature = 1", "FILE, line 1: unknown key 'temperature': move it under [sampling]"),
        ("[sampling]\nthreads = 1", "FILE, line 2: unknown key 'threads': move it above [sampling]"),
        ("\nthreads = '4'", "FILE, line 2: threads must be a whole number from 1 to 1,024"),
        ("threads = true", "FILE, line 1: threads must be a whole number from 1 to 1,024"),
        ("threads = 4.0", "FILE, line 1: threads must be a whole number from 1 to 1,024"),
        (f"ctx_size = 0x{'f' * 9000}", "FILE, line 1: ctx_size must be a whole number from 0 to 10,000,000"),
        ("plain = 'yes'", "FILE, line 1: plain must be true or false"),
        ("plain = 1", "FILE, line 1: plain must be true or false"),
        ("role = 4", "FILE, line 1: role must be text in quotes"),
        ('role = "\\u0000"', "FILE, line 1: role must be text in quotes"),
        ("lora = 'a.gguf'", "FILE, line 1: lora must be a list of texts, none empty"),
        ("lora = [1]", "FILE, line 1: lora must be a list of texts, none empty"),
        ("kv_cache = 'q9'", "FILE, line 1: kv_cache must be one of f32, f16,"),
        ("kv_cache = 8", "FILE, line 1: kv_cache must be one of f32, f16,"),
        ("sampling = 1", "FILE, line 1: sampling must be a table"),
        ("[sampling]\ntop_p = 3", "FILE, line 2: top_p=3: must be from 0 to 1"),
        (f"[sampling]\ntop_k = 0x{'f' * 9000}", "FILE, line 2: top_k must be a number, without quotes"),
        ("[[sampling]]\ntop_p = 3", "FILE, line 1: sampling must be a table"),
        ("threads 4", "FILE, line 1: not TOML: expected '=' after a key in a key/value pair: write it as"),
    ],
)
def test_a_faulty_file(path: Path, content: str, message: str) -> None:
    path.write_text(content)
    assert fault_of({}, {}, path).startswith(message)


def test_a_fault_below_is_told_though_a_flag_would_win(path: Path) -> None:
    path.write_text("threads = 0")
    assert fault_of({"threads": 4}, {}, path).startswith("FILE, line 1: threads")


def test_an_unreadable_file(path: Path) -> None:
    path.mkdir()
    assert fault_of({}, {}, path) == "FILE is not a file: move it away"


@examples(200)
@given(
    start=st.integers(0, len(VALID)),
    length=st.integers(0, 12),
    insert=st.one_of(
        st.binary(max_size=6),
        st.sampled_from(
            [b'"', b"'''", b"[", b"]]", b"=", b"\n", b"\\", b"true", b"1e999", b"-1", b"{}", b"nan"]
        ),
    ),
)
def test_any_mutation_gives_settings_or_a_usage_error(start: int, length: int, insert: bytes) -> None:
    content = VALID.encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(content[:start] + insert + content[start + length :])
        try:
            assert isinstance(load_settings({}, {}, path), Settings)
        except UsageError as error:
            assert str(error).startswith(str(path))  # noqa: PT017
            assert len(str(error).splitlines()) == 1  # noqa: PT017


@examples(200)
@given(variable=st.sampled_from(sorted(VARIABLES)), text=st.text(max_size=20))
def test_any_variable_gives_settings_or_a_usage_error(variable: str, text: str) -> None:
    try:
        assert isinstance(load_settings({}, {variable: text}, Path("/nowhere/config.toml")), Settings)
    except UsageError as error:
        assert variable in str(error)  # noqa: PT017
        assert len(str(error).splitlines()) == 1  # noqa: PT017
