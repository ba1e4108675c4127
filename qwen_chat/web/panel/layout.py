"""The components of the settings panel and their events.

A clock asks once a moment whether something that is shown here has changed, by whomever.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from qwen_chat import i18n
from qwen_chat.roles.role_form import LONGEST
from qwen_chat.settings import SPECS
from qwen_chat.web.panel.context import PanelContext
from qwen_chat.web.panel.model_events import ModelEvents
from qwen_chat.web.panel.model_switch import ModelSwitches
from qwen_chat.web.panel.role_events import RoleEvents
from qwen_chat.web.panel.settings_events import LIMITS, SLIDERS, Parameter, Sampling, System, Thinking
from qwen_chat.web.panel.updates import PanelUpdates, Section

_DIRECT: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
"""Every event is answered at once, without Gradio's queue, and only for the page."""

_CLOCK_SECONDS = 0.5

Control = gr.Slider | gr.Number | gr.Textbox


class SettingsPanel:
    """Builds the panel inside a gr.Blocks."""

    def __init__(self, context: PanelContext, switches: ModelSwitches) -> None:
        self._context = context
        self._switches = switches
        self._text = context.translate
        self._shown: list[tuple[Section, list[gr.components.Component]]] = []

    def build(self, blocks: gr.Blocks) -> None:
        """Add all sections to `blocks`, and the clock that keeps them up to date."""
        self._add_model()
        self._add_sampling()
        self._add_system()
        self._add_roles()
        sections = [section for section, _ in self._shown]
        outputs = [component for _, components in self._shown for component in components]
        updates = PanelUpdates(self._context, sections, [len(components) for _, components in self._shown])
        for event in (blocks.load, gr.Timer(_CLOCK_SECONDS).tick):
            event(updates.update, None, outputs, **_DIRECT)

    def _add_model(self) -> None:
        events = ModelEvents(self._context, self._switches)
        with gr.Accordion(self._text(i18n.Text("panel.model")), open=True, elem_id="settings-model"):
            name = gr.Textbox(
                label=self._text(i18n.Text("panel.model")), interactive=False, elem_id="model-name"
            )
            line = _line("model-line")
            think = gr.Radio(
                list(SPECS["think"].choices),
                label=self._text(i18n.Text("panel.thinking")),
                info=self._text(i18n.Text("panel.thinking_hint")),
                visible=False,
                elem_id="thinking",
            )
            context = gr.Textbox(
                label=self._text(i18n.Text("panel.context")), interactive=False, elem_id="context"
            )
            with gr.Accordion(
                self._text(i18n.Text("panel.another_model")),
                open=False,
                visible=False,
                elem_id="other-models",
            ) as others:
                found = gr.Dropdown(
                    label=self._text(i18n.Text("panel.models")),
                    info=self._text(i18n.Text("panel.models_hint")),
                    interactive=True,
                    elem_id="models",
                )
            with gr.Accordion(
                self._text(i18n.Text("panel.started_with")), open=False, elem_id="started-with"
            ) as started:
                rest = _line("started-with-list")
            stop = gr.Button(
                self._text(i18n.Text("panel.stop_fetching")),
                size="sm",
                visible=False,
                elem_id="stop-fetching",
            )
        shown: list[Any] = [name, think, context, others, stop, line]
        self._shown.append((events, shown))
        others.expand(events.list_models, None, [found, line], **_DIRECT)
        started.expand(events.started_with, None, rest, **_DIRECT)
        found.input(events.take, found, [found, *shown], preprocess=False, **_DIRECT)
        stop.click(events.stop_fetching, None, None, **_DIRECT)
        think.input(Thinking(self._context).choose, think, line, preprocess=False, **_DIRECT)

    def _add_sampling(self) -> None:
        events = Sampling(self._context)
        shown: list[Any] = []
        with gr.Accordion(self._text(i18n.Text("panel.sampling")), open=False, elem_id="settings-sampling"):
            pairs = [(each, *self._add_parameter(each)) for each in events.parameters]
            every = gr.Button(
                self._text(i18n.Text("panel.reset_sampling")), size="sm", elem_id="reset-sampling"
            )
            line = _line("sampling-line")
        for each, control, button in pairs:
            outputs = [control, button, line]
            for event in _changes(control):
                event(each.change, control, outputs, preprocess=False, trigger_mode="always_last", **_DIRECT)
            button.click(each.reset, None, outputs, **_DIRECT)
            shown += [control, button]
        shown.append(line)
        self._shown.append((events, shown))
        every.click(events.reset, None, shown, **_DIRECT)

    def _add_parameter(self, parameter: Parameter) -> tuple[Control, gr.Button]:
        name = parameter.name
        named: dict[str, Any] = {"label": name, "interactive": False, "elem_id": f"sampling-{name}"}
        control: Control
        with gr.Column(elem_classes="parameter", min_width=0):
            if name == "stop":
                told = self._text(i18n.Text("panel.stop_hint"))
                control = gr.Textbox(lines=2, info=told, **named)
            elif name in SLIDERS:
                low, high = LIMITS[name]
                step = SLIDERS[name]
                control = gr.Slider(
                    low, high, step=step, info=self._text(i18n.Text(f"sampling.{name}")), buttons=[], **named
                )
            else:
                step = 0.05 if name == "repetition_penalty" else 1
                control = gr.Number(step=step, info=self._text(i18n.Text(f"sampling.{name}")), **named)
            button = gr.Button(
                self._text(i18n.Text("panel.default")),
                size="sm",
                interactive=False,
                elem_classes="default",
                elem_id=f"default-{name}",
            )
        return control, button

    def _add_system(self) -> None:
        events = System(self._context)
        with gr.Accordion(
            self._text(i18n.Text("panel.system_prompt")), open=False, elem_id="settings-system"
        ):
            text = gr.Textbox(
                label=self._text(i18n.Text("panel.system_prompt")),
                info=self._text(i18n.Text("panel.system_prompt_hint")),
                lines=6,
                max_lines=20,
                interactive=True,
                elem_id="system",
            )
            apply = gr.Button(self._text(i18n.Text("panel.apply")), size="sm", elem_id="apply-system")
            line = _line("system-line")
        self._shown.append((events, [text, line]))
        apply.click(events.apply, text, line, **_DIRECT)

    def _add_roles(self) -> None:
        events = RoleEvents(self._context)
        with gr.Accordion(
            self._text(i18n.Text("panel.roles")), open=False, elem_id="settings-roles"
        ) as section:
            role = gr.Dropdown(label=self._text(i18n.Text("panel.role")), interactive=True, elem_id="role")
            play = gr.Button(self._text(i18n.Text("panel.chat_in_role")), size="sm", elem_id="play-role")
            with gr.Column(visible=False) as editor:
                with gr.Row():
                    new = gr.Button(self._text(i18n.Text("panel.new_role")), size="sm", elem_id="new-role")
                    card = gr.UploadButton(
                        self._text(i18n.Text("panel.import_card")),
                        file_types=[".json", ".png", ".jpg", ".jpeg", ".webp"],
                        size="sm",
                        elem_id="import-card",
                    )
                form = self._add_form()
                with gr.Row():
                    save = gr.Button(
                        self._text(i18n.Text("panel.save")), size="sm", variant="primary", elem_id="save-role"
                    )
                    delete = gr.Button(
                        self._text(i18n.Text("panel.delete")),
                        size="sm",
                        variant="stop",
                        interactive=False,
                        elem_id="delete-role",
                    )
            line = _line("roles-line")
        section.expand(events.show, None, [role, editor, line], **_DIRECT)
        role.input(events.fill, role, [*form, delete, line], preprocess=False, **_DIRECT)
        play.click(events.play, role, line, preprocess=False, **_DIRECT)
        new.click(events.new, None, [role, *form, delete, line], **_DIRECT)
        save.click(events.save, [role, *form], [role, delete, line], preprocess=False, **_DIRECT)
        delete.click(events.delete, role, [role, *form, delete, line], preprocess=False, **_DIRECT)
        card.upload(events.import_card, card, [role, *form, delete, line], **_DIRECT)

    def _add_form(self) -> list[gr.Textbox]:
        common: dict[str, Any] = {"interactive": True, "max_length": LONGEST}
        return [
            gr.Textbox(
                label=self._text(i18n.Text("panel.role_name")),
                info=self._text(i18n.Text("panel.role_name_hint")),
                elem_id="role-name",
                **common,
            ),
            gr.Textbox(label=self._text(i18n.Text("panel.role_title")), elem_id="role-title", **common),
            gr.Textbox(
                label=self._text(i18n.Text("panel.system_prompt")),
                lines=5,
                max_lines=16,
                elem_id="role-system",
                **common,
            ),
            gr.Textbox(
                label=self._text(i18n.Text("panel.greeting")),
                info=self._text(i18n.Text("panel.greeting_hint")),
                lines=2,
                elem_id="role-greeting",
                **common,
            ),
            gr.Textbox(
                label=self._text(i18n.Text("panel.examples")),
                info=self._text(i18n.Text("panel.examples_hint")),
                lines=2,
                elem_id="role-examples",
                **common,
            ),
            gr.Textbox(
                label=self._text(i18n.Text("panel.sampling")),
                info=self._text(i18n.Text("panel.sampling_hint")),
                lines=2,
                elem_id="role-sampling",
                **common,
            ),
        ]


def _changes(control: Control) -> list[Callable[..., Any]]:
    """Return the events by which a person has set it: while it is dragged, but not at each letter typed."""
    if isinstance(control, gr.Slider):
        return [control.input, control.release]
    return [control.blur] if isinstance(control, gr.Textbox) else [control.submit, control.blur]


def _line(id: str) -> gr.Markdown:
    """Return the place below a section where one line says what is the matter."""
    return gr.Markdown("", elem_id=id, elem_classes="said", latex_delimiters=[], container=False)
