"""The settings in a real browser: in another language, and where another model is taken or fetched."""

import io
import re
import shutil
from pathlib import Path

import one_model
import pytest
from hub import serve_hub
from pages import Served, served
from playwright.sync_api import Browser, expect
from settings_window import section, with_settings
from windows import window

from qwen_chat.model.factory import open_model
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import Settings


def test_the_settings_are_in_chinese(browser: Browser, page: Served) -> None:
    with window(browser, page.page.url, locale="zh-CN") as seen:
        with_settings(seen.open())
        section(seen, "sampling")
        expect(seen.panel.locator("#settings-sampling")).to_contain_text("随机性；0 总是取最可能的词元")
        expect(seen.panel.locator("#default-seed")).to_have_text("默认：随机")
        expect(seen.panel.locator("#model-name")).to_contain_text("已就绪")


def test_another_model_is_taken_on_the_page(
    browser: Browser, tmp_path: Path, small_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "hub" / "models--own--other" / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    shutil.copy(small_path, snapshot / "other.gguf")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    small = Settings(checkpoint_path=str(small_path), threads=1, ctx_size=512)
    _, first = open_model(small, io.StringIO())
    with served(tmp_path, first, settings=small) as page, window(browser, page.page.url) as seen:
        there = with_settings(seen.open()).panel
        expect(there.locator("#model-name")).to_contain_text("is loading")
        section(seen, "sampling")
        expect(there.locator("#sampling-temperature input[type=range]")).to_be_disabled()
        first.start_loading()
        expect(there.locator("#model-name")).to_contain_text("is ready")
        expect(there.locator("#sampling-temperature input[type=range]")).to_be_enabled()
        there.click("#other-models > button.label-wrap")
        there.click("#models input")
        there.get_by_role("option", name=re.compile("other")).click()
        expect(there.locator("#model-name textarea")).to_have_value("other")
        expect(there.locator("#model-line")).to_be_empty()
        expect(seen.page.locator("#head")).to_contain_text("other")
        assert page.people[""].model.name == "other"
        page.people[""].model.close()


def test_a_model_is_fetched_on_the_page_while_the_old_one_answers(
    browser: Browser, tmp_path: Path, model: LlamaCppModel, small_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = small_path.read_bytes()
    one_model.write_catalogue(tmp_path / "models.toml", data, monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    small = Settings(threads=1, ctx_size=512, sampling=SamplingParams(max_new_tokens=3))
    with (
        serve_hub() as hub,
        served(tmp_path, model, settings=small, may_fetch=True) as page,
        window(browser, page.page.url, locale="zh-CN") as seen,
    ):
        hub.put(one_model.REPOSITORY, one_model.FILE_NAME, data)
        hub.slow_from = len(data) // 2
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setattr(model, "close", lambda: None)  # other tests use it, too
        there = with_settings(seen.open()).panel
        there.click("#other-models > button.label-wrap")
        there.click("#models input")
        label = "^tiny · 需下载 8 MB · 内存够用 · 约 .* · 简短的问题"
        there.get_by_role("option", name=re.compile(label)).click()
        expect(there.locator("#model-line")).to_contain_text(re.compile(r"正在下载 tiny：\d+ MB / 8 MB"))
        seen.says("Hello")
        assert page.people[""].model is model
        expect(there.locator("#stop-fetching")).to_be_visible()
        hub.release.set()
        expect(there.locator("#model-name textarea")).to_have_value("tiny")
        expect(there.locator("#model-line")).to_be_empty()
        expect(there.locator("#stop-fetching")).to_be_hidden()
        seen.says("Hello again")
        assert page.people[""].model.name == "tiny"
        page.people[""].model.close()
