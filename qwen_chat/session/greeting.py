"""What the first screen of a chat says in every front end: about the model, and what to ask it."""

from qwen_chat import i18n
from qwen_chat.model.base import ChatModel
from qwen_chat.model.catalog.embedded import QWEN, SMALL
from qwen_chat.session.session import ChatSession

_STARTERS = (
    i18n.Text("welcome.starter_poem"),
    i18n.Text("welcome.starter_language"),
    i18n.Text("welcome.starter_explain"),
    i18n.Text("welcome.starter_table"),
)
_SIMPLE_STARTERS = (i18n.Text("welcome.starter_capital"), i18n.Text("welcome.starter_joke"))
_BEGINNINGS = (i18n.Text("welcome.starter_beginning"), i18n.Text("welcome.starter_function"))
_ABOUT = {
    QWEN.file.name: i18n.Text("welcome.qwen_model"),
    SMALL.file.name: i18n.Text("welcome.small_model"),
}
"""What the embedded models are, by the names of their files."""


def describe_model(model: ChatModel) -> str:
    """Return in a few words what an embedded model is, "" for any other model."""
    return _ABOUT.get(_file_name(model), "")


def suggest_questions(session: ChatSession) -> tuple[str, ...]:
    """Return what a person may ask first: the examples of the role, or what this model can answer.

    A base model continues a text, so it gets beginnings of texts.
    """
    if session.role:
        return session.role.examples
    if session.settings.raw:
        return _BEGINNINGS
    return _SIMPLE_STARTERS if _file_name(session.model) == SMALL.file.name else _STARTERS


def _file_name(model: ChatModel) -> str:
    return model.checkpoint.name if model.checkpoint else ""
