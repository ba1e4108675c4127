"""The page as one application: our own addresses and files, Gradio's frame, and the walls around them."""

import os
from pathlib import Path
from threading import Event

# Read when Gradio is imported, which would tell its makers of every start.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware

from qwen_chat import i18n
from qwen_chat.http.hosts import Hosts
from qwen_chat.session.users import People
from qwen_chat.web.login import Login, Open
from qwen_chat.web.middleware import Walls, person_of
from qwen_chat.web.panel.gradio_frame import Frame
from qwen_chat.web.panel.page import HEAD, build_page
from qwen_chat.web.panel.texts import I18N
from qwen_chat.web.panel.theme import theme
from qwen_chat.web.routes import Routes
from qwen_chat.web.uploads import MAX_BYTES

_STATIC = Path(__file__).with_name("static")
_MOST_WAITING = 100
_AT_ONCE = 8
_LOOK_SECONDS = 0.05
"""How often Gradio looks whether a setting was changed: its own millisecond keeps a processor busy."""


def build_app(people: People, hosts: Hosts, door: Login | Open, opened: Event, root_path: str = "") -> Walls:
    """Return the page of these people; `opened` is set when the first browser has it."""
    app = FastAPI(title="qwen-chat", docs_url=None, redoc_url=None, openapi_url=None)
    Routes(people, _person).join(app)
    door.join(app)
    app.add_exception_handler(Exception, _failed)
    app.add_api_route("/page/catalog/{language}.json", _catalog, methods=["GET"])
    app.mount("/page", StaticFiles(directory=_STATIC))
    _mount_gradio(app, build_page(people), opened)
    return Walls(app, hosts, door, root_path)


def _mount_gradio(app: FastAPI, page: gradio.Blocks, opened: Event) -> None:
    page.queue(max_size=_MOST_WAITING, default_concurrency_limit=_AT_ONCE, api_open=False)
    page._queue.sleep_when_free = _LOOK_SECONDS
    page._queue.progress_update_sleep_when_free = 1.0  # nothing here shows Gradio's own progress
    gradio.mount_gradio_app(
        app,
        page,
        "/",
        app_kwargs={"middleware": [Middleware(Frame, HEAD, opened.set)]},
        auth_dependency=_person,
        theme=theme(),
        i18n=I18N,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        show_error=False,
        max_file_size=MAX_BYTES,
    )


def _catalog(language: i18n.Language) -> dict[str, i18n.Form]:
    """Return the texts of the page in a language."""
    return i18n.texts(language)


def _person(request: Request) -> str:
    return person_of(request.scope)


async def _failed(request: Request, error: Exception) -> JSONResponse:  # noqa: ARG001 - FastAPI gives both
    return JSONResponse({"error": f"the page failed: {type(error).__name__}"}, 500)
