"""Gradio's part of the page: the frame and the settings panel."""

from qwen_chat.web.panel import gradio_stubs

gradio_stubs.skip()
