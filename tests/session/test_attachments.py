"""Files in messages: what is found, how it stands in the message, and what is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedModel

from qwen_chat import commands
from qwen_chat.errors import RefusedError
from qwen_chat.files.bounded_read import MAX_TEXT_BYTES
from qwen_chat.files.fenced import fence_file, full_text, join_files, split_files
from qwen_chat.message import Attachment
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.session.attachments import (
    attach_bytes,
    attach_mentions,
    attach_path,
    describe_sizes,
)
from qwen_chat.session.session import ChatSession


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, and in it the process."""
    here = tmp_path / "files"
    (here / "docs").mkdir(parents=True)
    (here / "notes.md").write_text("# Notes\nThe sky is green.\n")
    (here / "my notes.txt").write_text("The password is swordfish.")
    (here / "笔记.md").write_text("天是绿的。")
    (here / "docs" / "a.py").write_text("print(1)\r\n", newline="")
    monkeypatch.chdir(here)
    return here


@pytest.mark.parametrize(
    ("typed", "left", "names"),
    [
        ("@notes.md what is this?", "notes.md what is this?", ["notes.md"]),
        ("What is in @notes.md?", "What is in notes.md?", ["notes.md"]),
        ("(see @docs/a.py, @notes.md.)", "(see docs/a.py, notes.md.)", ["docs/a.py", "notes.md"]),
        ('sum up @"my notes.txt" now', "sum up my notes.txt now", ["my notes.txt"]),
        ("总结@notes.md这个文件", "总结notes.md这个文件", ["notes.md"]),
        ("总结@笔记.md，谢谢", "总结笔记.md，谢谢", ["笔记.md"]),
        ("@notes.md and @notes.md", "notes.md and notes.md", ["notes.md"]),
        ("me@notes.md and a.b@notes.md", "me@notes.md and a.b@notes.md", []),
        (
            "@nobody thinks @property, @ @. @.. @@notes.md",
            "@nobody thinks @property, @ @. @.. @@notes.md",
            [],
        ),
        ("@notes.md/ @notes.mdx @notes", "@notes.md/ @notes.mdx @notes", []),
        (
            '@"" @"nothing here" @~nobody/x @' + "x" * 5000,
            '@"" @"nothing here" @~nobody/x @' + "x" * 5000,
            [],
        ),
    ],
)
def test_mentions_are_found(typed: str, left: str, names: list[str]) -> None:
    text, files = attach_mentions(typed)
    assert (text, [file.name for file in files]) == (left, names)


@given(st.text(st.characters(codec="utf-8")))
def test_text_without_files_is_left_as_it_is(text: str) -> None:
    mention = text.replace("@", "@no-")
    assert attach_mentions(mention) == (mention, [])


def test_a_home_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert attach_mentions("@~/notes.md")[1][0].text == "# Notes\nThe sky is green.\n"


def test_the_message_is_the_files_and_the_question() -> None:
    question, files = attach_mentions("Compare @notes.md and @docs/a.py")
    assert join_files(question, files) == (
        "notes.md:\n```md\n# Notes\nThe sky is green.\n```\n\n"
        "docs/a.py:\n```py\nprint(1)\n```\n\n"
        "Compare notes.md and docs/a.py"
    )


@given(st.text(st.sampled_from("`a\n:"), min_size=1), st.text(st.sampled_from("`a\n: "), min_size=1))
def test_no_fence_in_a_file_ends_its_own(text: str, question: str) -> None:
    file = Attachment("x", text)
    fence = fence_file(file).split("\n")[1]
    assert set(fence) == {"`"}
    assert fence not in text
    if question.strip() and question[0] == "a" and "`" not in question:
        whole = join_files(question, [Attachment("x.txt", text)])
        assert join_files(split_files(whole)[1], split_files(whole)[0]) == whole
        assert split_files(whole)[1] == question


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"a\0b", "x.bin is not text: it holds NUL bytes"),
        ("é".encode("latin-1"), "x.bin is not UTF-8 text (byte 0)"),
        (b" \n", "x.bin is empty"),
        (b"x" * (MAX_TEXT_BYTES + 1), "x.bin is larger than 8 MiB"),
    ],
    ids=["nul", "latin-1", "empty", "giant"],
)
def test_what_is_no_text_is_refused_by_name_and_reason(data: bytes, fault: str) -> None:
    Path("x.bin").write_bytes(data)
    for give in (lambda: attach_bytes("x.bin", data), lambda: attach_mentions("look at @x.bin")):
        with pytest.raises(RefusedError) as refused:
            give()
        assert str(refused.value).startswith(fault)
        assert "\n" not in str(refused.value)


