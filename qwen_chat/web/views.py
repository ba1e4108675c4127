"""Views of a conversation for the page, as JSON; they are derived from the history and never stored."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from html import escape
from typing import Any

from qwen_chat import i18n
from qwen_chat.history import History, Node
from qwen_chat.message import Attachment
from qwen_chat.model.state import Failed, Ready
from qwen_chat.session.greeting import describe_model, suggest_questions
from qwen_chat.session.session import ChatSession
from qwen_chat.text import strip_controls

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileView:
    """A file that was attached to a question; the page shows its text as plain text."""

    name: str
    text: str
    lines: int


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message; `html` is rendered Markdown for an answer, and escaped text for a question."""

    id: str
    role: str
    html: str
    files: tuple[FileView, ...]
    thought: str
    thought_seconds: float
    siblings: tuple[str, ...]
    finish: str
    tokens: int
    seconds: float
    speed: float
    model: str
    created: float
    last: bool
    writing: bool

    def as_json(self) -> JSON:
        """Return the view as the page reads it."""
        return asdict(self)


def message_view(history: History, node: Node, *, writing: bool) -> MessageView:
    """Return the view of a message; a message that is being written has no text in it."""
    message, answer = node.message, node.answer
    usage = answer.usage if answer else None
    return MessageView(
        id=node.id,
        role=message.role,
        html="" if writing else _render_html(message.role, message.content),
        files=tuple(map(_file_view, message.attachments)),
        thought="" if writing or not message.reasoning else _render_html("assistant", message.reasoning),
        thought_seconds=usage.reasoning_seconds if usage else 0.0,
        siblings=tuple(each.id for each in history.siblings(node.id)),
        finish=(answer.finish_reason or "") if answer else "",
        tokens=usage.completion_tokens if usage else 0,
        seconds=usage.prefill_seconds + usage.decode_seconds if usage else 0.0,
        speed=usage.tokens_per_second if usage else 0.0,
        model=answer.model if answer else "",
        created=node.created,
        last=history.head == node.id,
        writing=writing,
    )


def _file_view(file: Attachment) -> FileView:
    return FileView(strip_controls(file.name), strip_controls(file.text), file.lines)


def chat_view(session: ChatSession) -> JSON:
    """Return what the page shows around the messages; facts of the model are missing until it is loaded."""
    history, running, role = session.history, session.running, session.role
    return {
        "id": history.id,
        "title": history.title,
        "role": role and {"name": role.name, "title": role.title},
        "examples": [i18n.as_json(text) for text in suggest_questions(session)],
        "running": running.message_id if running else None,
        "incognito": session.incognito,
        "saved": session.store is not None and not session.incognito,
        "think": session.think,
        "left_out": session.left_out,
        "model": _model_view(session),
        **_loaded_view(session),
    }


def is_ready(session: ChatSession) -> bool:
    """Return whether the model can be asked about itself without waiting for it."""
    return isinstance(session.model.state, Ready)


def _model_view(session: ChatSession) -> JSON:
    model = session.model
    fault = i18n.as_json(model.state.error.text) if isinstance(model.state, Failed) else None
    notice = model.notice if is_ready(session) else ""
    return {
        "name": model.name,
        "about": i18n.as_json(describe_model(model)),
        "ready": is_ready(session),
        "fault": fault,
        "notice": notice,
    }


def _loaded_view(session: ChatSession) -> JSON:
    system = session.history.system
    if not is_ready(session):
        return {"system": system.message.content if system else "", "thinks": False, "context": [0, 0]}
    usages = [node.answer.usage for node in session.history.path() if node.answer and node.answer.usage]
    used = usages[-1].context_tokens if usages else 0
    return {
        "system": session.system_prompt,
        "thinks": bool(session.model.capabilities.thinking),
        "context": [used, session.model.context_length or 0],
    }


@lru_cache(maxsize=2000)
def _render_html(role: str, text: str) -> str:
    if role != "assistant":
        return escape(strip_controls(text))
    from qwen_chat.export.markdown_html import to_body

    return to_body(strip_controls(text))
