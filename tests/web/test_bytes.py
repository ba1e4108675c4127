"""What is pasted and what is answered stays as it is, byte for byte: kept, shown and sent on."""

from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pages import Served, Visitor, served, until
from playwright.sync_api import Browser, Page
from scripted import AnsweringModel
from thorough import times
from windows import Window, window

from qwen_chat.message import Delta

LETTERS = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n")
NAMES = st.sampled_from(["f", "__init__", "größe", "计算", "x_1"])
BODIES = st.sampled_from(
    [
        "return {'a': 1}",
        "if x < 3 and y > 2:\n        pass",
        "yield f'<b>{x}</b>'",
        "return '''\n\n  `x`'''",
        "pass  ",
    ]
)
FUNCTIONS = st.builds("def {}(x: list[int]) -> None:\n\n\t{}\n    {}\n".format, NAMES, BODIES, BODIES)
TEXTS = st.one_of(FUNCTIONS, st.text(LETTERS, min_size=1, max_size=60).filter(str.strip))
PASTED = (
    'def f(rows: dict[str, int]) -> str:\n    """Say it.\n\n'
    '    <b>not bold</b> & *not* `code` __init__ $5 and $10\n    """'
    '\n\treturn "\\n".join(f"{name}:  {rows[name]}" for name in rows if rows[name] < 3)   \n\n\n'
)
AT_ONCE = 50
COUNT = times(200, 1000)
SHOWN = """() => [...document.querySelectorAll(".message.user .typed")].map(each => each.textContent)"""
SCROLLED_BACK = """number => {
    document.querySelector("button.earlier").scrollIntoView();
    return document.querySelectorAll(".message.user").length >= number;
}"""
CODE = """() => [...document.querySelectorAll(".message.assistant code")].map(each => each.textContent)"""


class Fenced(AnsweringModel):
    """Answers with what it was told, as code, in pieces that no token respects."""

    def answer(self, told: str) -> Iterator[Delta]:
        """Yield it."""
        text = fenced(told)
        for at in range(0, len(text), 5):
            yield Delta(text[at : at + 5])


def fenced(text: str) -> str:
    return f"~~~~~~~~~~python\n{text}\n~~~~~~~~~~"


@pytest.fixture(scope="module")
def model() -> Fenced:
    return Fenced(context_length=10**9)


@pytest.fixture(scope="module")
def page(model: Fenced, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("bytes"), model) as opened:
        yield opened


@pytest.fixture(scope="module")
def here(page: Served, browser: Browser) -> Iterator[Window]:
    with window(browser, page.page.url) as opened:
        yield opened


def say(page: Served, visitor: Visitor, chat: str, text: str) -> None:
    answer = visitor.send(chat, text if text[:1] not in "/:" else f"{text[0]}{text}")
    assert answer.status_code == 200, answer.text
    turn = page.people[""].find(chat).running
    if turn is not None:
        turn.wait()


def test_texts_pass_byte_by_byte(page: Served, model: Fenced, here: Window) -> None:
    seen: list[int] = []

    @settings(
        max_examples=COUNT // AT_ONCE,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.lists(
            TEXTS.filter(lambda text: text[:1] not in "/:"), min_size=AT_ONCE, max_size=AT_ONCE, unique=True
        )
    )
    def check(texts: list[str]) -> None:
        with page.visitor() as visitor:
            chat = visitor.begin()
            for text in texts:
                say(page, visitor, chat, text)
            assert [message.content for message in model.prompts[-1] if message.role == "user"] == texts
            told = [message.content for message in model.prompts[-1] if message.role == "assistant"]
            assert told == [fenced(text) for text in texts[:-1]]
            store = page.store
            kept = [node.message.content for node in store.load(chat).path()]
            assert kept == [each for text in texts for each in (text, fenced(text))]
            copied = [
                visitor.http.get(f"chat/{chat}/text/{node.id}").text for node in store.load(chat).path()
            ]
            assert copied == kept
        on_page(here, chat, texts)
        seen.append(len(texts))

    check()
    assert sum(seen) >= COUNT


def on_page(here: Window, chat: str, texts: list[str]) -> None:
    """Compare what the page shows of a conversation, scrolled back to its beginning."""
    here.open(chat)
    here.page.wait_for_function(SCROLLED_BACK, arg=len(texts))
    assert here.page.evaluate(SHOWN) == texts
    assert here.page.evaluate(CODE) == [f"{text}\n" for text in texts]


def test_a_pasted_function(page: Served, model: Fenced, here: Window) -> None:
    """Pasted as a person does, copied with the button, and read back from the clipboard."""
    here.context.grant_permissions(["clipboard-read", "clipboard-write"])
    with page.visitor() as visitor:
        here.open(visitor.begin())
    tab: Page = here.page
    tab.evaluate("text => navigator.clipboard.writeText(text)", PASTED)
    tab.focus("#composer textarea")
    tab.keyboard.press("Control+V")
    tab.keyboard.press("Enter")
    here.answered()
    assert model.prompts[-1][-1].content == PASTED
    for message, text in ((".message.user", PASTED), (".message.assistant", fenced(PASTED))):
        here.tool(message, "Copy")
        until(partial(holds, tab, text))
    here.says("once more")
    assert [message.content for message in model.prompts[-1]] == [PASTED, fenced(PASTED), "once more"]


def holds(tab: Page, text: str) -> bool:
    return bool(tab.evaluate("() => navigator.clipboard.readText()") == text)
