"""Keeps an open panel up to date: a clock asks, and only the sections that changed are sent."""

from collections.abc import Sequence
from typing import Any, Protocol

import gradio as gr

from qwen_chat.web.panel.context import PanelContext

Update = Any
"""What gr.update returns, or a value."""


class Section(Protocol):
    """A part of the panel that shows something of the conversation or its model."""

    name: str

    def state(self, request: gr.Request) -> object:
        """Return a value that is another one whenever the section would show something else."""
        ...

    def show(self, request: gr.Request) -> Sequence[Update]:
        """Return an update of each of the section's components."""
        ...


class PanelUpdates:
    """Updates all sections of the panel together; `sizes` are the numbers of their components."""

    def __init__(self, context: PanelContext, sections: Sequence[Section], sizes: Sequence[int]) -> None:
        self._context = context
        self._sections = tuple(zip(sections, sizes, strict=True))

    def update(self, request: gr.Request) -> list[Update]:
        """Return what changed since the panel was last brought up to date."""
        updates: list[Update] = []
        for section, size in self._sections:
            changed = self._context.shown.replace(request, section.name, section.state(request))
            updates += section.show(request) if changed else [gr.skip()] * size
        return updates
