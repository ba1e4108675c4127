"""The events of the panel's model section: its state, its start settings, the choice of another model."""

from contextlib import suppress

import gradio as gr

from qwen_chat import i18n
from qwen_chat.errors import QwenChatError, UsageError
from qwen_chat.model.base import ChatModel
from qwen_chat.model.catalog.cache import StoredModel
from qwen_chat.session.session import ChatSession
from qwen_chat.settings import (
    ENGINES,
    SPECS,
    EffectiveSetting,
    Settings,
    Spec,
    effective_settings,
    flag_of,
    read_layers,
)
from qwen_chat.web.panel.context import (
    PanelContext,
    StatusLine,
    escape_markdown,
    fault_of,
    is_loading,
    is_ready,
)
from qwen_chat.web.panel.model_choices import find_choice, list_choices
from qwen_chat.web.panel.model_switch import ModelSwitches
from qwen_chat.web.panel.updates import Update
from qwen_chat.web.views import chat_view


class ModelEvents:
    """The state of the model, and the models that can take its place."""

    name = "model"

    def __init__(self, context: PanelContext, switches: ModelSwitches) -> None:
        self._context = context
        self._text = context.translate
        self._switches = switches
        self._origins = {each.name: each for each in effective_settings(read_layers({}))}

    def state(self, request: gr.Request) -> object:
        """Return what the section shows, as a value."""
        person, session = self._context.person(request), None
        with suppress(QwenChatError):
            session = self._context.session(request)
        model = session.model if session is not None else person.model
        switch = self._switches.of(person)
        shown = session and (session.history.id, session.revision, session.left_out)
        return shown, model.name, is_loading(model), fault_of(model), switch.notice, switch.fault

    def show(self, request: gr.Request) -> tuple[Update, ...]:
        """Return model, reasoning, context, whether another can be had or stopped, and the line below."""
        person, session = self._context.person(request), None
        with (line := StatusLine(self._text)):
            session = self._context.session(request)
        model = session.model if session is not None else person.model
        switch = self._switches.of(person)
        line.text = line.text or escape_markdown(self._text(switch.fault or fault_of(model)))
        if notice := switch.notice:
            line.text = escape_markdown(self._text(notice))
        return (
            self._describe_model(model),
            _describe_thinking(session),
            self._describe_context(session),
            gr.update(visible=self._context.is_alone(request)),
            gr.update(visible=switch.fetching),
            line.text,
        )

    def started_with(self, request: gr.Request) -> str:
        """Return the settings that only a restart changes, with where each was said, as Markdown."""
        settings = self._context.person(request).settings
        names = [name for name, spec in SPECS.items() if _is_shown(name, spec, settings)]
        return "\n".join(self._describe_setting(name, settings) for name in names)

    def list_models(self, request: gr.Request) -> tuple[Update, str]:
        """Return the models that are here, and those that can be fetched, with how they fit."""
        choices: list[tuple[str, str]] = []
        with (line := StatusLine(self._text)):
            self._check_alone(request)
            choices = list_choices(self._context, may_fetch=self._switches.may_fetch)
        return gr.update(choices=choices, value=None), line.text

    def take(self, value: str | None, request: gr.Request) -> tuple[Update, ...]:
        """Begin to load another model, or to fetch it; the list stays a list of what can be had."""
        line = StatusLine(self._text)
        with line:
            self._check_alone(request)
            chosen, switch = find_choice(value), self._switches.of(self._context.person(request))
            if isinstance(chosen, StoredModel):
                switch.take(chosen)
            else:
                self._check_fetching()
                switch.fetch(chosen)
        *shown, said = self.show(request)
        return gr.update(value=None), *shown, line.text or said

    def stop_fetching(self, request: gr.Request) -> None:
        """Stop to fetch a model; the clock shows it."""
        if self._context.is_alone(request):
            self._switches.of(self._context.person(request)).stop_fetching()

    def _check_alone(self, request: gr.Request) -> None:
        if not self._context.is_alone(request):
            raise UsageError(i18n.Text("panel.model_shared"))

    def _check_fetching(self) -> None:
        if not self._switches.may_fetch:
            raise UsageError(i18n.Text("panel.fetching_refused"))

    def _describe_setting(self, name: str, settings: Settings) -> str:
        value = getattr(settings, name)
        shown = "auto" if value is None else ", ".join(value) if isinstance(value, tuple) else str(value)
        origin = escape_markdown(_origin(self._origins[name], value))
        help = escape_markdown(SPECS[name].help)
        return f"- **{escape_markdown(name)}** {escape_markdown(shown)} · {origin}  \n  {help}"

    def _describe_model(self, model: ChatModel) -> Update:
        if is_loading(model):
            return gr.update(value=model.name, info=self._text(i18n.Text("panel.model_loading")))
        if fault_of(model):
            return gr.update(value=model.name, info=self._text(i18n.Text("panel.model_failed")))
        notice = f" · {model.notice}" if model.notice else ""
        return gr.update(value=model.name, info=f"{self._text(i18n.Text('panel.model_ready'))}{notice}")

    def _describe_context(self, session: ChatSession | None) -> Update:
        if session is None or not is_ready(session.model):
            return gr.update(value="")
        view = chat_view(session)
        used, total = view["context"]
        info = self._text(i18n.Text("panel.context_hint"))
        if left_out := view["left_out"]:
            info = self._text(i18n.Text("panel.turns_left_out", count=left_out))
        return gr.update(value=f"{used:,} / {total:,}" if total else f"{used:,}", info=info)


def _is_shown(name: str, spec: Spec, settings: Settings) -> bool:
    """Return whether a setting of the model is worth showing; those of torch are, where they were chosen."""
    if spec.scope not in ("model", *ENGINES):
        return False
    always = spec.scope != "torch" and spec.kind not in ("switch", "list")
    return always or getattr(settings, name) != getattr(Settings(), name)


def _origin(setting: EffectiveSetting, value: object) -> str:
    """Return the source of a value; one that neither variable nor file gives came from a flag."""
    if setting.value != value:
        return flag_of(setting.name)
    match setting.source.kind:
        case "file":
            return f"config.toml, line {setting.source.line}" if setting.source.line else "config.toml"
        case "default":
            return "default"
    return setting.source.name


def _describe_thinking(session: ChatSession | None) -> Update:
    if session is None or not is_ready(session.model):
        return gr.update(visible=False)
    return gr.update(value=session.think, visible=bool(session.model.capabilities.thinking))
