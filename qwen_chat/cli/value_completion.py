"""Completion of the values of flags: choices, roles, models and files."""

from collections.abc import Callable, Iterable
from itertools import chain

import click
from click.shell_completion import CompletionItem

from qwen_chat.settings import HUBS, Spec

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def complete_files(_context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete files."""
    return [CompletionItem(incomplete, type="file")]


def complete_roles(_context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the names of roles, with their titles."""
    from qwen_chat.roles import all_roles

    found = all_roles()[0]
    return [CompletionItem(role.name, help=role.title) for role in found if role.name.startswith(incomplete)]


def complete_models(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the names of models, those in the caches of the hubs, or files."""
    from qwen_chat.model.catalog.cache import scan_huggingface_cache, scan_modelscope_cache

    hub = context.params.get("hub") or HUBS[0]
    stored = chain(scan_huggingface_cache(), scan_modelscope_cache())
    # Without the part after a colon, which bash would take for another word.
    here = {each.checkpoint.partition(":")[0] for each in stored if each.hub == hub and each.has_hub_name}
    known = complete_known_models(context, parameter, incomplete) if incomplete else []
    found = _complete_words(incomplete, ["embedded", *sorted(here)]) if incomplete else []
    return [*found, *known] or complete_files(context, parameter, incomplete)


def complete_known_models(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the names of the models of the catalogue, with what they are good for."""
    from qwen_chat.model.catalog.known_models import known_models

    found = (model for model in known_models() if model.name.startswith(incomplete.lower()))
    return [CompletionItem(model.name, help=model.purpose) for model in found]


def complete_fetched_models(
    _context: click.Context, _: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the names of the models that were fetched by name."""
    from qwen_chat.model.catalog.known_files import fetched_variants

    return _complete_words(incomplete, [variant.name for variant, _path in fetched_variants()])


def completer_for(spec: Spec) -> Completer | None:
    """Return the completer of a setting's values, or None where any text is valid."""
    known = spec.all_choices or spec.suggestions
    further = _COMPLETERS.get(spec.completes)
    if not known:
        return further
    return lambda *arguments: _complete_words(arguments[2], known) or (further(*arguments) if further else [])


def _complete_words(incomplete: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


_COMPLETERS: dict[str, Completer] = {"model": complete_models, "role": complete_roles, "file": complete_files}
