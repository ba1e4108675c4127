"""What the server says is in Chinese on the Chinese page, and what has no Chinese words stays as it is."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pages import Served, served
from playwright.sync_api import Browser, expect
from scripted import ScriptedModel
from windows import Window, window

import qwen_chat
from qwen_chat.commands.table import find
from qwen_chat.errors import QwenChatError
from qwen_chat.message import Attachment
from qwen_chat.model.llamacpp import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.session import attachments
from qwen_chat.session.turn_request import left_out_notice
from qwen_chat.settings import Settings
from qwen_chat.web import pdf
from qwen_chat.web import uploads as files

SHORT = Settings(sampling=SamplingParams(max_new_tokens=8, temperature=0.0))
CHINESE = re.compile(r"[\u4e00-\u9fff]")
IMPORTED = """async texts => {
    const { told } = await import('/page/lib/translate.js');
    return texts.map(told);
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
    with served(tmp_path_factory.mktemp("told"), model, settings=SHORT) as opened:
        yield opened


@pytest.fixture
def here(browser: Browser, page: Served) -> Iterator[Window]:
    with window(browser, page.page.url, locale="zh-CN") as opened:
        yield opened.open()


# The words


def table() -> list[str]:
    """The English of what has Chinese words."""
    path = Path(qwen_chat.__file__).parent / "web/static/lib/server-chinese.js"
    return re.findall(r'^  "([^"]+)":', path.read_text(encoding="utf-8"), re.MULTILINE)


def literals() -> set[str]:
    """Every text in the program, with {} for what is put into it."""
    texts = set()
    for file in Path(qwen_chat.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (str(each.value) if isinstance(each, ast.Constant) else "{}" for each in node.values)
                texts.add(re.sub(r"(\{\})+", "{}", "".join(parts)))
            elif isinstance(node, ast.Constant):
                texts.add(str(node.value))
    return texts


def put_together() -> list[str]:
    """What is said in words that stand in several places."""
    said = []
    for name, data in REFUSED:
        with pytest.raises(QwenChatError) as refused:
            files.read(name, data)
        said.append(str(refused.value))
    for name in ("hlep", "zzz"):
        with pytest.raises(QwenChatError) as refused:
            find(name)
        said.append(str(refused.value))
    said += [f"x.pdf {fault.format(count=5000)}" for fault in pdf._FAULTS.values()]
    said += [left_out_notice(turns) for turns in (1, 2)]
    return said


def sizes(model: LlamaCppModel) -> list[str]:
    found = [Attachment("a.txt", "one\n"), Attachment("b.txt", "one\ntwo\n")]
    scripted = ScriptedModel()
    return [*attachments.describe_sizes(found, model), *attachments.describe_sizes(found, scripted)]


def test_every_entry_is_what_the_server_says(model: LlamaCppModel) -> None:
    known, said = literals(), [*put_together(), *sizes(model)]
    stale = []
    for entry in table():
        pattern = ".+".join(map(re.escape, re.split(r"\{\d\}", entry)))
        spoken = any(re.fullmatch(pattern, text) for text in said)
        if not spoken and re.sub(r"\{\d\}", "{}", entry) not in known:
            stale.append(entry)
    assert len(table()) > 30
    assert stale == []


def test_all_that_is_said_of_files_and_commands_is_chinese(here: Window, model: LlamaCppModel) -> None:
    said = [*put_together(), *sizes(model)]
    told = here.page.evaluate(IMPORTED, said)
    assert [text for text in told if not CHINESE.search(text)] == []
    assert here.page.evaluate(IMPORTED, ["port 80 is taken", "cannot use x: the message is empty"]) == [
        "port 80 is taken",
        "无法使用 x：消息是空的",
    ]


# On the page


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
        notices.filter(has_text=re.compile(r"输入有 [\d,]+ 个词元，上下文只能容纳 8,192 个"))
    ).to_be_visible()
    expect(notices.filter(has_text="消息已保留，但不在对话中")).to_be_visible()


def test_a_conversation_that_was_deleted(here: Window, page: Served) -> None:
    here.says("Say hi.")
    chat = here.chat
    page.people[""].delete(chat)
    page.people[""].changes.notify()
    expect(here.page.locator(".gone")).to_contain_text("它没有保存，或已被删除")
    here.ask("still here?")
    expect(here.page.locator(".toast.warning")).to_contain_text("此对话已不存在")


def test_a_model_that_failed(browser: Browser, tmp_path: Path) -> None:
    model = ScriptedModel("so ", RuntimeError("no more memory"))
    with served(tmp_path, model) as failing, window(browser, failing.page.url, locale="zh-CN") as here:
        here.open().ask("hello")
        expect(here.page.locator(".toast.info")).to_have_text("模型出错：no more memory")
        here.ask("/hlep")
        expect(here.page.locator(".toast.warning")).to_contain_text("没有命令 /hlep：您是不是想输入 /help？")
