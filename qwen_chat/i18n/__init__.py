"""Texts in English and Chinese, from one catalogue; the language is chosen when a text is shown.

`Text("model.busy", count=64)` is a str in English that keeps its code and arguments, so that a front end
can show it in another language with `translate`, or send it to a page with `as_json`.
"""

from qwen_chat.i18n.catalog import LANGUAGES, Argument, Form, Language, codes, texts
from qwen_chat.i18n.text import Text, as_json, translate

__all__ = ["LANGUAGES", "Argument", "Form", "Language", "Text", "as_json", "codes", "texts", "translate"]
