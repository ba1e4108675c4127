"""The catalogue and the source agree: each code is used, each use has its arguments, in every language."""

import ast
import copy
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from catalog_arguments import argument_names
from places import ROOT

from qwen_chat import i18n
from qwen_chat.commands.registry import COMMANDS
from qwen_chat.i18n.catalog import catalog
from qwen_chat.sampling import MEANINGS
from qwen_chat.settings import SPECS

PACKAGE = ROOT / "qwen_chat"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
CODE = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
SCRIPT_CALL = re.compile(r'translate\(\s*"([a-z0-9_.]+)"(?:,\s*\{([^{}]*)\})?')
ROLES = "roles/builtin/"
"""Roles are in one language as a whole."""


def sources(ending: str) -> list[Path]:
    return sorted(PACKAGE.rglob(f"*.{ending}"))


def python_calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sources("py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "i18n.Text":
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def script_calls() -> Iterator[tuple[str, str, set[str]]]:
    for path in sources("js"):
        for code, arguments in SCRIPT_CALL.findall(path.read_text(encoding="utf-8")):
            yield (
                path.name,
                code,
                set(re.findall(r"(\w+)(?=\s*:|\s*,|\s*$)", re.sub(r":[^,]*", ":", arguments))),
            )


def literals() -> set[str]:
    """Every text in the source that looks like a code."""
    found = set()
    for path in [*sources("py"), *sources("js")]:
        found |= set(CODE.findall(path.read_text(encoding="utf-8")))
    return found


def test_a_text_is_in_every_language() -> None:
    for code, languages in catalog().items():
        assert set(languages) == set(i18n.LANGUAGES), code
        assert CODE.fullmatch(code), code
        english, chinese = languages["en"], languages["zh"]
        assert all(isinstance(form, str) or "other" in form for form in (english, chinese)), code
        assert argument_names(english) - {"count"} == argument_names(chinese) - {"count"}, code


def codes_of(code: ast.expr) -> list[str]:
    """Return the code that a call writes out, or every code that begins as its f-string does."""
    if isinstance(code, ast.JoinedStr) and isinstance(code.values[0], ast.Constant):
        return i18n.codes(str(code.values[0].value))
    assert isinstance(code, ast.Constant), "a code is written out, so that it can be found"
    return [str(code.value)]


def test_every_use_in_python_has_a_code_and_its_arguments() -> None:
    for where, call in python_calls():
        codes = codes_of(*call.args)
        assert codes, where
        for code in codes:
            assert code in catalog(), f"{where}: {code}"
            assert {keyword.arg for keyword in call.keywords} == argument_names(catalog()[code]["en"]), where


def test_every_use_in_the_script_has_its_arguments() -> None:
    for where, code, arguments in script_calls():
        assert arguments == argument_names(catalog()[code]["en"]), f"{where}: {code}"


def test_every_code_is_used() -> None:
    used = literals().union(*(codes_of(*call.args) for _, call in python_calls()))
    assert [code for code in catalog() if code not in used] == []


def test_a_parameter_means_the_same_in_the_catalog_and_in_its_definition() -> None:
    for code in i18n.codes("sampling."):
        assert catalog()[code]["en"] == MEANINGS[code.removeprefix("sampling.")]
    assert catalog()["panel.thinking_hint"]["en"] == SPECS["think"].help


def test_every_command_has_a_summary() -> None:
    assert {entry.summary.code for entry in COMMANDS} == set(i18n.codes("command_help."))


def test_no_chinese_stands_outside_the_catalog() -> None:
    files = [path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".js", ".html", ".css", ".toml"}]
    found = [
        path.relative_to(PACKAGE).as_posix() for path in files if CHINESE.search(path.read_text("utf-8"))
    ]
    assert [path for path in found if not path.startswith(ROLES)] == []


def test_a_text_is_english_and_keeps_what_it_was_made_of() -> None:
    busy = i18n.Text("model.busy", count=6400)
    assert busy == "the model is busy and 6,400 requests are waiting already: try again in a while"
    assert (busy.code, busy.arguments) == ("model.busy", {"count": 6400})
    assert i18n.translate(busy, "zh") == "模型正忙，已有 6,400 个请求在排队：请稍后再试"
    assert i18n.translate(busy, "en") == busy


def test_one_text_may_hold_another() -> None:
    text = i18n.Text("notice.not_saved_yet", reason=i18n.Text("message.empty"))
    assert i18n.translate(text, "zh") == "尚未保存，将会重试：消息是空的"
    assert i18n.as_json(text) == {
        "text": "not saved yet, will try again: the message is empty",
        "code": "notice.not_saved_yet",
        "arguments": {"reason": {"text": "the message is empty", "code": "message.empty", "arguments": {}}},
    }


def test_a_text_of_another_origin_stays_as_it_is() -> None:
    assert i18n.translate("port 80 is taken", "zh") == "port 80 is taken"
    assert i18n.as_json("port 80") == {"text": "port 80", "code": "", "arguments": {}}


def test_an_argument_is_never_a_template() -> None:
    text = i18n.Text("file.empty", name="{name} {count} {0}")
    assert text == "{name} {count} {0} is empty"


@pytest.mark.parametrize(
    ("count", "english", "chinese"),
    [
        (0, "Nothing new was in the file.", "文件中没有新的对话。"),
        (1, "1 conversation added.", "已添加 1 个对话。"),
        (1000, "1,000 conversations added.", "已添加 1,000 个对话。"),
    ],
)
def test_plural_forms(count: int, english: str, chinese: str) -> None:
    text = i18n.Text("list.imported", count=count)
    assert text == english
    assert i18n.translate(text, "zh") == chinese


def test_what_is_missing_is_a_fault_at_once() -> None:
    with pytest.raises(KeyError, match="no_such"):
        i18n.Text("no_such.code")
    with pytest.raises(KeyError, match="count"):
        i18n.Text("model.busy")


def test_a_text_is_copied_whole() -> None:
    text = i18n.Text("model.busy", count=3)
    for other in (copy.deepcopy(text), pickle.loads(pickle.dumps(text))):  # noqa: S301 - our own
        assert (other, other.code, other.arguments) == (text, text.code, text.arguments)
