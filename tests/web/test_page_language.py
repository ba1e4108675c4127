"""The page in Chinese: its own texts and the server's come from one catalogue; all else stays as it is."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from catalog_arguments import argument_names
from pages import Served, served
from playwright.sync_api import Browser, expect
from scripted import ScriptedModel
from shared_window import SharedWindow
from windows import Window, window

from qwen_chat import i18n
from qwen_chat.commands.registry import find_command
from qwen_chat.errors import QwenChatError
from qwen_chat.i18n.catalog import catalog
from qwen_chat.message import Attachment
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.session import attachments
from qwen_chat.settings import Settings
from qwen_chat.web import pdf, pdf_reader, uploads

SHORT = Settings(sampling=SamplingParams(max_new_tokens=8, temperature=0.0))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
RENDERED = """async texts => {
    const { translateText } = await import('/page/lib/translate.js');
    return texts.map(translateText);
}"""
REFUSED = [
    ("x.docx", b"PK\x03\x04"),
    ("x.doc", b"\xd0\xcf\x11\xe0"),
    ("x.png", b"\x89PNG"),
    ("x.gz", b"\x1f\x8b"),
    ("x", b"\x7fELF"),
    ("x.txt", b""),
    ("x.txt", b"\xff"),
    ("x.txt", b"\0"),
    ("x.pdf", b"none"),
]


@pytest.fixture(scope="module")
def page(model: LlamaCppModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("language"), model, settings=SHORT) as opened:
        yield opened


@pytest.fixture
def here(shared_window: SharedWindow, page: Served) -> Iterator[Window]:
    with shared_window.lend(page.page.url, locale="zh-CN") as lent:
        yield lent


# The texts


def every_text(count: int) -> list[i18n.Text]:
    """Return each text of the catalogue, with arguments."""
    texts = []
    for code, forms in catalog().items():
        arguments: dict[str, i18n.Argument] = dict.fromkeys(argument_names(forms["en"]), "{count} 猫 <b>")
        texts.append(i18n.Text(code, **{**arguments, "count": count, "at": 12_345}))
    return texts


def texts_of_files_and_commands(model: LlamaCppModel) -> list[str]:
    """Return what is said of files that are refused or taken, and of commands that are not there."""
    said = []
    for name, data in REFUSED:
        with pytest.raises(QwenChatError) as refused:
            uploads.read(name, data)
        said.append(refused.value.text)
    for name in ("hlep", "zzz"):
        with pytest.raises(QwenChatError) as refused:
            find_command(name)
        said.append(refused.value.text)
    said += [pdf._fault("x.pdf", {"fault": kind, "count": 5000}) for kind in pdf_reader.FAULTS]
    files = [Attachment("a.txt", "one\n"), Attachment("b.txt", "one\ntwo\n")]
    return [
        *said,
        *attachments.describe_sizes(files, model),
        *attachments.describe_sizes(files, ScriptedModel()),
    ]


@pytest.mark.parametrize("count", [0, 1, 1234])
def test_the_page_shows_every_text_as_the_server_would(here: Window, count: int) -> None:
    texts = every_text(count)
    shown = here.page.evaluate(RENDERED, [i18n.as_json(text) for text in texts])
    assert shown == [i18n.translate(text, "zh") for text in texts]


def test_all_that_is_said_of_files_and_commands_is_chinese(here: Window, model: LlamaCppModel) -> None:
    said = texts_of_files_and_commands(model)
    shown = here.page.evaluate(RENDERED, [i18n.as_json(text) for text in said])
    assert [text for text in shown if not CHINESE.search(text)] == []


def test_one_fault_within_another_and_one_of_another_origin(here: Window) -> None:
    nested = i18n.Text("notice.not_saved_yet", reason=i18n.Text("message.empty"))
    shown = here.page.evaluate(RENDERED, [i18n.as_json(nested), i18n.as_json("port 80 is taken")])
    assert shown == ["尚未保存，将会重试：消息是空的", "port 80 is taken"]


# On the page


def test_an_empty_conversation_says_who_answers_and_what_to_try(here: Window) -> None:
    expect(here.page.locator(".welcome .model-intro")).to_have_text(
        "SmolLM2-135M-Instruct · 非常小的模型：难免出错模型在提供此页面的机器上运行，无需联网。"
    )
    here.page.get_by_role("button", name="Tell me a joke.").click()
    expect(here.page.locator("#composer textarea")).to_have_value("Tell me a joke.")


def bring(here: Window, name: str, data: bytes) -> None:
    here.page.set_input_files("#composer input[type=file]", {"name": name, "mimeType": "", "buffer": data})


def test_a_file_that_is_refused(here: Window) -> None:
    bring(here, "猫.txt", b"\x89PNG\r\n\x1a\n")
    expect(here.page.locator(".toast.warning")).to_contain_text("猫.txt 是图片")
    bring(here, "a.txt", b"one\n")
    expect(here.page.locator(".chip")).to_contain_text(re.compile(r"a\.txt：1 行，\d+ 个词元"))


def test_an_answer_that_is_still_written(here: Window, page: Served) -> None:
    page.people[""].settings = replace(SHORT, sampling=SamplingParams(max_new_tokens=3000, temperature=0.0))
    before = here.chat
    here.page.keyboard.press("Control+Shift+O")
    here.page.wait_for_function("before => !location.search.includes(before)", arg=before)
    page.people[""].settings = SHORT
    here.ask("Write a very long story about a lighthouse keeper.")
    here.page.wait_for_selector(".message.writing .open > *")
    here.page.click("h1 button")
    here.page.fill("h1 input", "A name")
    here.page.press("h1 input", "Enter")
    expect(here.page.locator(".toast.warning")).to_contain_text("回答还没有写完：请等待，或先停止")
    here.page.click("#composer button.stops")
    here.answered()


def test_a_message_that_does_not_fit_the_context(here: Window) -> None:
    here.ask("word " * 20_000)
    notices = here.page.locator(".toast.info")
    expect(
        notices.filter(has_text=re.compile(r"提示词有 [\d,]+ 个词元，上下文只能容纳 8,192 个"))
    ).to_be_visible()
    expect(notices.filter(has_text="消息已保留，但不在对话中")).to_be_visible()


def test_a_conversation_that_was_deleted(here: Window, page: Served) -> None:
    here.says("Say hi.")
    chat = here.chat
    page.people[""].delete(chat)
    page.people[""].changes.notify()
    expect(here.page.locator(".gone")).to_contain_text("它未曾保存，或已被删除")
    here.ask("still here?")
    expect(here.page.locator(".toast.warning")).to_contain_text("此对话已不存在")


def test_a_model_that_failed(browser: Browser, tmp_path: Path) -> None:
    model = ScriptedModel("so ", RuntimeError("no more memory"))
    with served(tmp_path, model) as failing, window(browser, failing.page.url, locale="zh-CN") as here:
        here.open().ask("hello")
        expect(here.page.locator(".toast.info")).to_have_text("模型出错：no more memory")
        here.ask("/hlep")
        expect(here.page.locator(".toast.warning")).to_contain_text("没有 /hlep 命令：您是不是想输入 /help？")
