"""How often tests of chance are tried: less in `make test`, as often as they need in `make test-thorough`."""

from hypothesis import settings

USUAL = 50
"""Examples of each property, unless fewer are enough."""


def is_thorough() -> bool:
    """Return whether the tests run with `--hypothesis-profile=thorough`."""
    return settings.get_current_profile_name() == "thorough"


def times(usual: int, thorough: int) -> int:
    """Return how often something is tried."""
    return thorough if is_thorough() else usual


def examples(thorough: int) -> settings:
    """Return hypothesis' settings for a property that holds for so many examples when it is tried in full."""
    return settings(max_examples=times(min(USUAL, thorough), thorough), deadline=None, database=None)
