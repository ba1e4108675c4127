"""What may stand where a person presses Tab: values of settings, roles, models, files."""

from collections.abc import Callable, Iterable
from itertools import chain

import click
from click.shell_completion import CompletionItem

from qwen_chat.settings import HUBS, Spec

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def files(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001
    """Leave it to the shell, which knows its files."""
    return [CompletionItem(begun, type="file")]


def roles(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:  # noqa: ARG001
    """Offer the roles with their titles."""
    from qwen_chat.roles import all_roles

    found, _ = all_roles()
    return [CompletionItem(role.name, help=role.title) for role in found if role.name.startswith(begun)]


def models(context: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Offer the models that the hubs' caches have, or files."""
    from qwen_chat.model.catalog.cache import scan_huggingface_cache, scan_modelscope_cache

    hub = context.params.get("hub") or HUBS[0]
    stored = chain(scan_huggingface_cache(), scan_modelscope_cache())
    # What follows a colon is left out: bash takes it for another word.
    here = {each.checkpoint.partition(":")[0] for each in stored if each.hub == hub and each.has_hub_name}
    found = _beginning(begun, ["embedded", *sorted(here)]) if begun else []
    return found or files(context, parameter, begun)


def for_setting(spec: Spec) -> Completer | None:
    """Return what completes the values of a setting, or None where any value may stand."""
    known = spec.all_choices or spec.suggestions
    further = _COMPLETERS.get(spec.completes)
    if not known:
        return further
    return lambda *asked: _beginning(asked[2], known) or (further(*asked) if further else [])


def _beginning(begun: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(begun)]


_COMPLETERS: dict[str, Completer] = {"model": models, "role": roles, "file": files}