def test_folders_and_missing_files_are_refused() -> None:
    with pytest.raises(RefusedError, match="docs is a folder: name a file in it"):
        attach_mentions("@docs")
    with pytest.raises(RefusedError, match="/dev/zero: not a plain file"):
        attach_path("/dev/zero")
    with pytest.raises(RefusedError, match=r"cannot read none.md: No such file"):
        attach_path("none.md")
    Path("gone.md").symlink_to("nowhere")
    with pytest.raises(RefusedError, match=r"cannot read gone.md: No such file"):
        attach_mentions("@gone.md")


def test_names_stay_on_one_line() -> None:
    assert fence_file(attach_bytes("a\n```\nb.md", b"x")).startswith("a ``` b.md:\n```md\n")


def test_tokens_are_counted(model: LlamaCppModel) -> None:
    (said,) = describe_sizes([attach_path("notes.md")], model)
    assert said == "notes.md: 2 lines, 19 tokens"
    assert describe_sizes([attach_path("docs/a.py")], ScriptedModel()) == ["docs/a.py: 1 line"]


def test_a_message_that_cannot_fit_is_refused_and_not_kept(model: LlamaCppModel) -> None:
    Path("long.txt").write_text("some words and more of them\n" * 4000)
    session = ChatSession(model)
    fault = r"long.txt: the message would have 28,0\d\d tokens, the context holds 8,192: give a part"
    with pytest.raises(RefusedError, match=fault):
        commands.send_message(session, "@long.txt what?")
    with pytest.raises(RefusedError, match=fault):
        commands.run(session, "file", "long.txt -- what?")
    assert session.history.path() == []
    assert session.history.title == ""


def sent(outcome: commands.CommandResult, session: ChatSession) -> str:
    assert outcome.turn is not None
    outcome.turn.wait()
    return full_text(session.history.path()[-2].message)


def test_files_are_sent_by_command_by_mention_and_by_edit() -> None:
    session = ChatSession(ScriptedModel("Yes."))
    outcome = commands.run(session, "file", '"my notes.txt" docs/a.py -- What is in @notes.md?')
    assert outcome.text.split("\n") == ["my notes.txt: 1 line", "docs/a.py: 1 line", "notes.md: 2 lines"]
    asked = sent(outcome, session)
    assert asked.startswith("my notes.txt:\n```txt\nThe password is swordfish.\n```\n\ndocs/a.py:\n")
    assert asked.endswith("\n\nWhat is in notes.md?")
    assert session.history.title == "What is in notes.md?"
    outcome = commands.send_message(session, "And @docs/a.py?")
    assert outcome.text == "docs/a.py: 1 line"
    assert sent(outcome, session) == "docs/a.py:\n```py\nprint(1)\n```\n\nAnd docs/a.py?"
    outcome = commands.run(session, "edit", "3 Or @notes.md?")
    assert outcome.text == "notes.md: 2 lines"
    assert sent(outcome, session).endswith("```\n\nOr notes.md?")


def test_a_question_may_follow_on_the_next_line() -> None:
    session = ChatSession(ScriptedModel("Yes."))
    name, argument = commands.parse("/file notes.md\nWhat is -- this?") or ("", "")
    assert sent(commands.run(session, name, argument), session).endswith("```\n\nWhat is -- this?")


def test_files_without_a_question_are_named_on_the_line() -> None:
    session = ChatSession(ScriptedModel("Yes."))
    outcome = commands.run(session, "file", "notes.md 'my notes.txt'")
    assert (outcome.text, outcome.action, outcome.turn) == ('@notes.md @"my notes.txt" ', "compose", None)
    for argument, fault in (("", "name the files"), ('"a', "not closed"), ("docs", "docs is a folder")):
        with pytest.raises(RefusedError, match=fault):
            commands.run(session, "file", argument)
