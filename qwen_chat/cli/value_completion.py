"""What may stand where a person presses Tab: values of settings, roles, models, files."""

from collections.abc import Callable, Iterable
from itertools import chain

import click
from click.shell_completion import CompletionItem

from qwen_chat.settings import HUBS, SPECS

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]

_DEVICE_MAPS = ("auto", "balanced", "sequential", "cpu")


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
    from qwen_chat.model.catalog.cache import in_huggingface_cache, in_modelscope_cache

    hub = context.params.get("hub") or HUBS[0]
    stored = chain(in_huggingface_cache(), in_modelscope_cache())
    # What follows a colon is left out: bash takes it for another word.
    here = {each.checkpoint.partition(":")[0] for each in stored if each.hub == hub and each.named}
    found = _beginning(begun, ["embedded", *sorted(here)]) if begun else []
    return found or files(context, parameter, begun)


def for_setting(name: str) -> Completer | None:
    """Return what completes the values of a setting, or None where anything may stand."""
    own: dict[str, Completer] = {
        "checkpoint_path": models,
        "draft": models,
        "role": roles,
        "lora": files,
        "device_map": lambda *asked: _beginning(asked[2], _DEVICE_MAPS) or files(*asked),
    }
    if name in SPECS and (choices := SPECS[name].choices):
        return lambda *asked: _beginning(asked[2], choices)
    return own.get(name)


def _beginning(begun: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(begun)]
