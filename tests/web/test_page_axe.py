"""axe-core looks at the page: nothing serious, in both themes, with everything open that can be."""

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from pages import Served, served
from playwright.sync_api import Browser, Page, expect
from windows import Window, window

from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Attachment, Message, Usage

ANSWER = """# Tides

The *moon* pulls: $x^2$ and [a link](https://example.org).

1. first
   - nested

| a | b |
|---|--:|
| 1 | 2 |

> quoted

```python
def high(water: int) -> int:  # a comment
    return water * 2
```

$$\\frac{1}{2}$$
"""
OPEN_ALL = """() => {
    const labels = document.querySelectorAll("button.label-wrap");
    for (const label of labels) if (label.offsetParent) label.click();
}"""
THEMES: list[Literal["light", "dark"]] = ["light", "dark"]
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("axe")) as opened:
        opened.store.keep_all(talk())
        yield opened


def talk() -> History:
    history = History("talk", title="Tides")
    system = history.set_system("You know the sea.")
    usage = Usage(prompt_tokens=20, completion_tokens=40, decode_seconds=2.0, reasoning_seconds=1.5)
    files = (Attachment("sea.md", "# The sea\n"), Attachment("tides.py", "high = 2\n" * 50))
    history.add(Message("user", "How do tides work?", attachments=files))
    history.add(
        Message("assistant", ANSWER, "The moon …"), AnswerDetails("demo", system.id, 1, "stop", usage)
    )
    history.rewind_to_question()
    history.add(Message("assistant", ANSWER), AnswerDetails("demo", system.id, 2, "length", usage))
    return history


def serious(tab: Page) -> list[str]:
    found = Axe().run(tab).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


@pytest.fixture(scope="module")
def here(browser: Browser, page: Served) -> Iterator[Window]:
    """One window for all; each theme and width is shown in it in turn."""
    with window(browser, page.page.url, reduced_motion="reduce") as opened:
        yield opened.open()


def serious_in_both_themes(tab: Page) -> list[str]:
    found = []
    for theme in THEMES:
        tab.emulate_media(color_scheme=theme)
        tab.wait_for_function(
            "theme => document.documentElement.matches('.dark') === (theme === 'dark')", arg=theme
        )
        found += [f"{theme}: {fault}" for fault in serious(tab)]
    return found


@pytest.mark.parametrize("width", [1280, 360])
def test_nothing_serious(here: Window, width: int) -> None:
    here.page.set_viewport_size({"width": width, "height": 800})
    here.open()
    assert serious_in_both_themes(here.page) == []
    here.turn_to("talk")
    for details in here.page.locator("#conversation details").all():
        details.evaluate("each => { each.open = true; }")
    here.page.locator(".message.assistant").last.hover()
    assert serious_in_both_themes(here.page) == []


@pytest.mark.parametrize("opens", ["Control+b", "?"])
def test_nothing_serious_in_what_opens(here: Window, opens: str) -> None:
    here.page.set_viewport_size({"width": 1280, "height": 800})
    here.open("talk")
    here.page.locator("#conversation").click(position={"x": 5, "y": 300})
    here.page.keyboard.press(opens)
    expect(here.page.locator("#left" if opens == "Control+b" else "dialog")).to_be_visible()
    here.page.wait_for_timeout(400)
    assert serious_in_both_themes(here.page) == []


def test_nothing_serious_in_the_settings(here: Window) -> None:
    here.page.set_viewport_size({"width": 1280, "height": 800})
    here.open("talk")
    here.page.get_by_role("button", name="Settings").first.click()
    here.panel.evaluate(OPEN_ALL)
    here.page.wait_for_timeout(400)
    assert serious_in_both_themes(here.page) == []
