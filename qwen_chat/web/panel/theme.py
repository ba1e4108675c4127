"""The look of the panel: one accent, calm greys, system fonts; the colours of the page."""

from importlib.resources import files

from gradio.themes import Base
from gradio.themes.utils.colors import Color

_STONE = Color(
    name="stone",
    c50="#fbfaf8",
    c100="#f4f2ee",
    c200="#e9e5df",
    c300="#ddd8d0",
    c400="#9a968f",
    c500="#6f6a63",
    c600="#57534d",
    c700="#36363c",
    c800="#26262b",
    c900="#1f1f24",
    c950="#17171a",
)
_VIOLET = Color(
    name="violet",
    c50="#f5f3ff",
    c100="#ebe7fe",
    c200="#d8d0fd",
    c300="#c6bbff",
    c400="#b3a4ff",
    c500="#7a62e8",
    c600="#5b3fd6",
    c700="#4c32bd",
    c800="#3e2a99",
    c900="#332479",
    c950="#1f1549",
)
_TEXT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "PingFang SC", "Noto Sans CJK SC")
_CODE = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Noto Sans Mono", "monospace")


def theme() -> Base:
    """Return the theme of Gradio's components, with our own style sheets."""
    made = Base(
        primary_hue=_VIOLET,
        secondary_hue=_VIOLET,
        neutral_hue=_STONE,
        text_size="md",
        spacing_size="md",
        radius_size="lg",
        font=(*_TEXT, "Microsoft YaHei", "sans-serif"),
        font_mono=_CODE,
    ).set(
        body_background_fill="#fbfaf8",
        body_background_fill_dark="#17171a",
        body_text_color="#22201d",
        body_text_color_dark="#e7e5e1",
        body_text_color_subdued="#6f6a63",
        body_text_color_subdued_dark="#9a968f",
        background_fill_primary="#fbfaf8",
        background_fill_primary_dark="#17171a",
        background_fill_secondary="#f4f2ee",
        background_fill_secondary_dark="#131316",
        border_color_primary="#ddd8d0",
        border_color_primary_dark="#36363c",
        block_background_fill="transparent",
        block_border_width="0",
        block_padding="*spacing_sm",
        block_shadow="none",
        block_label_background_fill="transparent",
        input_background_fill="#ffffff",
        input_background_fill_dark="#1f1f24",
        input_border_color="#ddd8d0",
        input_border_color_dark="#36363c",
        button_primary_background_fill="#5b3fd6",
        button_primary_background_fill_hover="#4c32bd",
        button_primary_background_fill_dark="#b3a4ff",
        button_primary_background_fill_hover_dark="#c6bbff",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#1f1549",
    )
    made.custom_css = _styles()
    return made


def _styles() -> str:
    # Nested rules count more than Gradio's own rules for every button, heading and list.
    return f"{_read_styles('colours')}\n:root:root {{\n{_read_styles('settings')}\n}}"


def _read_styles(name: str) -> str:
    return (files("qwen_chat.web") / "static" / "styles" / f"{name}.css").read_text(encoding="utf-8")
