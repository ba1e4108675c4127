"""Exported pages in a real browser: whatever is written in them, nothing runs and nothing leaves."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import OUTSIDE, Browser, browser
from places import DATA
from playwright.sync_api import Playwright

from qwen_chat.export import to_html
from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Message

CORPUS = (DATA / "xss.txt").read_text(encoding="utf-8").splitlines()
RUN = "document.documentElement.dataset.ran = 1"
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')


def payload(line: str) -> str:
    return line.replace("RUN", RUN)


def page(attack: str) -> str:
    """Return an exported page that has the attack wherever a text of others can be."""
    history = History(title=attack)
    system = history.set_system(attack)
    history.add(Message("user", attack))
    role: Any = attack
    model = AnswerDetails(attack, system.id, finish_reason="stop")
    history.add(
        Message("assistant", f"{attack}\n\n- {attack}\n\n| {attack} |\n|---|\n| x |\n", attack), model
    )
    history.add(Message("user", f"```\n{attack}\n```\n"))
    history.add(
        Message("assistant", f"```html {attack}\n{attack}\n```\n\n> {attack}"),
        AnswerDetails(finish_reason="stop"),
    )
    odd = history.add(Message("user", attack))
    history.update(replace(odd, message=Message(role, attack, attack)))
    return to_html(history)


@pytest.fixture(scope="module")
def opened(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(playwright, tmp_path_factory.mktemp("browser")) as found:
        yield found


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_the_corpus_is_dangerous(opened: Browser, tmp_path: Path) -> None:
    """Written into a page as it is, most of it runs or asks: the tests below would see that."""
    caught = 0
    for number, line in enumerate(CORPUS):
        raw = f"<!DOCTYPE html><title>x</title><body>{payload(line)}"
        seen = opened.open(written(tmp_path / f"{number}.html", raw))
        caught += seen.ran or any(OUTSIDE in url for url in seen.asked)
    assert len(CORPUS) == 30
    assert caught >= 22


@pytest.mark.parametrize("number", range(30))
def test_nothing_runs_and_nothing_is_asked_for(opened: Browser, tmp_path: Path, number: int) -> None:
    text = page(payload(CORPUS[number]))
    bare, removed = POLICY.subn("", text)
    assert removed == 1
    for name, document in (("page", text), ("without its policy", bare)):
        seen = opened.open(written(tmp_path / f"{name}.html", document))
        assert (seen.ran, seen.asked) == (False, []), name
        assert (
            opened.page.evaluate("document.querySelectorAll('script, img, iframe, form, base').length") == 0
        )
        links = opened.page.evaluate("[...document.links].map(link => [link.protocol, link.rel])")
        assert {protocol for protocol, _ in links} <= {"http:", "https:", "mailto:"}
        assert {rel for _, rel in links} <= {"noopener noreferrer nofollow"}


def test_chromium_itself_saw_no_request(playwright: Playwright, tmp_path: Path) -> None:
    """Its own log of the network knows no host but those that a page without care asks for."""
    for name in ("safe", "careless"):
        (tmp_path / name).mkdir()
    with browser(playwright, tmp_path / "safe") as safe:
        whole = "\n\n".join(map(payload, CORPUS))
        safe.open(written(tmp_path / "whole.html", POLICY.sub("", page(whole))))
    assert OUTSIDE not in _log(safe)
    with browser(playwright, tmp_path / "careless") as careless:
        careless.open(written(tmp_path / "careless.html", f"<img src='http://{OUTSIDE}/x.png'>"))
    assert OUTSIDE in _log(careless)


def _log(closed: Browser) -> str:
    # Its head has the command line.
    return json.dumps(json.loads(closed.log.read_text(encoding="utf-8"))["events"])


def test_the_page_looks_as_it_should_offline(opened: Browser, tmp_path: Path) -> None:
    history = History(title="Tides")
    history.add(Message("user", "  two\n\ttabs <b>"))
    text = "# One\n\n$x^2$ costs $5 and $10\n\n```python\nprint(1)\n```\n\n| a | b |\n|--:|---|\n| 1 | 2 |\n"
    history.add(Message("assistant", text, "hm"), AnswerDetails("Qwen", finish_reason="length"))
    opened.open(written(tmp_path / "page.html", to_html(history)))
    shown = opened.page.inner_text("main")
    assert "  two\n\ttabs <b>" in shown
    assert "costs $5 and $10" in shown
    assert "length" in shown
    assert opened.page.evaluate("getComputedStyle(document.querySelector('.user')).borderRadius") != "0px"
    assert opened.page.evaluate("document.querySelector('msup').namespaceURI").endswith("MathML")
    assert opened.page.evaluate("getComputedStyle(document.querySelector('td')).textAlign").endswith("right")
    keyword = "getComputedStyle(document.querySelector('.code .nb')).color"
    colours = []
    for scheme in ("light", "dark"):
        opened.page.emulate_media(color_scheme=scheme)
        colours.append(
            (
                opened.page.evaluate("getComputedStyle(document.body).backgroundColor"),
                opened.page.evaluate(keyword),
            )
        )
    assert colours[0][0] != colours[1][0]
    assert colours[0][1] != colours[1][1]
    opened.page.set_viewport_size({"width": 360, "height": 700})
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 360
