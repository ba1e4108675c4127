"""What is on the page: Gradio's frame, with places for what our script draws, and the panel of settings."""

from html import escape

import gradio as gr

from qwen_chat.session.users import People
from qwen_chat.web.panel.layout import settings_panel

NAME = "qwen-chat"

HEAD = "\n".join(
    (
        '<meta name="color-scheme" content="light dark">',
        f'<meta name="application-name" content="{escape(NAME)}">',
        '<link rel="icon" type="image/svg+xml" href="page/mark.svg">',
        '<script src="page/boot.js"></script>',
        '<script type="module" src="page/main.js"></script>',
    )
)
"""What the head of the page has beside Gradio's own; every address in it is relative."""


def build_page(people: People) -> gr.Blocks:
    """Return the frame of the page."""
    page = gr.Blocks(title=NAME, fill_width=True, fill_height=True, analytics_enabled=False)
    with page:
        with gr.Sidebar(elem_id="left", open=False, width="18rem"):
            _place("chats")
        with gr.Column(elem_id="talk"):
            _place("head")
            _place("conversation")
            _place("composer")
        with gr.Sidebar(elem_id="right", open=False, width="21rem", position="right"):
            settings_panel(people)
    return page


def _place(name: str) -> None:
    """Leave an empty place on the page that our script fills."""
    with gr.Column(elem_id=name, min_width=0):
        pass
