"""The settings panel as an application: Gradio's, mounted through its public interface.

Its lifespan never runs, and that is meant: it would start Gradio's queue, which polls all the time and which
no event here uses.
"""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock

# Read when Gradio is imported, which would report every start to its makers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio
from fastapi import FastAPI, Request
from starlette.middleware import Middleware

from qwen_chat import i18n
from qwen_chat.session.users import People
from qwen_chat.web.panel.context import PanelContext
from qwen_chat.web.panel.document import PanelDocument
from qwen_chat.web.panel.layout import SettingsPanel
from qwen_chat.web.panel.model_switch import ModelSwitches
from qwen_chat.web.panel.theme import theme
from qwen_chat.web.uploads import MAX_BYTES

_BUILDING = Lock()
"""Held while components are made: Gradio adds them to the one panel that it knows of, in whatever thread."""


def build_panel(
    people: People,
    switches: ModelSwitches,
    uploads: Path,
    language: i18n.Language,
    name_of: Callable[[Request], str],
) -> FastAPI:
    """Return the panel in one language.

    `uploads` is the folder that files are uploaded to; `name_of` names the person who sends a request.
    """
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # read when the components are made
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    with _BUILDING:
        blocks = _build_blocks(PanelContext(people, language), switches)
    gradio.mount_gradio_app(
        app,
        blocks,
        "/",
        app_kwargs={"middleware": [Middleware(PanelDocument)]},
        auth_dependency=name_of,
        theme=theme(),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        mcp_server=False,
        ssr_mode=False,
        pwa=False,
        show_error=False,
        max_file_size=MAX_BYTES,
    )
    return app


def _build_blocks(context: PanelContext, switches: ModelSwitches) -> gradio.Blocks:
    blocks = gradio.Blocks(
        title=context.translate(i18n.Text("page.settings")), fill_width=True, analytics_enabled=False
    )
    with blocks, gradio.Column(elem_id="settings"):
        SettingsPanel(context, switches).build(blocks)
    return blocks
