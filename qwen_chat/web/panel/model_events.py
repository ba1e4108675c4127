"""What happens with the model on a page: how it stands, what it was started with, how another is taken."""

from threading import Lock

import gradio as gr

from qwen_chat.errors import UsageError
from qwen_chat.model.base import ChatModel
from qwen_chat.model.catalog.inventory import LocalModel, list_models
from qwen_chat.model.catalog.machine import MachineMemory, read_machine_memory
from qwen_chat.session.session import ChatSession
from qwen_chat.session.users import Person
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
from qwen_chat.text import format_size
from qwen_chat.web.panel.context import Asked, Line, fault_of, is_loading, is_ready, plain
from qwen_chat.web.panel.model_switch import Models
from qwen_chat.web.panel.settings_events import Update
from qwen_chat.web.panel.texts import word
from qwen_chat.web.views import chat_view

_FITS = {"yes": "fits", "tight": "fits only just", "no": "does not fit", None: "its size is unknown"}


class ModelEvents:
    """How the model stands, and what is in its place."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._models: dict[str, Models] = {}
        self._lock = Lock()
        self._origins = {each.name: each for each in effective_settings(read_layers({}))}

    def show(self, chat: str, request: gr.Request) -> tuple[Update, ...]:
        """Return model, reasoning, context, whether another can be had, the clock, and the line below.

        The clock asks again while something is being loaded.
        """
        person, session = self._asked.person(request), None
        with (line := Line()):
            session = self._asked.session(chat, request)
        model = session.model if session is not None else person.model
        coming, fault = self._coming(person)
        line.text = line.text or plain(fault or fault_of(model))
        if coming:
            line.text = f"{plain(coming)} {word('is loading in the background')}"
        return (
            _state(model),
            _thinking(session),
            _context(session),
            gr.update(visible=self._asked.alone(request)),
            gr.update(active=bool(coming) or is_loading(model)),
            line.text,
        )

    def started_with(self, request: gr.Request) -> str:
        """Return the settings that only a restart changes, with where each was said, as Markdown."""
        settings = self._asked.person(request).settings
        names = [name for name, spec in SPECS.items() if _is_shown(name, spec, settings)]
        return "\n".join(self._described(name, settings) for name in names)

    def listed(self, request: gr.Request) -> tuple[Update, str]:
        """Return the models that are here, with how they fit."""
        choices: list[tuple[str, str]] = []
        with (line := Line()):
            self._check_alone(request)
            machine = read_machine_memory()
            choices = [(_label(each, machine), str(each.stored.path)) for each in _usable()]
        return gr.update(choices=choices, value=None), line.text

    def take(self, chat: str, path: str | None, request: gr.Request) -> tuple[Update, ...]:
        """Begin to load another model; the list it was chosen from is left as a list of what could be had."""
        line = Line()
        with line:
            self._check_alone(request)
            entry = next((each for each in _usable() if str(each.stored.path) == path), None)
            if entry is None:
                raise UsageError("this model is no longer here: open the list again")
            self._of(self._asked.person(request)).take(entry.stored)
        *shown, said = self.show(chat, request)
        return gr.update(value=None), *shown, line.text or said

    def _check_alone(self, request: gr.Request) -> None:
        if not self._asked.alone(request):
            raise UsageError("this model is everyone's on this server: it is changed where the server runs")

    def _of(self, person: Person) -> Models:
        with self._lock:
            if person.name not in self._models:
                self._models[person.name] = Models(person)
            return self._models[person.name]

    def _coming(self, person: Person) -> tuple[str, str]:
        with self._lock:
            models = self._models.get(person.name)
        return (models.coming, models.fault) if models is not None else ("", "")

    def _described(self, name: str, settings: Settings) -> str:
        value = getattr(settings, name)
        shown = "auto" if value is None else ", ".join(value) if isinstance(value, tuple) else str(value)
        origin = plain(_origin(self._origins[name], value))
        return f"- **{plain(name)}** {plain(shown)} · {origin}  \n  {plain(SPECS[name].help)}"


def _is_shown(name: str, spec: Spec, settings: Settings) -> bool:
    """Return whether a setting of the model is worth showing: torch's are, where they were chosen."""
    if spec.scope not in ("model", *ENGINES):
        return False
    always = spec.scope != "torch" and spec.kind not in ("switch", "list")
    return always or getattr(settings, name) != getattr(Settings(), name)


def _origin(said: EffectiveSetting, value: object) -> str:
    """Return where a value was said; what neither variable nor file says came from a flag."""
    if said.value != value:
        return flag_of(said.name)
    match said.source.kind:
        case "file":
            return f"config.toml, line {said.source.line}" if said.source.line else "config.toml"
        case "default":
            return "default"
    return said.source.name


def _state(model: ChatModel) -> Update:
    if is_loading(model):
        return gr.update(value=model.name, info=word("is loading"))
    if fault_of(model):
        return gr.update(value=model.name, info=word("cannot be used"))
    notice = f" · {model.notice}" if model.notice else ""
    return gr.update(value=model.name, info=f"{word('is ready')}{notice}")


def _thinking(session: ChatSession | None) -> Update:
    if session is None or not is_ready(session.model):
        return gr.update(visible=False)
    return gr.update(value=session.think, visible=bool(session.model.capabilities.thinking))


def _context(session: ChatSession | None) -> Update:
    if session is None or not is_ready(session.model):
        return gr.update(value="")
    view = chat_view(session)
    used, total = view["context"]
    left_out = view["left_out"]
    said = f"{left_out:,} {word('oldest turns no longer fit and are left out')}"
    info = said if left_out else word("tokens that the last answer used, and all that fit")
    return gr.update(value=f"{used:,} / {total:,}" if total else f"{used:,}", info=info)


def _usable() -> list[LocalModel]:
    return [entry for entry in list_models() if not entry.fault]


def _label(entry: LocalModel, machine: MachineMemory) -> str:
    stored, survey = entry.stored, entry.survey
    name = stored.checkpoint if stored.has_hub_name else stored.path.name
    size = format_size(survey.file_bytes) if survey is not None else ""
    return " · ".join(filter(None, (name, size, _FITS[entry.fits(machine)])))
