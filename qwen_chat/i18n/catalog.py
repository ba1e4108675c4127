"""The catalogue: a code for each text, with the text in every language.

A text names its arguments in braces. A text with an argument `count` may have plural forms: `zero` for 0 and
`one` for 1 where it has them, `other` for the rest. `web/static/lib/translate.js` follows the same rules.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

Argument = str | int
"""An int is shown with its thousands apart; what is to look otherwise is given as a str."""

Form = str | dict[str, str]
"""One text, or its plural forms."""

_ARGUMENT = re.compile(r"\{(\w+)\}")


@lru_cache(maxsize=1)
def catalog() -> dict[str, dict[str, Form]]:
    """Return the texts by code and language."""
    entries: dict[str, dict[str, Form]] = json.loads(
        Path(__file__).with_name("catalog.json").read_text(encoding="utf-8")
    )
    return entries


@lru_cache
def texts(language: Language) -> dict[str, Form]:
    """Return the texts of one language by code."""
    return {code: forms[language] for code, forms in catalog().items()}


def codes(prefix: str) -> list[str]:
    """Return the codes that begin with a prefix, such as "panel."."""
    return [code for code in catalog() if code.startswith(prefix)]


def render(code: str, arguments: Mapping[str, Argument], language: Language) -> str:
    """Return a text with its arguments filled in; the arguments are never searched for braces themselves.

    Raises: KeyError for a code that is not in the catalogue, or an argument that is missing.
    """
    template = _plural_form(catalog()[code][language], arguments)
    return _ARGUMENT.sub(lambda found: _format(arguments[found[1]]), template)


def _plural_form(form: Form, arguments: Mapping[str, Argument]) -> str:
    if isinstance(form, str):
        return form
    names: dict[Any, str] = {0: "zero", 1: "one"}
    return form.get(names.get(arguments["count"], "other"), form["other"])


def _format(argument: Argument) -> str:
    return argument if isinstance(argument, str) else f"{argument:,}"
