"""The events of the panel's sampling, system prompt and thinking; they change the conversation itself.

A method returns an update of each component that it is bound to; the last of them is the line below.
"""

from contextlib import suppress
from dataclasses import fields
from typing import get_args

import gradio as gr

from qwen_chat import i18n
from qwen_chat.errors import QwenChatError, UsageError
from qwen_chat.message import Think
from qwen_chat.sampling import NAMES, SamplingParams
from qwen_chat.session.session import ChatSession
from qwen_chat.text import join_texts, split_texts
from qwen_chat.web.panel.context import PanelContext, StatusLine, is_ready
from qwen_chat.web.panel.updates import Update
from qwen_chat.web.schemas import MAX_MESSAGE

SLIDERS = {
    "temperature": 0.05,
    "top_p": 0.01,
    "min_p": 0.01,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.1,
}
"""The parameters that are dragged, and by which steps; the others are typed."""

LIMITS = {
    item.name: (item.metadata["low"], item.metadata["high"])
    for item in fields(SamplingParams)
    if "low" in item.metadata
}
_NEUTRAL = {"temperature": 1.0, "top_p": 1.0}
"""Where a slider stands when neither conversation nor checkpoint says anything; the others stand at 0."""

_GONE = "gone"
"""The state of every section that shows a conversation which is gone."""


class Parameter:
    """One sampling parameter: its control, the button that gives it its default, the line below."""

    def __init__(self, name: str, context: PanelContext) -> None:
        self.name = name
        self._context = context
        self._text = context.translate

    def show(self, session: ChatSession | None) -> tuple[Update, Update]:
        """Return the control and its button as the conversation has them."""
        if session is None or not is_ready(session.model):
            return gr.update(interactive=False), gr.update(interactive=False)
        value = self._field_value(session.effective_params)
        return gr.update(value=value, interactive=True), self._button(session)

    def change(self, value: object, request: gr.Request) -> tuple[Update, Update, str]:
        """Set the parameter from the next answer on; what is emptied goes back to its default."""
        session = None
        with (line := StatusLine(self._text)):
            session = self._context.session(request)
            if session is not None and is_ready(session.model):
                self._change(session, value)
                # The control itself is left alone, now and at the next update: it may still be moving.
                self._context.shown.replace(request, Sampling.name, sampling_state(session))
                return gr.skip(), self._button(session), ""
        return *self.show(session), line.text

    def reset(self, request: gr.Request) -> tuple[Update, Update, str]:
        """Give the parameter the checkpoint's default."""
        session = None
        with (line := StatusLine(self._text)):
            session = self._context.session(request)
            if session is not None:
                session.configure(SamplingParams(), frozenset({self.name}))
        return *self.show(session), line.text

    def _change(self, session: ChatSession, value: object) -> None:
        if value == self._field_value(session.effective_params):
            return  # a field that is only passed through stays at its default
        given = (split_texts(str(value or "")) or None) if self.name == "stop" else value
        if given is None:
            session.configure(SamplingParams(), frozenset({self.name}))
        else:
            session.configure(SamplingParams.from_mapping({self.name: given}))

    def _button(self, session: ChatSession) -> Update:
        default = getattr(session.model.default_params, self.name)
        if default is None:
            text = self._text(_describe_no_default(self.name))
        else:
            text = self._text(i18n.Text("panel.default_value", value=_format_default(default)))
        return gr.update(value=text, interactive=getattr(session.params, self.name) is not None)

    def _field_value(self, params: SamplingParams) -> object:
        value = getattr(params, self.name)
        if self.name == "stop":
            return join_texts(value or ())
        return _NEUTRAL.get(self.name, 0.0) if value is None and self.name in SLIDERS else value


class Sampling:
    """All parameters together."""

    name = "sampling"

    def __init__(self, context: PanelContext) -> None:
        self._context = context
        self._text = context.translate
        self.parameters = [Parameter(name, context) for name in NAMES]

    def state(self, request: gr.Request) -> object:
        """Return what the section shows, as a value."""
        with suppress(QwenChatError):
            return sampling_state(self._context.session(request))
        return _GONE

    def show(self, request: gr.Request) -> list[Update]:
        """Return every control and button as the conversation has them, and the line below."""
        session = None
        with (line := StatusLine(self._text)):
            session = self._context.session(request)
        return self._all(session, line)

    def reset(self, request: gr.Request) -> list[Update]:
        """Take back every change since the conversation began, or since its role was taken."""
        session = None
        with (line := StatusLine(self._text)):
            session = self._context.session(request)
            if session is not None:
                session.reset_params()
        return self._all(session, line)

    def _all(self, session: ChatSession | None, line: StatusLine) -> list[Update]:
        return [*(update for each in self.parameters for update in each.show(session)), line.text]


class System:
    """The system prompt of the conversation in view."""

    name = "system"

    def __init__(self, context: PanelContext) -> None:
        self._context = context
        self._text = context.translate

    def state(self, request: gr.Request) -> object:
        """Return what the section shows, as a value."""
        with suppress(QwenChatError):
            session = self._context.session(request)
            return None if session is None else (session.history.id, _system_of(session))
        return _GONE

    def show(self, request: gr.Request) -> tuple[str, str]:
        """Return the prompt in force."""
        text = ""
        with (line := StatusLine(self._text)):
            session = self._context.session(request)
            text = _system_of(session) if session is not None else ""
        return text, line.text

    def apply(self, text: str, request: gr.Request) -> str:
        """Replace the prompt, and say from which answer on it counts."""
        with (line := StatusLine(self._text)):
            session = self._context.session(request)
            if session is not None:
                line.text = self._apply(session, text)
                self._context.shown.replace(request, self.name, self.state(request))
        return line.text

    def _apply(self, session: ChatSession, text: str) -> str:
        if len(text) > MAX_MESSAGE:
            raise UsageError(f"too long: at most {MAX_MESSAGE:,} characters can be sent at once")
        if text != _system_of(session):
            session.set_system(text)
        answers = sum(node.message.role == "assistant" for node in session.history.path())
        return self._text(i18n.Text("panel.takes_effect", answer=answers + 1))


class Thinking:
    """Whether the model reasons first, the same as /think."""

    def __init__(self, context: PanelContext) -> None:
        self._context = context
        self._text = context.translate

    def choose(self, value: str, request: gr.Request) -> str:
        """Choose from the next answer on."""
        with (line := StatusLine(self._text)):
            session = self._context.session(request)
            choice = next((each for each in get_args(Think) if each == value), None)
            if choice is None:
                raise UsageError(f"thinking must be one of {', '.join(get_args(Think))}")
            if session is not None:
                session.set_think(choice)
        return line.text


def sampling_state(session: ChatSession | None) -> object:
    """Return all that the controls of a conversation's sampling show, as a value."""
    if session is None or not is_ready(session.model):
        return session and session.history.id
    return session.history.id, session.params, session.effective_params, session.model.default_params


def _system_of(session: ChatSession) -> str:
    """Return the prompt in force; the checkpoint's own is known only once it is loaded."""
    if session.history.system is not None:
        return session.history.system.message.content
    return session.system_prompt if is_ready(session.model) else ""


def _format_default(value: float | tuple[str, ...]) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(repr, value))
    return f"{value:g}" if isinstance(value, float) else f"{value:,}"


def _describe_no_default(name: str) -> i18n.Text:
    texts = {
        "seed": i18n.Text("panel.default_random"),
        "max_new_tokens": i18n.Text("panel.default_no_limit"),
        "stop": i18n.Text("panel.default_none"),
    }
    return texts.get(name, i18n.Text("panel.default_of_engine"))
