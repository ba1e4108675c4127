"""Exports the branch in view as a single HTML page that opens offline and runs nothing.

Its Content-Security-Policy forbids scripts, pictures, fonts, frames, forms and all requests.
"""

import hashlib
import time
from base64 import b64encode
from functools import cache
from html import escape
from importlib.resources import files

from qwen_chat.export.labels import NAMES, describe_ending, shown_text
from qwen_chat.history import History, Node
from qwen_chat.text import format_time, plural, strip_controls

_LIGHT, _DARK = "xcode", "github-dark"


def to_html(history: History) -> str:
    """Return the branch in view as an HTML page."""
    style = _style()
    title = _text(history.title or "Conversation")
    return f"""<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(style)}">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<h1 dir="auto">{title}</h1>
<p class="facts">{_text(_facts(history))}</p>
</header>
{_messages(history)}
<footer>Saved with qwen-chat · {format_time(time.time())}</footer>
</main>
</body>
</html>
"""


def _messages(history: History) -> str:
    parts = [_system(history.system)] if history.system and history.system.message.content else []
    day = ""
    for node in history.path():
        date = format_time(node.created).split()[0]
        if day and date != day:
            parts.append(f'<p class="day">{date}</p>')
        parts.append(_article(history, node))
        day = date
    return "\n".join(parts)


def _system(node: Node) -> str:
    return f'<details class="system"><summary>System prompt</summary>{_plain_body(node)}</details>'


def _article(history: History, node: Node) -> str:
    role = node.message.role
    kind = role if role in NAMES else "other"
    return (
        f'<article class="{kind}"><h2>{_text(_speaker(node))}'
        f'<span class="facts">{_text(_facts_of_message(history, node))}</span></h2>'
        f"{_reasoning(node)}{_plain_body(node) if role != 'assistant' else _markdown_body(node)}</article>"
    )


def _speaker(node: Node) -> str:
    model = node.answer.model if node.answer else ""
    return model or NAMES.get(node.message.role, str(node.message.role))


def _facts_of_message(history: History, node: Node) -> str:
    beside = len(history.siblings(node.id))
    versions = f"one of {beside} versions" if beside > 1 else ""
    return " · ".join(filter(None, (format_time(node.created).split()[1], describe_ending(node), versions)))


def _reasoning(node: Node) -> str:
    if not node.message.reasoning:
        return ""
    return f"<details><summary>Thoughts</summary>{_rendered(node.message.reasoning)}</details>"


def _plain_body(node: Node) -> str:
    """Return a message as plain text, as the person typed it."""
    return f'<div class="typed" dir="auto">{_text(shown_text(node.message))}</div>'


def _markdown_body(node: Node) -> str:
    return _rendered(shown_text(node.message))


def _rendered(markdown: str) -> str:
    from qwen_chat.export.markdown_html import to_body

    return f'<div class="written" dir="auto">{to_body(strip_controls(markdown))}</div>'


def _facts(history: History) -> str:
    path = history.path()
    models = dict.fromkeys(node.answer.model for node in path if node.answer and node.answer.model)
    count = plural(len(path), "message")
    return " · ".join([*([format_time(path[0].created).split()[0]] if path else []), count, *models])


def _text(text: str) -> str:
    return escape(strip_controls(text))


@cache
def _style() -> str:
    from qwen_chat.export.markdown_html import code_styles

    page = (files("qwen_chat.export") / "page.css").read_text(encoding="utf-8")
    return f"\n{page}{code_styles({'': _LIGHT, '@media (prefers-color-scheme: dark)': _DARK})}\n"


def _policy(style: str) -> str:
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
