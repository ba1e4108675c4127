"""Reasoning on the page, by a real model and by one that waits at every step."""

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Semaphore

import pytest
from pages import LONGEST, Served, served
from playwright.sync_api import Browser, expect
from reasoner import write_reasoner
from scripted import AnsweringModel
from windows import window

from qwen_chat.message import Delta, Usage
from qwen_chat.model.base import Capabilities
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import Settings

QUESTION = "What is the capital of France?"
GREEDY = Settings(sampling=SamplingParams(temperature=0.0, max_new_tokens=120))


@pytest.fixture
def reasoning(model_path: Path, tmp_path: Path) -> Iterator[Served]:
    """A page on a real checkpoint that reasons."""
    checkpoint = write_reasoner(tmp_path / "reasons.gguf", model_path, "opens")
    model = LlamaCppModel(checkpoint, "reasons", LlamaCppOptions(threads=1))
    with served(tmp_path, model, settings=GREEDY) as page:
        yield page
    model.close()


def test_a_real_model_reasons_unless_it_is_told_not_to(browser: Browser, reasoning: Served) -> None:
    with window(browser, reasoning.page.url) as here:
        answer = here.open().page.locator(".message.assistant")
        here.says(QUESTION)
        expect(answer.locator(".thought summary")).to_have_text(re.compile(r"Thought for \d+\.\d s"))
        expect(answer.locator(".written").last).to_contain_text("Paris")
        said = reasoning.store.load(here.chat).path()[1].message
        assert "asks about" in said.reasoning
        assert "think>" not in said.content
        here.page.get_by_label("Thinking", exact=True).select_option("off")
        here.says(QUESTION)
        expect(answer).to_have_count(2)
        expect(answer.last.locator(".thought")).to_have_count(0)
        assert reasoning.store.load(here.chat).path()[3].message.reasoning == ""


class Thinker(AnsweringModel):
    """Reasons, waits for `go`, answers, and waits for it again: the demo model cannot reason."""

    capabilities = Capabilities(thinking=True)

    def __init__(self) -> None:
        super().__init__()
        self.go = Semaphore(0)

    def answer(self, told: str) -> Iterator[Delta]:
        """Yield a thought and an answer."""
        yield Delta(reasoning="First **this**, then that.")
        self.go.acquire(timeout=LONGEST)
        yield Delta(reasoning=" Done.")
        yield Delta("So: *yes*.")
        self.go.acquire(timeout=LONGEST)
        yield Delta(usage=Usage(5, completion_tokens=9, decode_seconds=4.0))


def test_a_thought_is_folded_and_says_how_long_it_took(browser: Browser, tmp_path: Path) -> None:
    model = Thinker()
    with served(tmp_path, model) as page, window(browser, page.page.url) as here:
        here.open().ask("Is it so?")
        summary, thought = here.page.locator(".thought summary"), here.page.locator(".thought strong")
        expect(summary).to_have_text("Thinking…")
        expect(thought).to_be_hidden()
        summary.click()
        expect(thought).to_have_text("this")
        model.go.release()
        expect(here.page.locator(".message.assistant > .written em")).to_have_text("yes")
        expect(summary).to_have_text("Thought")
        expect(thought).to_be_visible()
        model.go.release()
        expect(summary).to_have_text(re.compile(r"Thought for \d+\.\d s"))
        expect(here.page.locator(".facts").last).to_contain_text("9 tokens · 2.3 tokens/s")
        expect(here.page.get_by_label("Thinking", exact=True)).to_be_visible()
