"""The checks of http/ around an application that is no page, with refusals in a format of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from qwen_chat.http.active_requests import ActiveRequests
from qwen_chat.http.body_limit import BodyLimit
from qwen_chat.http.csrf import CsrfCheck
from qwen_chat.http.host_check import HostCheck
from qwen_chat.http.hosts import Hosts
from qwen_chat.http.root_path import RootPath, route_path
from qwen_chat.http.security_headers import SecurityHeaders

HOSTS = Hosts("127.0.0.1")


def refuse(status: int, fault: str) -> Response:
    return JSONResponse({"error": {"message": fault, "type": "invalid_request_error"}}, status)


async def count(request: Request) -> Response:
    return PlainTextResponse(f"{len(await request.body())} {request.headers.get('origin')}")


async def endless(request: Request) -> Response:
    async def pieces() -> AsyncIterator[str]:
        while True:
            yield "piece\n"
            await asyncio.sleep(0.01)

    return StreamingResponse(pieces())


async def where(request: Request) -> Response:
    return PlainTextResponse(f"{request.scope['root_path']} {route_path(request.scope)}")


APP = Starlette(
    routes=[
        Route("/v1/count", count, methods=["GET", "POST"]),
        Route("/v1/endless", endless),
        Route("/v1/where", where),
    ]
)


@asynccontextmanager
async def client_of(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client


def run(answering: Coroutine[None, None, httpx.Response]) -> httpx.Response:
    # In this thread Playwright may keep a loop of its own running.
    with ThreadPoolExecutor() as threads:
        return threads.submit(asyncio.run, answering).result()


def ask(app: ASGIApp, method: str, path: str, **options: object) -> httpx.Response:
    async def answer() -> httpx.Response:
        async with client_of(app) as client:
            return await client.request(method, path, **options)  # type: ignore[arg-type]

    return run(answer())


@pytest.mark.parametrize(
    ("app", "options", "status"),
    [
        (HostCheck(APP, HOSTS, refuse, "no"), {"headers": {"Host": "evil.test"}}, 400),
        (CsrfCheck(APP, HOSTS, refuse, "no"), {"headers": {"Origin": "http://evil.test"}}, 403),
        (BodyLimit(APP, lambda path: 10, refuse), {"content": bytes(11)}, 413),
    ],
)
def test_a_refusal_has_the_format_of_the_application(
    app: ASGIApp, options: dict[str, object], status: int
) -> None:
    answer = ask(app, "POST", "/v1/count", **options)
    assert answer.status_code == status
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_what_is_allowed_passes_without_its_origin() -> None:
    checked = CsrfCheck(BodyLimit(APP, lambda path: 10, refuse), HOSTS, refuse, "no")
    app = HostCheck(checked, HOSTS, refuse, "no")
    answer = ask(app, "POST", "/v1/count", content=bytes(10), headers={"Origin": "http://127.0.0.1"})
    assert (answer.status_code, answer.text) == (200, "10 None")


def test_a_body_without_a_length_is_counted_while_it_is_read() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(5)

    answer = ask(BodyLimit(APP, lambda path: 10, refuse), "POST", "/v1/count", content=pieces())
    assert answer.status_code == 413


def test_every_response_has_the_headers_and_its_own_count_more() -> None:
    def cache_control(path: str) -> str:
        return "no-cache" if path == "/v1/count" else "no-store"

    app = SecurityHeaders(APP, cache_control)
    for path, cached in (("/v1/count", "no-cache"), ("/nothing", "no-store")):
        headers = ask(app, "GET", path).headers
        assert headers["cache-control"] == cached
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/api/v1/where", "/v1/where"])
def test_a_root_path_may_be_cut_off_or_not(path: str) -> None:
    assert ask(RootPath(APP, "/api"), "GET", path).text == "/api /v1/where"


def test_a_root_path_without_its_slash_leads_on() -> None:
    assert ask(RootPath(APP, "/api"), "GET", "/api").headers["location"] == "/api/"


@pytest.mark.parametrize("chosen", [None, lambda scope: scope["path"] == "/v1/endless"])
def test_responses_that_do_not_end_are_ended(chosen: Callable[[object], bool] | None) -> None:
    async def end_soon() -> httpx.Response:
        requests = ActiveRequests(APP)
        async with client_of(requests) as client:
            asyncio.get_running_loop().call_later(0.1, requests.end, refuse(503, "closed"), chosen)
            return await asyncio.wait_for(client.get("/v1/endless"), 10)

    answer = run(end_soon())
    assert answer.status_code == 200
    assert answer.text.startswith("piece\n")
