"""The models that the panel lists: those on this machine, then those to fetch, with how they fit."""

from collections.abc import Iterator

from qwen_chat import i18n
from qwen_chat.errors import UsageError
from qwen_chat.model.catalog.cache import StoredModel
from qwen_chat.model.catalog.inventory import LocalModel, list_models
from qwen_chat.model.catalog.known_files import find_here
from qwen_chat.model.catalog.known_models import Variant, find_known
from qwen_chat.model.catalog.machine import MachineMemory, read_machine_memory
from qwen_chat.model.catalog.offers import Offer, list_offers
from qwen_chat.text import format_rate, format_size
from qwen_chat.web.panel.context import PanelContext

_BY_NAME = "name:"
"""Begins the value of a model that is fetched by its name; the value of any other is its path."""


def list_choices(context: PanelContext, *, may_fetch: bool) -> list[tuple[str, str]]:
    """Return a label and a value for each model."""
    machine = read_machine_memory()
    here = [(_label_local(each, machine, context), str(each.stored.path)) for each in _usable()]
    return [*here, *_list_offers(context, machine)] if may_fetch else here


def find_choice(value: str | None) -> StoredModel | Variant:
    """Return the model of a value: a Variant where it must be fetched first.

    Raises: UsageError when it is gone.
    """
    if value and value.startswith(_BY_NAME):
        variant = find_known(value.removeprefix(_BY_NAME))
        path = find_here(variant) if variant is not None else None
        if variant is not None:
            return StoredModel(variant.name, path) if path is not None else variant
    entry = next((each for each in _usable() if str(each.stored.path) == value), None)
    if entry is None:
        raise UsageError("this model is no longer here: open the list again")
    return entry.stored


def _usable() -> list[LocalModel]:
    return [entry for entry in list_models() if not entry.fault]


def _list_offers(context: PanelContext, machine: MachineMemory) -> Iterator[tuple[str, str]]:
    for offer in list_offers():
        is_default = offer.variant == offer.variant.model.default
        if offer.path is None and is_default and offer.fits(machine) != "no":
            yield _label_offer(offer, machine, context), f"{_BY_NAME}{offer.variant.name}"


def _label_local(entry: LocalModel, machine: MachineMemory, context: PanelContext) -> str:
    stored, survey = entry.stored, entry.survey
    name = stored.checkpoint if stored.has_hub_name else stored.path.name
    size = format_size(survey.file_bytes) if survey is not None else ""
    fits = i18n.Text(f"panel.fits_{entry.fits(machine) or 'unknown'}")
    return " · ".join(filter(None, (name, size, context.translate(fits))))


def _label_offer(offer: Offer, machine: MachineMemory, context: PanelContext) -> str:
    texts = (
        i18n.Text("panel.to_fetch", size=format_size(offer.variant.size)),
        i18n.Text(f"panel.fits_{offer.fits(machine)}"),
        i18n.Text("panel.forecast", rate=format_rate(offer.forecast.write)),
        offer.variant.model.purpose,
    )
    return " · ".join((offer.variant.name, *map(context.translate, texts)))
