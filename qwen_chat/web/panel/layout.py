"""What is in the page's right sidebar: the settings of the conversation in view.

The page's script writes that conversation's id into the field `chat-id`, and again, followed by a space and
another number, whenever what is shown here may have changed.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from qwen_chat.roles.role_form import LONGEST
from qwen_chat.sampling import MEANINGS
from qwen_chat.session.users import People
from qwen_chat.settings import SPECS
from qwen_chat.web.panel.context import Asked
from qwen_chat.web.panel.model_events import ModelEvents
from qwen_chat.web.panel.role_events import RoleEvents
from qwen_chat.web.panel.settings_events import LIMITS, SLIDERS, Parameter, Sampling, System, Thinking
from qwen_chat.web.panel.texts import word

_QUIET: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden"}
"""At once, without the queue of answers, and only from the page."""

_CLOCK_SECONDS = 1.0


def settings_panel(people: People) -> None:
    """Put the settings into the Blocks that are being made; whose they are is told by who asks."""
    asked = Asked(people)
    chat = gr.Textbox(elem_id="chat-id", visible="hidden", show_label=False, container=False)
    _model(asked, chat)
    _sampling(Sampling(asked), chat)
    _system(System(asked), chat)
    _roles(RoleEvents(asked), chat)


def _model(asked: Asked, chat: gr.Textbox) -> None:
    events = ModelEvents(asked)
    with gr.Accordion(word("Model"), open=True, elem_id="settings-model") as section:
        name = gr.Textbox(label=word("Model"), interactive=False, elem_id="model-name")
        line = _line("model-line")
        think = gr.Radio(
            list(SPECS["think"].choices),
            label=word("Thinking"),
            info=word(SPECS["think"].help),
            visible=False,
            elem_id="thinking",
        )
        context = gr.Textbox(label=word("Context"), interactive=False, elem_id="context")
        with gr.Accordion(word("Another model"), open=False, visible=False, elem_id="other-models") as others:
            found = gr.Dropdown(
                label=word("Models that are here"),
                info=word("all conversations use the one that is chosen, once it is loaded"),
                interactive=True,
                elem_id="models",
            )
        with gr.Accordion(word("Set when it was started"), open=False, elem_id="started-with") as started:
            rest = _line("started-with-list")
    clock = gr.Timer(_CLOCK_SECONDS, active=False)
    shown = [name, think, context, others, clock, line]
    for event in (chat.change, section.expand, clock.tick):
        event(events.show, chat, shown, **_QUIET)
    others.expand(events.listed, None, [found, line], **_QUIET)
    started.expand(events.started_with, None, rest, **_QUIET)
    found.input(events.take, [chat, found], [found, *shown], preprocess=False, **_QUIET)
    think.input(Thinking(asked).choose, [chat, think], line, preprocess=False, **_QUIET)


def _sampling(events: Sampling, chat: gr.Textbox) -> None:
    shown: list[Any] = []
    with gr.Accordion(word("Sampling"), open=False, elem_id="settings-sampling") as section:
        pairs = [(each, *_parameter(each)) for each in events.parameters]
        every = gr.Button(word("As this chat began"), size="sm", elem_id="reset-sampling")
        line = _line("sampling-line")
    for each, control, button in pairs:
        outputs, values = [control, button, line], [chat, control]
        for event in _changes(control):
            event(each.change, values, outputs, preprocess=False, trigger_mode="always_last", **_QUIET)
        button.click(each.reset, chat, outputs, **_QUIET)
        shown += [control, button]
    for event in (chat.change, section.expand):
        event(events.show, chat, [*shown, line], **_QUIET)
    every.click(events.reset, chat, [*shown, line], **_QUIET)


def _parameter(parameter: Parameter) -> tuple[gr.Slider | gr.Number | gr.Textbox, gr.Button]:
    name = parameter.name
    named: dict[str, Any] = {"label": name, "interactive": False, "elem_id": f"sampling-{name}"}
    control: gr.Slider | gr.Number | gr.Textbox
    with gr.Column(elem_classes="parameter", min_width=0):
        if name == "stop":
            told = word("end the answer before this text: one on each line, a line break in it as \\n")
            control = gr.Textbox(lines=2, info=told, **named)
        elif name in SLIDERS:
            low, high = LIMITS[name]
            step = SLIDERS[name]
            control = gr.Slider(low, high, step=step, info=word(MEANINGS[name]), buttons=[], **named)
        else:
            step = 0.05 if name == "repetition_penalty" else 1
            control = gr.Number(step=step, info=word(MEANINGS[name]), **named)
        button = gr.Button(
            word("Default"), size="sm", interactive=False, elem_classes="default", elem_id=f"default-{name}"
        )
    return control, button


def _changes(control: gr.Slider | gr.Number | gr.Textbox) -> list[Callable[..., Any]]:
    """Return the events by which a person has set it: while it is dragged, but not at each letter typed."""
    if isinstance(control, gr.Slider):
        return [control.input, control.release]
    return [control.blur] if isinstance(control, gr.Textbox) else [control.submit, control.blur]


def _system(events: System, chat: gr.Textbox) -> None:
    with gr.Accordion(word("System prompt"), open=False, elem_id="settings-system") as section:
        text = gr.Textbox(
            label=word("System prompt"),
            info=word("what the model is told before the conversation"),
            lines=6,
            max_lines=20,
            interactive=True,
            elem_id="system",
        )
        apply = gr.Button(word("Apply"), size="sm", elem_id="apply-system")
        line = _line("system-line")
    for event in (chat.change, section.expand):
        event(events.show, chat, [text, line], **_QUIET)
    apply.click(events.apply, [chat, text], line, **_QUIET)


def _roles(events: RoleEvents, chat: gr.Textbox) -> None:
    with gr.Accordion(word("Roles"), open=False, elem_id="settings-roles") as section:
        role = gr.Dropdown(label=word("Role"), interactive=True, elem_id="role")
        play = gr.Button(word("Chat in this role"), size="sm", elem_id="play-role")
        with gr.Column(visible=False) as editor:
            with gr.Row():
                new = gr.Button(word("New"), size="sm", elem_id="new-role")
                card = gr.UploadButton(
                    word("Import a card"), file_types=[".json", ".png"], size="sm", elem_id="import-card"
                )
            form = _form()
            with gr.Row():
                save = gr.Button(word("Save"), size="sm", variant="primary", elem_id="save-role")
                delete = gr.Button(
                    word("Delete"), size="sm", variant="stop", interactive=False, elem_id="delete-role"
                )
        line = _line("roles-line")
    section.expand(events.show, None, [role, editor, line], **_QUIET)
    role.input(events.fill, role, [*form, delete, line], preprocess=False, **_QUIET)
    play.click(events.play, [chat, role], line, preprocess=False, **_QUIET)
    new.click(events.new, None, [role, *form, delete, line], **_QUIET)
    save.click(events.save, [role, *form], [role, delete, line], preprocess=False, **_QUIET)
    delete.click(events.delete, role, [role, *form, delete, line], preprocess=False, **_QUIET)
    card.upload(events.import_card, card, [role, *form, delete, line], **_QUIET)


def _form() -> list[gr.Textbox]:
    common: dict[str, Any] = {"interactive": True, "max_length": LONGEST}
    return [
        gr.Textbox(
            label=word("Name"), info=word("small letters, digits, - and _"), elem_id="role-name", **common
        ),
        gr.Textbox(label=word("Title"), elem_id="role-title", **common),
        gr.Textbox(label=word("System prompt"), lines=5, max_lines=16, elem_id="role-system", **common),
        gr.Textbox(
            label=word("Greeting"),
            info=word("what the role says first; may be empty"),
            lines=2,
            elem_id="role-greeting",
            **common,
        ),
        gr.Textbox(
            label=word("Example questions"),
            info=word("one on each line"),
            lines=2,
            elem_id="role-examples",
            **common,
        ),
        gr.Textbox(
            label=word("Sampling"),
            info=word("lines like temperature=0.8; empty for the defaults"),
            lines=2,
            elem_id="role-sampling",
            **common,
        ),
    ]


def _line(id: str) -> gr.Markdown:
    """Return the place below a section where one line says what is the matter."""
    return gr.Markdown("", elem_id=id, elem_classes="said", latex_delimiters=[], container=False)
