"""Clients that leave, stall or come in crowds, and a server that is stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from apis import Api, Echo, serving
from test_chat_completions import ASKED, events

from qwen_chat.message import Delta
from qwen_chat.model.base import PLAIN, Cancel, Chat, Deltas, PromptOptions
from qwen_chat.model.loading import LoadingModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.server import event_stream
from qwen_chat.server.serving import ApiServer


class Endless(Echo):
    """Writes until it is stopped, and counts its steps."""

    def __init__(self) -> None:
        super().__init__(pause=0.005)
        self.steps = 0
        self.ended = threading.Event()

    def stream(
        self, messages: Chat, params: SamplingParams, options: PromptOptions = PLAIN, *, cancel: Cancel = None
    ) -> Deltas:
        """Yield words without end."""
        self.ended.clear()
        try:
            while cancel is None or not cancel.wait(self.pause):
                self.steps += 1
                yield Delta("word " * 20)
        finally:
            self.ended.set()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def endless() -> Iterator[tuple[Api, Endless]]:
    model = Endless()
    with serving({"endless": model}) as api:
        yield api, model


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_ends_the_work(endless: tuple[Api, Endless], stream: bool) -> None:
    api, model = endless
    _leave_after_a_moment(api, {"messages": ASKED, "stream": stream})
    until(model.ended.is_set)
    steps = model.steps
    time.sleep(0.1)
    assert model.steps == steps
    assert 'qwen_chat_requests_running{model="endless"} 0.0' in api.http.get("/metrics").text


def _leave_after_a_moment(api: Api, body: dict[str, Any]) -> None:
    """Ask, and close the connection while the answer is being written."""
    asked = api.http.build_request("POST", "/v1/chat/completions", json=body, timeout=0.3)
    with suppress(httpx.ReadTimeout):
        api.http.send(asked, stream=True).close()


def test_impatient_clients_do_not_hold_up_others(babbling: Api) -> None:
    body: dict[str, Any] = {"messages": ASKED, "max_tokens": 8000}

    def ask(_: int) -> None:
        with pytest.raises(httpx.TimeoutException):
            httpx.post(f"{babbling.url}/v1/chat/completions", json=body, timeout=0.3)

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(ask, range(30)))
    answer = babbling.chat("?", max_tokens=5)
    assert answer.json()["usage"]["completion_tokens"] == 5


def test_a_client_that_stops_reading_is_left(
    endless: tuple[Api, Endless], monkeypatch: pytest.MonkeyPatch
) -> None:
    api, model = endless
    model.pause = 0
    monkeypatch.setattr(event_stream, "_STALL_SECONDS", 0.5)
    body = json.dumps({"messages": ASKED, "stream": True}).encode()
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stalled:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        stalled.sendall(head.encode() + body)
        until(lambda: model.steps > 0)
        until(model.ended.is_set)
        assert api.http.get("/health").status_code == 200


def test_a_full_queue_says_when_to_come_again() -> None:
    model, leave = LoadingModel("slow", Endless, parallel=1), threading.Event()
    model._queue._max_waiting = 1
    with serving({"slow": model}) as api, ThreadPoolExecutor(2) as pool:
        others = [pool.submit(_read_until, api, leave) for _ in range(2)]
        until(lambda: 'qwen_chat_requests_waiting{model="slow"} 1.0' in api.http.get("/metrics").text)
        for stream in (False, True):
            found = api.chat("?", stream=stream)
            assert found.status_code == 429
            assert int(found.headers["retry-after"]) > 0
            assert found.json()["error"]["type"] == "rate_limit_error"
        leave.set()
        for other in others:
            other.result()


def _read_until(api: Api, leave: threading.Event) -> None:
    """Read a stream until it is time to leave."""
    body: dict[str, Any] = {"messages": ASKED, "stream": True}
    with httpx.stream("POST", f"{api.url}/v1/chat/completions", json=body, timeout=60) as answer:
        for _ in answer.iter_bytes():
            if leave.is_set():
                return


def test_a_server_that_is_stopped_ends_its_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    from qwen_chat.server import serving as server_module

    monkeypatch.setattr(server_module, "_DRAIN_SECONDS", 0.3)
    model = Endless()
    server = ApiServer({"endless": model})
    server.start()
    with ThreadPoolExecutor(1) as pool:
        body: dict[str, Any] = {"messages": ASKED, "stream": True}
        answer = pool.submit(httpx.post, f"{server.url}/chat/completions", json=body, timeout=60)
        until(lambda: model.steps > 3)
        server.stop()
        last = events(answer.result().text)[-1]
    assert last["error"]["message"] == "the server is being stopped"
    assert model.ended.is_set()


def test_a_model_that_is_loading_is_waited_for() -> None:
    may_load = threading.Event()

    def load() -> Echo:
        may_load.wait()
        return Echo()

    model = LoadingModel("late", load)
    with serving({"late": model}) as api, ThreadPoolExecutor(1) as pool:
        model.start_loading()
        assert (found := api.http.get("/health")).status_code == 503
        assert found.json() == {"status": "loading"}
        assert "max_model_len" not in api.http.get("/v1/models").json()["data"][0]
        answer = pool.submit(api.chat, "hello you")
        may_load.set()
        assert answer.result().json()["choices"][0]["message"]["content"] == "hello you"
        assert api.http.get("/health").status_code == 200
        assert api.http.get("/v1/models/late").json()["max_model_len"] == 1_000_000


def test_a_model_that_cannot_be_loaded_is_told() -> None:
    from qwen_chat.errors import ModelLoadError

    def load() -> Echo:
        raise ModelLoadError("the file is broken")

    with serving({"broken": LoadingModel("broken", load)}) as api:
        found = api.chat("?")
        assert found.status_code == 503
        assert found.json()["error"]["message"] == "the file is broken"
        assert api.http.get("/health").json() == {"status": "failed"}


def test_the_command_serves_until_it_is_stopped(babbler: Any) -> None:
    command = [sys.executable, "-m", "qwen_chat", "serve", "-c", str(babbler), "--server-port", "0"]
    options = ["--name", "mine", "--temperature", "0", "--max-new-tokens", "4", "--system", "You babble."]
    environment = {**os.environ, "QWEN_CHAT_API_KEY": "a-long-key"}
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        headers = {"Authorization": "Bearer a-long-key"}
        body: dict[str, Any] = {"messages": ASKED}
        assert httpx.post(f"{url}/chat/completions", json=body).status_code == 401
        answer = httpx.post(f"{url}/chat/completions", json=body, headers=headers, timeout=60).json()
        assert answer["model"] == "mine"
        assert answer["usage"]["completion_tokens"] == 4
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, "")
    assert not any(child.is_running() and child.status() != "zombie" for child in children)


def test_models_are_loaded_when_they_are_asked_for() -> None:
    loaded: list[str] = []

    def model(name: str) -> LoadingModel:
        def load() -> Echo:
            loaded.append(name)
            return Echo()

        return LoadingModel(name, load)

    models = {name: model(name) for name in ("one", "two", "three")}
    with serving(models) as api:
        assert api.http.get("/health").json() == {"status": "loading"}
        models["one"].start_loading()
        until(lambda: api.http.get("/health").status_code == 200)
        assert [each["id"] for each in api.http.get("/v1/models").json()["data"]] == ["one", "two", "three"]
        with ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(api.chat, f"{n}", model=("one", "two")[n % 2]) for n in range(40)]
            for number, each in enumerate(asked):
                answer = each.result().json()
                assert answer["model"] == ("one", "two")[number % 2]
                assert answer["choices"][0]["message"]["content"] == f"{number}"
        assert loaded == ["one", "two"]
        assert api.chat("x").json()["model"] == "one"


def test_the_command_serves_further_models(babbler: Any, tmp_path: Path, qwen_chat: Any) -> None:
    done = qwen_chat("serve", "-c", str(babbler), "--also", str(babbler), "--server-port", "0")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "there is a model of the name babbler already" in done.stderr
    done = qwen_chat("serve", "-c", str(babbler), "--also", str(tmp_path / "none.gguf"))
    assert done.returncode == 2
    assert "no such file or folder" in done.stderr


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["--server-name", "::"], "set QWEN_CHAT_API_KEY to a key, or add --public"),
        (["--public"], "--public goes with a --server-name"),
        (["--api-key", "short"], "an API key has 8 or more characters"),
        (["--api-key-file", "/nowhere"], "/nowhere"),
        (["--api-auth", "ann"], "--api-auth: an account is written as NAME:PASSWORD"),
        (["--cors-origin", "example.com"], "--cors-origin example.com: give a site"),
        (["--role", "x"], "--role is for chats"),
        (["--vi"], "--vi is for the terminal"),
        (["--ssl-keyfile", "x"], "--ssl-keyfile goes with a certificate"),
        (["-c", "/nowhere.gguf"], "/nowhere.gguf"),
    ],
)
def test_flags_that_make_no_sense(qwen_chat: Any, flags: list[str], fault: str) -> None:
    done = qwen_chat("serve", *flags)
    assert done.returncode == 2
    assert fault in done.stderr
    assert len(done.stderr.splitlines()) == 1
