"""Whatever a model, a person, a role or a file says: on the page nothing runs, and nothing leaves."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import OUTSIDE, Browser, browser
from pages import Served, served
from places import DATA
from playwright.sync_api import Playwright
from scripted import AnsweringModel

from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Delta, Message
from qwen_chat.model.base import Capabilities
from qwen_chat.roles import Role, own_roles_dir
from qwen_chat.roles.role_writer import role_to_toml

CORPUS = (DATA / "xss.txt").read_text(encoding="utf-8").splitlines()
ATTACKS = [line.replace("RUN", "document.documentElement.dataset.ran = 1") for line in CORPUS]
EVENTS = ["error", "load", "focus", "mouseover", "toggle", "animationstart", "begin"]
TURN_TO = """chat => {
    for (const message of document.querySelectorAll(".message")) message.dataset.before = "";
    history.pushState(null, "", `?chat=${chat}`);
    dispatchEvent(new PopStateEvent("popstate"));
}"""
"""Shows another conversation as the back button does, and marks the messages that are in view before it."""

FORMS = "{0}\n\n- {0}\n\n| {0} |\n|---|\n| x |\n\n> {0}\n\n```html {0}\n{0}\n```\n\n[{0}]({0}) ![{0}]({0})"


class Echo(AnsweringModel):
    """Thinks and says what it was told, in pieces of a few characters and in every form of Markdown."""

    capabilities = Capabilities(thinking=True)

    def answer(self, told: str) -> Iterator[Delta]:
        """Yield it."""
        yield Delta(reasoning=told)
        text = FORMS.format(told)
        for at in range(0, len(text), 7):
            yield Delta(text[at : at + 7])


@pytest.fixture
def page(home: Path, tmp_path: Path) -> Iterator[Served]:
    """A page of someone whose roles, titles and conversations are all attacks."""
    own_roles_dir().mkdir(parents=True)
    for number, attack in enumerate(ATTACKS):
        role = Role(f"r{number}", attack, attack, language="en", greeting=attack, examples=(attack,))
        (own_roles_dir() / f"r{number}.toml").write_text(role_to_toml(role), encoding="utf-8")
    with served(tmp_path, Echo(context_length=10**7)) as opened:
        store = opened.store
        for attack in ATTACKS:
            store.keep_all(conversation(attack))
        yield opened


def conversation(attack: str) -> History:
    history = History(title=attack)
    system = history.set_system(attack)
    for _ in range(2):
        history.add(Message("user", attack))
        answer = AnswerDetails(attack, system.id, finish_reason="stop")
        history.add(Message("assistant", FORMS.format(attack), attack), answer)
    return history


def provoke(opened: Browser) -> None:
    """Do to every element what makes an attack act, and let time pass."""
    opened.page.evaluate(
        """events => {
            for (const details of document.querySelectorAll("details")) details.open = true;
            for (const element of document.querySelectorAll("*"))
                for (const name of events) element.dispatchEvent(new Event(name, {cancelable: true}));
        }""",
        EVENTS,
    )
    opened.page.wait_for_timeout(50)
    assert not opened.page.evaluate("'ran' in document.documentElement.dataset")


@pytest.mark.timeout(600)
def test_nothing_runs_and_nothing_leaves(page: Served, playwright: Playwright, tmp_path: Path) -> None:
    (tmp_path / "browser").mkdir()
    with browser(playwright, tmp_path / "browser") as opened:
        tab, asked, dialogs = opened.page, [], []
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("dialog", lambda dialog: dialogs.append(dialog.message))
        tab.goto(page.page.url)
        tab.locator("#conversation .welcome").wait_for()
        provoke(opened)
        store = page.store
        for summary in store.recent(len(ATTACKS)):
            tab.evaluate(TURN_TO, summary.id)
            tab.locator(".message.assistant:not([data-before])").first.wait_for()
            provoke(opened)
        for attack in ATTACKS:
            tab.keyboard.press("Control+Shift+O")
            tab.locator("#conversation .welcome:not([hidden])").wait_for()
            tab.set_input_files(
                "#composer input[type=file]",
                {
                    "name": f"{attack.replace('/', '∕')[:190]}.txt",
                    "mimeType": "text/plain",
                    "buffer": attack.encode(),
                },
            )
            tab.locator("#composer").get_by_text(": 1 line").wait_for()
            tab.fill("#composer textarea", attack)
            tab.press("#composer textarea", "Enter")
            tab.wait_for_function(
                """() => document.querySelector(".message.assistant:not(.writing)")
                    && !document.querySelector("#composer button.stops")"""
            )
            provoke(opened)
        assert dialogs == []
        assert [url for url in asked if not url.startswith((page.page.url, "data:", "blob:"))] == []
    assert asked_for(OUTSIDE, opened.log) == []


def asked_for(host: str, log: Path) -> list[str]:
    """Return what Chromium's own record says it asked a host for, or looked it up for."""
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    told = [event.get("params", {}) for event in events]
    urls = [str(params["url"]) for params in told if "url" in params]
    names = [str(params["host"]) for params in told if "host" in params]
    return [url for url in urls if urlsplit(url).hostname == host] + [name for name in names if host in name]
