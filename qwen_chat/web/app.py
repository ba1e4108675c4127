"""The page as one application: its document, its files, its routes and the settings panel."""

import warnings
from functools import cache, partial
from pathlib import Path
from threading import Event

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.types import ASGIApp

from qwen_chat import i18n
from qwen_chat.http.hosts import Hosts
from qwen_chat.session.users import People
from qwen_chat.web.language import preferred_language
from qwen_chat.web.login import NoLogin, PasswordLogin
from qwen_chat.web.middleware import GuardedApp, person_of, refuse
from qwen_chat.web.panel.lazy_app import LazyApp
from qwen_chat.web.panel.model_switch import ModelSwitches
from qwen_chat.web.routes import Routes

_FOLDER = Path(__file__).parent


class PageApp(GuardedApp):
    """The page behind its checks.

    `uploads` is the folder for uploaded files; `opened` is set when the first browser has the document;
    `may_fetch` is whether people may fetch models.
    """

    def __init__(
        self,
        people: People,
        hosts: Hosts,
        login: PasswordLogin | NoLogin,
        *,
        uploads: Path,
        opened: Event,
        root_path: str = "",
        may_fetch: bool = False,
    ) -> None:
        _ignore_field_warnings()
        app = FastAPI(title="qwen-chat", docs_url=None, redoc_url=None, openapi_url=None)
        super().__init__(app, hosts, login, root_path)
        self._opened = opened
        self._language: i18n.Language = "en"
        build = partial(_build_panel, people, ModelSwitches(may_fetch=may_fetch), uploads)
        self._panels = {language: LazyApp(partial(build, language)) for language in i18n.LANGUAGES}
        Routes(people, _person).join(app)
        login.join(app)
        self._join(app)

    def prepare_panel(self) -> None:
        """Import and build the settings panel in the background, in the language of the latest browser."""
        self._panels[self._language].prepare()

    def _join(self, app: FastAPI) -> None:
        app.add_exception_handler(Exception, _answer_failure)
        app.add_api_route("/", self._document, methods=["GET", "HEAD"])
        app.add_api_route("/code.css", _code_styles, methods=["GET"])
        app.add_api_route("/page/catalog/{language}.json", _catalog, methods=["GET"])
        app.mount("/page", StaticFiles(directory=_FOLDER / "static"))
        for language, panel in self._panels.items():
            app.mount(f"/panel/{language}", panel)

    def _document(self, request: Request) -> Response:
        self._language = preferred_language(request.headers)
        self._opened.set()
        return FileResponse(_FOLDER / "index.html", media_type="text/html")


def _ignore_field_warnings() -> None:
    """Ignore pydantic's warning about how FastAPI declares its fields, in every thread.

    FastAPI ignores the warning itself, but with `warnings.catch_warnings`, which changes the filters of all
    threads: when two applications are built at once, the first to end shows the warnings of the other.
    """
    warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)


def _build_panel(people: People, switches: ModelSwitches, uploads: Path, language: i18n.Language) -> ASGIApp:
    from qwen_chat.web.panel.app import build_panel

    return build_panel(people, switches, uploads, language, _person)


def _code_styles() -> Response:
    return Response(_render_code_styles(), media_type="text/css")


@cache
def _render_code_styles() -> str:
    from qwen_chat.export.markdown_html import code_styles

    return code_styles({"": "xcode", ".dark": "github-dark"})


def _catalog(language: i18n.Language) -> dict[str, i18n.Form]:
    """Return the texts of the page in a language."""
    return i18n.texts(language)


def _person(request: Request) -> str:
    return person_of(request.scope)


async def _answer_failure(request: Request, error: Exception) -> Response:  # noqa: ARG001 - FastAPI gives both
    return refuse(500, f"the page failed: {type(error).__name__}")
