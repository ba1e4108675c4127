"""The list of models that can be fetched: size, memory, forecast and purpose, one a line."""

import shutil
import sys
from collections.abc import Iterator, Sequence

from qwen_chat.model.catalog.machine import MachineMemory
from qwen_chat.model.catalog.offers import Offer
from qwen_chat.text import format_rate, format_size

_HEADER = ("", "to fetch", "fits, memory", "tokens/s", "good for")
_NUMBER_COLUMNS = (1, 3)
"""Columns that are aligned to the right."""


def format_offer_table(offers: Sequence[Offer], machine: MachineMemory, *, everything: bool) -> Iterator[str]:
    """Yield the lines: the models that are not here and fit, or `everything`, then how to fetch one."""
    away = [offer for offer in offers if offer.path is None]
    shown = [offer for offer in away if everything or (_is_default(offer) and offer.fits(machine) != "no")]
    if not shown:
        return
    rows = [_HEADER, *(_cells(offer, machine) for offer in shown)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER) - 1)]
    for row in rows:
        yield _crop(_format_row(row, widths))
    yield ""
    yield "Fetch one: qwen-chat models get NAME; or fetch it and talk to it: qwen-chat -c NAME"
    yield _describe_forecast(shown[0])
    if hidden := len(away) - len(shown):
        yield f"{hidden} more with --all: other quantizations, and what does not fit this machine."


def format_fetch_size(offer: Offer) -> str:
    """Return how much is fetched, marked where it is an estimate."""
    size = format_size(offer.variant.size)
    return size if offer.variant.size_is_exact else f"about {size}"


def _is_default(offer: Offer) -> bool:
    return offer.variant == offer.variant.model.default


def _cells(offer: Offer, machine: MachineMemory) -> tuple[str, ...]:
    return (
        offer.variant.name,
        format_fetch_size(offer),
        f"{offer.fits(machine)}, {format_size(offer.memory)}",
        f"about {format_rate(offer.forecast.write)}",
        offer.variant.model.purpose,
    )


def _format_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        f"{cell:>{width}}" if column in _NUMBER_COLUMNS else f"{cell:<{width}}"
        for column, (cell, width) in enumerate(zip(cells, widths, strict=False))
    ]
    return "  ".join((*padded, cells[-1]))


def _crop(line: str) -> str:
    """Return a line that does not wrap on this terminal; elsewhere it stays whole."""
    if not sys.stdout.isatty():
        return line
    width = shutil.get_terminal_size().columns
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _describe_forecast(offer: Offer) -> str:
    if offer.forecast.measured:
        return "Tokens/s: a forecast from the largest model that ran here, at a short context."
    return "Tokens/s: a cautious estimate from the speed of the memory, as no model has run here yet."
