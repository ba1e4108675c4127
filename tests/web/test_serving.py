import os
import re
import socket
import ssl
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore
from uuid import uuid4

import httpx
import pytest
from pages import Parrot, Visitor, quickly_hashed, served, until
from places import DATA

from qwen_chat.errors import ModelLoadError
from qwen_chat.http.accounts import Accounts
from qwen_chat.http.listen import Certificate
from qwen_chat.model.loading import LoadingModel
from qwen_chat.session.users import People
from qwen_chat.web.serving import Page

CERTIFICATE = DATA / "localhost.pem"
"""Of localhost, its key locked with the word opensesame."""


# Beginning and ending


def test_a_page_can_be_opened_when_start_returns_and_not_after_stop(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    for _ in range(2):
        with served(tmp_path) as page:
            assert page.page.url == f"http://127.0.0.1:{page.page.port}/"
            assert not page.page.opened.is_set()
            with page.visitor() as visitor:
                assert visitor.http.get("./").status_code == 200
                until(page.page.opened.is_set)
                assert visitor.http.get("panel/en/").status_code == 200
            files = Path(os.environ["GRADIO_TEMP_DIR"])
            assert stat.S_IMODE(files.stat().st_mode) == 0o700
        assert not files.exists()
        with pytest.raises(httpx.ConnectError):
            httpx.get(page.page.url)
    until(lambda: not [each for each in set(threading.enumerate()) - before if each.name == "page"])


@pytest.mark.timing
def test_stop_ends_streams_at_once_and_in_order(tmp_path: Path) -> None:
    ended: list[BaseException | None] = []
    following = Semaphore(0)

    def follow(visitor: Visitor, chat: str) -> None:
        try:
            for number, _ in enumerate(visitor.frames(chat)):
                if number == 3:
                    following.release()
            ended.append(None)
        except httpx.HTTPError as error:
            ended.append(error)

    with served(tmp_path, Parrot(times=10_000, pause=0.01)) as page, page.visitor() as visitor:
        chat = visitor.begin()
        visitor.send(chat, "on and on")
        followers = [threading.Thread(target=follow, args=(visitor, chat)) for _ in range(5)]
        for follower in followers:
            follower.start()
        for _ in followers:
            assert following.acquire(timeout=20)
        started = time.monotonic()
        page.page.stop()
        assert time.monotonic() - started < 1
        for follower in followers:
            follower.join(5)
        assert ended == [None] * 5


def test_a_page_that_cannot_be_made_says_so_to_who_starts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise RuntimeError("no page today")

    monkeypatch.setattr("qwen_chat.web.app.PageApp", fail)
    page = Page(People(pytest.fail))
    with pytest.raises(RuntimeError, match="no page today"):
        page.start()
    page.stop()


def test_settings_that_cannot_be_built_leave_the_page_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("no settings today")

    monkeypatch.setattr("qwen_chat.web.panel.app.build_panel", fail)
    with served(tmp_path) as page, page.visitor() as visitor:
        for _ in range(2):
            answer = visitor.http.get("panel/en/")
            fault = "the settings cannot be shown: RuntimeError: no settings today"
            assert (answer.status_code, answer.text) == (503, fault)
        assert visitor.begin()


# The address


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_ipv6_is_an_address_too(tmp_path: Path) -> None:
    with served(tmp_path, host="::1") as page, page.visitor() as visitor:
        assert page.page.url.startswith("http://[::1]:")
        assert visitor.http.get("health").status_code == 200


@pytest.mark.parametrize("root", ["/qwen/chat", "https://example.com/qwen/chat/"])
def test_a_proxy_may_cut_the_root_off_or_not(tmp_path: Path, root: str) -> None:
    known = Accounts([("ann", "secret")])
    with served(tmp_path, accounts=known, root_path=root) as page:
        if "://" in root:
            assert page.page.url == root
        with httpx.Client(base_url=f"http://127.0.0.1:{page.page.port}") as client:
            assert client.get("/qwen/chat").headers["location"] == "/qwen/chat/"
            for below in ("/qwen/chat", ""):
                assert client.get(f"{below}/").headers["location"] == "/qwen/chat/login"
                data = {"name": "ann", "password": "secret"}
                answer = client.post(f"{below}/login", data=data, headers={"X-Forwarded-Proto": "https"})
                assert answer.status_code == 303, answer.text
                cookie = answer.headers["set-cookie"]
                assert "Path=/qwen/chat;" in cookie
                assert "Secure" in cookie
                name, _, value = cookie.partition(";")[0].partition("=")
                headers = {"Cookie": f"{name}={value}"}
                index = client.get(f"{below}/", headers=headers)
                assert index.status_code == 200
                assert not re.findall(r'(?:src|href)="(?:/|https?:)', index.text)
                panel = client.get(f"{below}/panel/en/", headers=headers).text
                assert '<base href="./" />' in panel
                assert '"root":"http://127.0.0.1' in panel
                assert "/qwen/chat/panel/en" in re.findall(r'"root":"([^"]*)"', panel)[0]
                assert client.get(f"{below}/panel/en/theme.css", headers=headers).status_code == 200
                assert client.get(f"{below}/page/main.js", headers=headers).status_code == 200
                assert client.get(f"{below}/chat/me", headers=headers).json()["name"] == "ann"
            assert client.get("/qwen/chatter", headers=headers).status_code == 404


def test_a_whole_root_path_is_a_name_of_the_page(tmp_path: Path) -> None:
    with served(tmp_path, root_path="https://example.com/qwen") as page:
        here = f"http://127.0.0.1:{page.page.port}/qwen/chat/new"
        headers = {"Host": "example.com", "Origin": "https://example.com"}
        assert httpx.post(here, json={}, headers=headers).status_code == 200
        headers["Host"] = "127.0.0.1"
        assert httpx.post(here, json={}, headers=headers).status_code == 200
        headers["Origin"] = "https://example.org"
        assert httpx.post(here, json={}, headers=headers).status_code == 403


def test_without_a_proxy_nobody_says_who_they_are(tmp_path: Path) -> None:
    with served(tmp_path, accounts=Accounts([("ann", "secret")])) as page, page.visitor() as visitor:
        answers = [
            visitor.http.post(
                "login",
                data={"name": "eve", "password": "x"},
                headers={"X-Forwarded-For": f"10.0.0.{number}", "X-Forwarded-Proto": "https"},
            ).status_code
            for number in range(20)
        ]
        assert 429 in answers


def test_it_is_served_encrypted(tmp_path: Path) -> None:
    known = Accounts([("ann", "secret")])
    proof = Certificate(CERTIFICATE, password="opensesame")  # noqa: S106
    with served(tmp_path, accounts=known, certificate=proof) as page:
        assert page.page.url.startswith("https://")
        with page.visitor(verify=ssl.create_default_context(cafile=CERTIFICATE)) as visitor:
            assert "Secure" in visitor.log_in("ann", "secret").headers["set-cookie"]
            assert visitor.http.get("./").status_code == 200


# Many at once

TURNS = 6


def test_20_people_at_once_never_get_what_is_another_ones(tmp_path: Path) -> None:
    names = [f"person-{number}" for number in range(20)]
    model = Parrot()

    def talk(visitor: Visitor, name: str) -> list[tuple[str, str]]:
        assert visitor.log_in(name, f"{name}'s own").status_code == 303
        chat, said = visitor.begin(), []
        for _ in range(TURNS):
            nonce = uuid4().hex
            assert visitor.send(chat, f"{name} {nonce}").status_code == 200
            said.append((nonce, visitor.answer(chat)))
        listed = visitor.http.get("chat/list").json()["chats"]
        assert [each["id"] for each in listed] == [chat]
        return said

    with served(tmp_path, model, Accounts((name, quickly_hashed(f"{name}'s own")) for name in names)) as page:
        visitors = [page.visitor() for _ in names]
        opened = [visitor.__enter__() for visitor in visitors]
        with ThreadPoolExecutor(len(names)) as pool:
            results = list(pool.map(talk, opened, names))
        for visitor in visitors:
            visitor.__exit__(None, None, None)

    nonces = {nonce: name for name, said in zip(names, results, strict=True) for nonce, _ in said}
    assert len(nonces) == len(names) * TURNS
    for name, said in zip(names, results, strict=True):
        for nonce, answer in said:
            assert answer.split() == [name, nonce]
    for prompt in model.prompts:
        text = " ".join(message.content for message in prompt)
        assert len({nonces[nonce] for nonce in re.findall(r"\b[0-9a-f]{32}\b", text)}) == 1
    assert len(model.prompts) == len(names) * TURNS


# A model that is not there


def test_a_model_that_cannot_be_loaded_is_said_while_people_wait(tmp_path: Path) -> None:
    broken = threading.Event()

    def load() -> Parrot:
        broken.wait()
        raise ModelLoadError("the file is damaged: fetch it again")

    model = LoadingModel("broken", load)
    with served(tmp_path, model) as page, page.visitor() as visitor:
        chat = visitor.begin()
        model.start_loading()
        assert visitor.send(chat, "hello?").status_code == 200
        told = []
        for frame in visitor.frames(chat):
            state = frame.get("chat", {})
            if state:
                told.append((state["model"]["ready"], state["model"]["fault"], state["running"] is not None))
            if len(told) == 1:
                broken.set()
            if told and told[-1][1] and not told[-1][2]:
                break
        assert told[0] == (False, None, True)
        assert "damaged" in str(told[-1][1])
        assert visitor.http.get("./").status_code == 200
