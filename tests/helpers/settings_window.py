"""The settings in a window of a real browser."""

import re

from windows import Window


def with_settings(seen: Window) -> Window:
    """Open the settings."""
    seen.page.locator("#head").get_by_role("button", name=re.compile("^(Settings|设置)$")).click()
    return seen


def section(seen: Window, name: str) -> None:
    """Unfold a section, unless it is."""
    button = seen.panel.locator(f"#settings-{name} > button.label-wrap")
    if "open" not in (button.get_attribute("class") or "").split():
        button.click()
