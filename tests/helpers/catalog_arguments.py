"""The arguments of the texts of the catalogue."""

import re

from qwen_chat.i18n.catalog import Form

_ARGUMENT = re.compile(r"\{(\w+)\}")


def argument_names(form: Form) -> set[str]:
    """Return the names of the arguments that a text has; plural forms are chosen by `count`."""
    if isinstance(form, str):
        return set(_ARGUMENT.findall(form))
    return {"count"}.union(*(_ARGUMENT.findall(each) for each in form.values()))
