"""The process that llama.cpp runs in: how it starts, crashes, and ends with the chat."""

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import psutil
import pytest
import tiny
from engine import gone_within

from qwen_chat.errors import ModelError
from qwen_chat.message import Message
from qwen_chat.model.llamacpp.connection import EngineConnection, read_events
from qwen_chat.model.llamacpp.endpoint import Endpoint
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.sampling import SamplingParams

QUESTION = [Message("user", "Go")]
CRASHES = [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT]
LOADING = """
import sys, threading
from pathlib import Path
from qwen_chat.model.llamacpp import process
from qwen_chat.model.llamacpp.engine import LlamaCppModel

started = process.EngineProcess.__init__

def tell(self, request):
    started(self, request)
    print(self.pid, flush=True)

process.EngineProcess.__init__ = tell
LlamaCppModel(Path(sys.argv[1]), "loading")
"""
"""Opens a model, and prints the id of its process before the model is loaded."""


@pytest.fixture(scope="module")
def endless_path(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights, which never ends an answer by itself."""
    return tiny.write_model(tmp_path_factory.mktemp("tiny") / "endless.gguf", model_path, None, context=4096)


@pytest.fixture
def endless(endless_path: Path) -> Iterator[LlamaCppModel]:
    opened = LlamaCppModel(endless_path, "endless", LlamaCppOptions(parallel=1))
    yield opened
    opened.close()


def answer(model: LlamaCppModel, tokens: int = 8) -> str:
    params = SamplingParams(max_new_tokens=tokens, temperature=0)
    return "".join(delta.text for delta in model.stream(QUESTION, params))


@pytest.mark.parametrize("number", CRASHES)
def test_a_crash_in_mid_answer_is_an_error_and_the_next_question_is_answered(
    endless: LlamaCppModel, number: signal.Signals
) -> None:
    expected, first = answer(endless), endless._server.pid
    stream = endless.stream(QUESTION, SamplingParams(temperature=0))
    assert any(delta.text for delta in stream)
    os.kill(first, number)
    with pytest.raises(ModelError, match=rf"the engine ended \(signal {int(number)}\)"):
        list(stream)
    assert answer(endless) == expected
    assert endless._server.pid != first
    assert gone_within(first, 5)


@pytest.mark.parametrize("number", CRASHES)
def test_a_crash_between_answers_is_not_noticed(endless: LlamaCppModel, number: signal.Signals) -> None:
    expected = answer(endless)
    os.kill(endless._server.pid, number)
    assert endless._server._process.ending(5) is not None
    assert answer(endless) == expected


def test_a_kill_is_said_to_be_for_lack_of_memory(endless: LlamaCppModel) -> None:
    stream = endless.stream(QUESTION, SamplingParams())
    assert any(delta.text for delta in stream)
    os.kill(endless._server.pid, signal.SIGKILL)
    with pytest.raises(ModelError, match="probably because memory ran out"):
        list(stream)


def test_closing_ends_the_process_and_an_answer_under_way(endless: LlamaCppModel) -> None:
    pid = endless._server.pid
    stream = endless.stream(QUESTION, SamplingParams())
    assert any(delta.text for delta in stream)
    Timer(0.1, endless.close).start()
    with pytest.raises(ModelError, match="endless is closed"):
        list(stream)
    assert gone_within(pid, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep no limit of memory")
@pytest.mark.parametrize("mebibytes", [250, 400])
def test_too_little_memory_is_said(model_path: Path, mebibytes: int) -> None:
    # The first limit leaves no room for a thread, the second one none for the weights.
    limit = mebibytes << 20
    done = subprocess.run(
        [sys.executable, "-m", "qwen_chat", "-c", str(model_path), "-p", "hi"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "out of memory; try a smaller --ctx-size, or a smaller model" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_process_ends_with_a_chat_that_ends_while_it_loads(
    model_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", LOADING, str(model_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as chat:
        assert chat.stdout is not None
        pid = int(chat.stdout.readline())
        assert psutil.pid_exists(pid)
        chat.send_signal(number)
        chat.wait()
    assert gone_within(pid, 5)


def test_only_requests_with_the_key_are_answered(model: LlamaCppModel) -> None:
    address = model._server._process.address
    socket_path = Path(address.removeprefix("unix://"))
    assert socket_path.is_socket()
    assert socket_path.parent.stat().st_mode & 0o777 == 0o700
    for path in ("/props", "/tokenize", "/apply-template", "/completion"):
        stranger = EngineConnection(address, "a guess", 30)
        response = stranger.request("POST", path, {"content": "x", "prompt": [1], "messages": []})
        assert response.status == 401
        assert b"Invalid API Key" in response.read()
        stranger.close()


def test_no_port_is_opened(model: LlamaCppModel) -> None:
    process = psutil.Process(model._server.pid)
    assert len(process.net_connections("unix")) >= 1
    assert process.net_connections("inet") == []


def test_an_answer_waits_for_a_reader_that_stalls(endless: LlamaCppModel) -> None:
    tokens = 500  # more events than a socket holds
    request = {"prompt": [1], "n_predict": tokens, "stream": True, "temperature": 0}
    with endless._server.connection() as connection:
        response = connection.request("POST", "/completion", request)
        time.sleep(1)
        events = list(read_events(response))
    assert events[-1]["tokens_predicted"] == tokens


@pytest.fixture
def short_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder whose path leaves room for a socket; those of workers are longer."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def test_the_folders_of_killed_processes_are_removed(short_folder: Path) -> None:
    with_socket, without_socket, starting, running = endpoints = [Endpoint() for _ in range(4)]
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(running.host)
    listening.listen()
    with socket.socket(socket.AF_UNIX) as closed:
        closed.bind(with_socket.host)
    for endpoint in (with_socket, without_socket, running):
        os.utime(Path(endpoint.host).parent, (0, 0))
    Endpoint().close()
    left = {Path(endpoint.host).parent for endpoint in (starting, running)}
    assert set(short_folder.iterdir()) == left
    listening.close()
    for endpoint in endpoints:
        endpoint.close()
    assert list(short_folder.iterdir()) == []


def test_a_temporary_folder_with_a_long_name_does_no_harm(
    endless_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    opened = LlamaCppModel(endless_path, "long")
    assert answer(opened)
    opened.close()
    shutil.rmtree(folder)
