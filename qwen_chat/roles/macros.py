"""Macros in the texts of roles: {{user}} and {{char}} stand for names, as in character cards."""

import re

DEFAULT_USER = "User"

_NAMES = re.compile(r"\{\{\s*(user|char)\s*\}\}", re.IGNORECASE)
_OLD_NAMES = re.compile(r"<(user|char|bot)>", re.IGNORECASE)
_COMMENTS = re.compile(r"\{\{\s*(?://|comment:|hidden_key:)[^{}]*\}\}[ \t]*", re.IGNORECASE)
_OTHERS = re.compile(r"\{\{\s*([^{}\s:]{1,40})[^{}]*\}\}")


def fill_names(text: str, *, char: str, user: str) -> str:
    """Return a text with {{char}} and {{user}} replaced by names."""
    names = {"char": char, "user": user or DEFAULT_USER}
    return _NAMES.sub(lambda found: names[found[1].lower()], text)


def normalize_macros(text: str) -> str:
    """Return a card's text with <USER>, <BOT> and <CHAR> as {{user}} and {{char}}, and without comments.

    These forms are macros only in cards; in other texts they may be tags.
    """
    text = _OLD_NAMES.sub(lambda found: "{{user}}" if found[1].lower() == "user" else "{{char}}", text)
    return _COMMENTS.sub("", text).replace("{{original}}", "")


def unknown_macros(text: str) -> list[str]:
    """Return the names of the macros in a text that `fill_names` does not replace."""
    return sorted(set(_OTHERS.findall(_NAMES.sub("", text))))
