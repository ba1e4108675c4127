import asyncio
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from browser import browser
from pages import Served, served
from playwright.sync_api import Playwright
from windows import settings_of

from qwen_chat.http.accounts import Accounts
from qwen_chat.http.hosts import Hosts

if TYPE_CHECKING:
    from fastapi import FastAPI


MB = 2**20


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served, None, None]:
    """A page for one person."""
    with served(tmp_path_factory.mktemp("here")) as page:
        yield page


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served, None, None]:
    """A page where one has to log in."""
    with served(tmp_path_factory.mktemp("closed"), accounts=Accounts([("ann", "secret")])) as page:
        yield page


def addresses(routes: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Yield the method and the path of every route, of those in applications within, too."""
    for route in routes:
        inside = getattr(route, "original_router", route)
        path = getattr(route, "path", None)
        if path is not None and (methods := getattr(route, "methods", None)):
            yield from ((method, re.sub(r"{[^}]*}", "x", path)) for method in methods)
        elif (more := getattr(inside, "routes", None)) is not None:
            yield from addresses(more)


@pytest.fixture(scope="module")
def every_address(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    from qwen_chat.session.users import People
    from qwen_chat.web.app import PageApp
    from qwen_chat.web.login import PasswordLogin
    from qwen_chat.web.panel.app import build_panel
    from qwen_chat.web.panel.model_switch import ModelSwitches

    tmp_path = tmp_path_factory.mktemp("uploads")
    people = People(lambda name: pytest.fail(f"nobody should be asked for {name}"))
    login = PasswordLogin(Accounts([("ann", "secret")]), "cookie")
    page = PageApp(people, Hosts("127.0.0.1"), login, uploads=tmp_path, opened=Event())

    async def build() -> "FastAPI":
        return build_panel(people, ModelSwitches(), tmp_path, "en", lambda request: "")

    found = set(addresses(page.app.routes))
    assert ("GET", "/chat/x/events") in found
    # In this thread Playwright may keep a loop of its own running.
    with ThreadPoolExecutor() as threads:
        built = threads.submit(asyncio.run, build()).result()
    panel = {(method, f"/panel/en{path}") for method, path in addresses(built.routes)}
    assert ("POST", "/panel/en/gradio_api/queue/join") in panel
    return sorted(found | panel)


# Who is asked


def test_every_address_is_closed_to_who_is_not_logged_in(
    closed: Served, every_address: list[tuple[str, str]]
) -> None:
    opened = {("GET", "/login"), ("POST", "/login"), ("GET", "/health")}
    with closed.visitor() as visitor:
        for method, path in {*every_address, ("GET", "/page/main.js"), ("PUT", "/"), ("GET", "/x")} - opened:
            answer = visitor.http.request(method, path)
            if path == "/" and method in ("GET", "HEAD"):
                assert (answer.status_code, answer.headers["location"]) == (303, "/login")
            elif path != "/login":
                assert answer.status_code == 401, (method, path)
        for path in ("/login", "/page/styles/login.css", "/health"):
            assert visitor.http.get(path).status_code == 200


def test_what_the_page_does_not_need_of_gradio_is_not_there(
    here: Served, every_address: list[tuple[str, str]]
) -> None:
    with here.visitor() as visitor:
        for path in (
            "/panel/en/config",
            "/panel/en/monitoring",
            "/panel/en/gradio_api/info",
            "/panel/en/gradio_api/openapi.json",
            "/panel/en/gradio_api/token",
            "/panel/en/gradio_api/runs",
            "/panel/en/gradio_api/file=http://evil.test/x",
            "/panel/en/gradio_api/file=/etc/passwd",
            "/panel/en/gradio_api/proxy=http://evil.test/x",
            "/panel/en/gradio_api/vibe-code",
            "/openapi.json",
            "/docs",
        ):
            assert visitor.http.get(path).status_code == 404, path
    assert ("GET", "/panel/en/config") in every_address


# Who asks


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "localhost:1", "[::1]:8000", "LOCALHOST"])
def test_the_names_of_this_machine_are_answered(here: Served, host: str) -> None:
    with here.visitor() as visitor:
        assert visitor.http.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.test", "evil.test:8000", "127.0.0.1.evil.test", "localhost@evil.test", "192.168.0.7", "", "["],
)
def test_a_foreign_name_is_refused(here: Served, host: str) -> None:
    with here.visitor() as visitor:
        answer = visitor.http.get("/", headers={"Host": host})
        assert answer.status_code == 400
        assert "--root-path" in answer.json()["error"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_page_cannot_do_anything(here: Served, headers: dict[str, str]) -> None:
    with here.visitor() as visitor:
        for path in ("/chat/new", "/panel/en/gradio_api/run/predict", "/panel/en/gradio_api/upload", "/x"):
            answer = visitor.http.post(path, json={}, headers=headers)
            assert answer.status_code == 403, path
            assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("path", ["/", "/chat/list", "/panel/zh/", "/panel/en/theme.css"])
def test_another_page_cannot_read_anything(here: Served, path: str) -> None:
    with here.visitor() as visitor:
        for origin in ("http://evil.test", "null", "http://localhost:3000"):
            with visitor.http.stream("GET", path, headers={"Origin": origin}) as answer:
                assert not [name for name in answer.headers if name.startswith("access-control")]
            asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = visitor.http.options(path, headers=asked)
            assert answer.status_code == 403
            assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_page_itself_can(here: Served) -> None:
    with here.visitor() as visitor:
        headers = {"Origin": here.page.url.rstrip("/"), "Sec-Fetch-Site": "same-origin"}
        assert visitor.http.post("/chat/new", json={}, headers=headers).status_code == 200


# How much is sent


def test_a_body_of_100_mb_is_refused_in_words_and_not_kept(here: Served) -> None:
    process, piece = psutil.Process(), bytes(MB)
    with here.visitor() as visitor:
        visitor.http.get("/health")
        for path, announced in (("/chat/import", True), ("/chat/file?name=x", False), ("/chat/new", True)):
            peak = before = process.memory_info().rss

            def pieces() -> Iterator[bytes]:
                nonlocal peak
                for _ in range(100):
                    yield piece
                    peak = max(peak, process.memory_info().rss)

            headers = {"Content-Length": str(100 * MB)} if announced else {}
            answer = visitor.http.post(path, content=pieces(), headers=headers)
            assert answer.status_code == 413, path
            assert re.fullmatch(r"too large: at most \d+ MB can be sent at once", answer.json()["error"])
            assert peak - before < 20 * MB, path
        assert visitor.begin()


def test_a_long_message_is_refused_in_words(here: Served) -> None:
    with here.visitor() as visitor:
        answer = visitor.send(visitor.begin(), "x" * 1_000_000)
        assert answer.status_code == 413
        assert "400,000" in answer.json()["error"]


def test_a_browser_that_vanishes_while_it_sends_is_nobodys_fault(
    here: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    for headers in ("Content-Length: 1000000", "Transfer-Encoding: chunked", "Content-Length: 900000000"):
        with socket.create_connection(("127.0.0.1", here.page.port)) as gone:
            gone.sendall(
                f"POST /chat/import HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n5\r\nhello".encode()
            )
            time.sleep(0.2)
    time.sleep(0.2)
    with here.visitor() as visitor:
        assert visitor.http.get("/health").status_code == 200
    assert capfd.readouterr().err == ""


# What is answered


@pytest.mark.parametrize(
    "path", ["/", "/chat/list", "/page/main.js", "/nothing", "/chat/x/export", "/panel/en/theme.css"]
)
def test_every_answer_has_the_headers(here: Served, path: str) -> None:
    with here.visitor() as visitor:
        headers = visitor.http.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    assert set(re.sub(r"'sha256-[\w+/=]+'", "", policy["script-src"]).split()) == {"'self'"}
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers


def test_the_first_page_leads_nowhere_else(here: Served) -> None:
    with here.visitor() as visitor:
        page = visitor.http.get("/").text
    elsewhere = re.findall(r"""(?:href|src|content)=["']\s*(?:https?:)?//[^"']*""", page)
    assert elsewhere == []
    assert "<script>" not in page


def test_only_the_page_itself_may_frame_the_settings(here: Served) -> None:
    with here.visitor() as visitor:
        headers = visitor.http.get("/panel/en/").headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'self'"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert set(re.sub(r"'sha256-[\w+/=]+'", "", policy["script-src"]).split()) == {"'self'"}


def test_the_page_is_there_before_gradio_is_imported() -> None:
    code = """
import sys, urllib.request
from qwen_chat.session.users import People
from qwen_chat.web.serving import Page
page = Page(People(lambda name: None))
page.start()
first = urllib.request.urlopen(page.url).read().decode()
assert 'src="page/main.js"' in first and "gradio" not in sys.modules
assert "gradio_config" in urllib.request.urlopen(page.url + "panel/zh/").read().decode()
assert "gradio" in sys.modules
page.stop()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_browser_draws_the_page_under_the_policy_and_asks_nobody_else(
    here: Served, playwright: Playwright, tmp_path: Path
) -> None:
    said: list[str] = []
    asked: list[str] = []
    with browser(playwright, tmp_path) as chromium:
        page = chromium.page
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(here.page.url)
        page.wait_for_selector("#conversation .welcome:not([hidden])")
        page.fill("#composer textarea", "hello there")
        page.press("#composer textarea", "Enter")
        page.locator("#conversation").get_by_text("hello there").nth(1).wait_for()
        page.locator("#head .of-settings").click()
        settings = settings_of(page)
        settings.click("#settings-sampling > button.label-wrap")
        settings.wait_for_selector("#sampling-temperature input:enabled")
    assert said == []
    foreign = [url for url in asked if not url.startswith((here.page.url, "data:", "blob:"))]
    assert foreign == []
    assert any("/events" in url for url in asked)
