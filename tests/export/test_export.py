"""Conversations as files: what is written is read back whole; what is not ours is refused by name."""

import copy
import json
import random
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from qwen_chat.errors import UsageError
from qwen_chat.export import FORMAT, WRITERS, from_json, to_html, to_json, to_markdown, to_qwen
from qwen_chat.export.output_file import file_name, write_new
from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Attachment, Message, ToolCall, Usage
from qwen_chat.storage.store import Store
from qwen_chat.training.calibration import read_conversations

UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
USAGE = Usage(11, 3, 7, 0.25, 1.5)


def conversation() -> History:
    """Return a conversation with two branches, two system prompts and a cut answer."""
    history = History(title="Tides 潮汐")
    first = history.set_system("Be brief.")
    history.add(Message("user", "Why tides?\r\n\ttab"))
    history.add(
        Message("assistant", "The Moon.", "thinking…"), AnswerDetails("demo", first.id, 7, "stop", USAGE)
    )
    second = history.set_system("Be long.")
    history.add(Message("user", "And the Sun?"))
    history.add(Message("assistant", "It p"), AnswerDetails("demo", second.id, 8, "interrupted"))
    history.edit(history.message_at(1).id, "Why no tides?")
    return history


def shape(history: History) -> list[tuple[object, ...]]:
    """Return all there is to a conversation, ids aside: nodes by their number in the list."""
    numbers: dict[str | None, int | None] = {
        node.id: number for number, node in enumerate(history.nodes())
    } | {None: None}

    def known(answer: AnswerDetails | None) -> tuple[object, ...] | None:
        return (replace(answer, system=None), numbers[answer.system]) if answer else None

    return [
        (node.message, numbers[node.parent], known(node.answer), node.created) for node in history.nodes()
    ] + [(history.title, history.role, numbers[history.head], history.system and numbers[history.system.id])]


def document(**changes: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(to_json(conversation()))
    return {**parsed, **changes}


def fault_of(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        from_json(text)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


# JSON


def test_a_tree_is_read_back_whole() -> None:
    history = conversation()
    again = from_json(to_json(history))
    assert shape(again) == shape(history)
    assert len(again.siblings(again.path()[0].id)) == 2
    assert again.system is not None
    assert again.system.message.content == "Be long."


def with_tools() -> History:
    """Return a conversation with a file, calls of tools and their results, in a role."""
    history = History(role="detective")
    history.add(Message("user", "When?", attachments=(Attachment("sun.md", "It is\r\nlate."),)))
    calls = (ToolCall("call_1", "search", '{"q": "潮"'), ToolCall("call_2", "now", "{}"))
    history.add(Message("assistant", "", tool_calls=calls), AnswerDetails("demo", finish_reason="tool_calls"))
    history.add(Message("tool", "12:00", tool_call_id="call_2", name="now"))
    history.add(Message("assistant", "At noon."), AnswerDetails("demo", finish_reason="stop"))
    return history


def test_files_tool_calls_and_the_role_are_read_back() -> None:
    history = with_tools()
    assert shape(from_json(to_json(history))) == shape(history)


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("attachments", "x", "'message.attachments' must be a list"),
        ("attachments", [7], "'message.attachments[0]' must be an object"),
        ("attachments", [{"name": "a"}], "'message.attachments[0].text' is missing"),
        (
            "attachments",
            [{"name": "a", "text": "\ud800"}],
            "'message.attachments[0].text' must be valid text",
        ),
        ("tool_calls", {}, "'message.tool_calls' must be a list"),
        (
            "tool_calls",
            [{"id": "1", "name": "a", "arguments": {}}],
            "'message.tool_calls[0].arguments' must be text",
        ),
        ("tool_call_id", 7, "'message.tool_call_id' must be text"),
        ("name", [], "'message.name' must be text"),
    ],
)
def test_faults_of_files_and_tool_calls_are_named(field: str, value: object, fault: str) -> None:
    parsed = json.loads(to_json(with_tools()))
    parsed["messages"][1]["message"][field] = value
    assert fault_of(json.dumps(parsed)).startswith(f"message 2: {fault}")


def test_pages_show_files_tool_calls_and_their_results() -> None:
    history = with_tools()
    for page in (to_markdown(history), to_html(history)):
        for text in ("sun.md:", "late.", "search", "12:00", "Tool", "At noon."):
            assert text in page


def test_an_empty_conversation_is_read_back() -> None:
    again = from_json(to_json(History()))
    assert (again.nodes(), again.head, again.system, again.title) == ([], None, None, "")


def test_what_was_read_is_another_conversation(tmp_path: Path) -> None:
    history = conversation()
    store = Store(tmp_path / "chats.db")
    store.keep_all(history)
    text = to_json(history)
    for _ in range(2):
        again = from_json(text.replace("The Moon.", "The cheese."))
        store.keep_all(again)
        assert not {node.id for node in again.nodes()} & {node.id for node in history.nodes()}
        assert shape(store.load(again.id)) == shape(again)
    assert shape(store.load(history.id)) == shape(history)
    assert len(store.recent()) == 3
    store.close()


def test_a_file_written_while_an_answer_was() -> None:
    history = History()
    history.add(Message("user", "q"))
    history.add(Message("assistant", ""), AnswerDetails("demo"))
    answer = from_json(to_json(history)).path()[-1].answer
    assert answer is not None
    assert answer.finish_reason == "interrupted"


def test_a_file_written_by_hand() -> None:
    history = from_json(
        json.dumps(
            {
                "format": FORMAT,
                "head": "2",
                "messages": [
                    {"id": "1", "created": 0, "message": {"role": "user", "content": "q"}},
                    {
                        "id": "2",
                        "parent": "1",
                        "created": 1.5,
                        "message": {"role": "assistant", "content": "a"},
                        "note": "ignored",
                    },
                ],
            }
        )
    )
    assert [node.message for node in history.path()] == [Message("user", "q"), Message("assistant", "a")]
    assert [node.answer for node in history.path()] == [None, AnswerDetails(finish_reason="stop")]


@examples(300)
@given(texts=st.lists(st.tuples(UNICODE, UNICODE), min_size=1, max_size=4), title=UNICODE)
def test_any_text_is_read_back_by_the_byte(texts: list[tuple[str, str]], title: str) -> None:
    history = History(title=" ".join(title.split()))
    for content, reasoning in texts:
        history.add(Message("assistant", content, reasoning), AnswerDetails("demo", finish_reason="stop"))
    data = to_json(history).encode()
    again = from_json(data.decode())
    assert shape(again) == shape(history)
    assert [node.message.content.encode() for node in again.path()] == [text.encode() for text, _ in texts]


def canonical(history: History) -> bytes:
    """Return the JSON of a conversation with numbers in the place of ids, which reading makes anew."""
    text = to_json(history).replace(history.id, "ID", 1)
    for number, node in enumerate(history.nodes()):
        text = text.replace(f'"{node.id}"', str(number))
    return text.encode()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "answer", "answer", "cut", "system", "edit", "undo", "again", "move"]),
        UNICODE,
        UNICODE,
        st.integers(0, 30),
    ),
    max_size=14,
)
ENDINGS: list[Any] = ["length", "context", "interrupted", "error"]


def lived(steps: list[tuple[str, str, str, int]], title: str) -> History:
    """Return a conversation in which these things were done, those that could be."""
    history = History(title=" ".join(title.split()))
    for kind, text, more, number in steps:
        system = history.system.id if history.system else None
        path = history.path()
        match kind:
            case "ask":
                history.add(Message("user", text))
            case "answer":
                usage = Usage(number, number // 2, number * 3, number / 7, 1 / (number + 1))
                history.add(
                    Message("assistant", text, more), AnswerDetails(more, system, number**9, "stop", usage)
                )
            case "cut":
                reason = ENDINGS[number % len(ENDINGS)]
                history.add(Message("assistant", text, more), AnswerDetails(text, system, None, reason))
            case "system":
                history.set_system(text)
            case "edit" if path:
                history.edit(history.message_at(number % len(path) + 1).id, text)
            case "undo" if any(node.message.role == "user" for node in path):
                history.undo()
            case "again" if any(node.message.role == "user" for node in path):
                history.rewind_to_question()
            case "move":
                spoken = [node.id for node in history.nodes() if node.message.role != "system"]
                history.move_head(spoken[number % len(spoken)] if spoken and number else None)
    return history


@examples(1000)
@given(steps=STEPS, title=UNICODE)
def test_1000_conversations_come_back_by_the_byte(steps: list[tuple[str, str, str, int]], title: str) -> None:
    history = lived(steps, title)
    again = from_json(to_json(history).encode().decode())
    assert canonical(again) == canonical(history)
    assert shape(again) == shape(history)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: "),
        ("{", "not JSON: "),
        ("\0", "not JSON: "),
        ("[" * 200_000, "not JSON: "),
        ("9" * 5000, "not JSON: "),
        ("null", "not a conversation of qwen-chat: its format should say 'qwen-chat/1'"),
        ("[]", "not a conversation of qwen-chat: "),
        ('{"format": "qwen-chat/3"}', "not a conversation of qwen-chat: "),
        ('{"format": ["qwen-chat/1"]}', "not a conversation of qwen-chat: "),
        (f'{{"format": "{FORMAT}"}}', "'messages' is missing"),
        (f'{{"format": "{FORMAT}", "messages": {{}}}}', "'messages' must be a list"),
    ],
)
def test_a_file_that_is_no_conversation(text: str, message: str) -> None:
    assert fault_of(text).startswith(message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": 7}, "'title' must be text"),
        ({"title": "\ud800"}, "'title' must be valid text"),
        ({"head": ["x"]}, "'head' must be text"),
        ({"head": "x"}, "'head' names a message that is missing or comes later"),
        ({"system": {"x": 1}}, "'system' must be text"),
        ({"system": "x"}, "'system' names a message that is missing or comes later"),
    ],
)
def test_a_document_with_a_fault(changes: dict[str, Any], message: str) -> None:
    assert fault_of(json.dumps(document(**changes))) == message


def test_a_system_prompt_as_head() -> None:
    parsed = document()
    assert (
        fault_of(json.dumps({**parsed, "head": parsed["system"]})) == "'head' must not name a system prompt"
    )


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("", None, "it must be an object"),
        ("", "text", "it must be an object"),
        ("", [], "it must be an object"),
        ("id", None, "'id' must be text"),
        ("id", 7, "'id' must be text"),
        ("id", "SECOND", "another message has the same id"),
        ("parent", "x", "'parent' names a message that is missing or comes later"),
        ("parent", "THIRD", "'parent' names a message that is missing or comes later"),
        ("parent", "FOURTH", "'parent' names a message that is missing or comes later"),
        ("parent", ["x"], "'parent' must be text"),
        ("parent", {}, "'parent' must be text"),
        ("parent", "FIRST", "'parent' must not name a system prompt"),
        ("created", None, "'created' must be a number"),
        ("created", "now", "'created' must be a number"),
        ("created", True, "'created' must be a number"),
        ("created", float("nan"), "'created' must be in seconds since 1970"),
        ("created", float("inf"), "'created' must be in seconds since 1970"),
        ("created", 10**400, "'created' is out of range"),
        ("created", -1, "'created' must be in seconds since 1970"),
        ("created", 1e12, "'created' must be in seconds since 1970"),
        ("message", None, "'message' must be an object"),
        ("message", ["user", "q"], "'message' must be an object"),
        ("message.role", None, "'message.role' must be one of system, user, assistant, tool"),
        ("message.role", "robot", "'message.role' must be one of system, user, assistant, tool"),
        ("message.role", ["user"], "'message.role' must be one of system, user, assistant, tool"),
        ("message.content", None, "'message.content' must be text"),
        ("message.content", 7, "'message.content' must be text"),
        ("message.content", ["a\nb"], "'message.content' must be text"),
        ("message.content", "half \udc00", "'message.content' must be valid text"),
        ("message.reasoning", 7, "'message.reasoning' must be text"),
        ("answer", "demo", "'answer' must be an object"),
        ("answer.model", 7, "'answer.model' must be text"),
        ("answer.system", 7, "'answer.system' must be text"),
        ("answer.seed", "7", "'answer.seed' must be a whole number"),
        ("answer.seed", 1.5, "'answer.seed' must be a whole number"),
        ("answer.seed", True, "'answer.seed' must be a whole number"),
        ("answer.seed", 2**63, "'answer.seed' must be a whole number of at most 9223372036854775807"),
        (
            "answer.finish_reason",
            "tired",
            "'answer.finish_reason' must be one of stop, length, context, tool_calls, interrupted, error",
        ),
        ("answer.usage", 7, "'answer.usage' must be an object"),
        ("answer.usage.prompt_tokens", 1.5, "'answer.usage.prompt_tokens' must be a whole number"),
        ("answer.usage.decode_seconds", "1", "'answer.usage.decode_seconds' must be a number"),
    ],
)
def test_a_message_with_a_fault(path: str, value: Any, message: str) -> None:
    parsed = document()
    ids = [entry["id"] for entry in parsed["messages"]]
    names = {"FIRST": ids[0], "SECOND": ids[1], "THIRD": ids[2], "FOURTH": ids[3]}
    put(
        parsed, f"messages.2.{path}".rstrip("."), names.get(value, value) if isinstance(value, str) else value
    )
    assert fault_of(json.dumps(parsed)) == f"message 3: {message}"


def put(parsed: Any, path: str, value: Any) -> None:
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in way:
        parsed = parsed[step]
    parsed[last] = value


# Damage


def pieces(value: Any) -> list[Any]:
    """Return every list and object of a document."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict | list) and value else []
    return own + [piece for part in inner for piece in pieces(part)]


JUNK: list[Any] = [None, True, -1, 0, 2**70, 1e300, "", "x", "\ud83d", [], [[]], {}, {"role": "user"}, "user"]


def restructured(random: random.Random) -> str:
    """Return a valid file with one or two values dropped, doubled, swapped or replaced."""
    parsed = document()
    for _ in range(random.randint(1, 2)):
        piece = random.choice(pieces(parsed))
        key = random.choice(list(piece) if isinstance(piece, dict) else range(len(piece)))
        other = random.choice(pieces(parsed))
        match random.randrange(4):
            case 0:
                del piece[key]
            case 1:
                piece[key] = random.choice(JUNK)
            case 2:
                piece[key] = copy.deepcopy(other)
            case _ if isinstance(piece, list):
                piece.append(copy.deepcopy(piece[key]))
            case _:
                piece[key] = random.choice([entry["id"] for entry in document()["messages"]] + [FORMAT])
    return json.dumps(parsed)


def scrambled(random: random.Random) -> str:
    """Return a valid file with some of its bytes changed, lost or moved."""
    data = bytearray(to_json(conversation()).encode())
    for _ in range(random.randint(1, 2)):
        at = random.randrange(len(data))
        match random.randrange(3):
            case 0:
                data[at] = random.randrange(256)
            case 1:
                del data[at : at + random.randint(1, 40)]
            case _:
                data[at:at] = random.choice([b'"', b"{", b"]", b"null", b"1e999", b"NaN", b"\\ud800", b"-"])
    return data.decode(errors="replace")


def test_200_damaged_files_give_a_conversation_or_a_usage_error(tmp_path: Path) -> None:
    seeded = random.Random(1)
    store = Store(tmp_path / "chats.db")
    read = refused = 0
    for number in range(200):
        text = restructured(seeded) if number % 2 else scrambled(seeded)
        try:
            history = from_json(text)
        except UsageError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017
            refused += 1
            continue
        read += 1
        assert len(history.path()) <= len(history.nodes())
        assert to_markdown(history).startswith("# ")
        store.keep_all(history)
        assert shape(store.load(history.id)) == shape(from_json(to_json(history)))
    store.close()
    assert (read >= 10, refused >= 100) == (True, True)


# Markdown


def test_markdown_is_the_branch_in_view() -> None:
    history = conversation()
    history.move_head(history.nodes()[5].id)
    lines = to_markdown(history).splitlines()
    today = datetime.fromtimestamp(history.nodes()[1].created).strftime("%Y-%m-%d")
    heads = [re.sub(r"\d\d:\d\d", "TIME", line) for line in lines if line.startswith("#")]
    assert heads == [
        "# Tides 潮汐",
        f"## System · {today} TIME",
        f"## You · {today} TIME",
        f"## Assistant · {today} TIME",
        f"## You · {today} TIME",
        f"## Assistant · {today} TIME · interrupted",
    ]
    assert "Why no tides?" not in to_markdown(history)
    assert "Why no tides?" in to_markdown(conversation())


def test_markdown_of_a_conversation_without_a_name() -> None:
    assert to_markdown(History()) == "# Conversation\n"


def test_a_title_stays_one_line() -> None:
    text = to_json(History(title="one\n# two"))
    assert to_markdown(from_json(text)) == "# one # two\n"


@examples(300)
@given(text=UNICODE)
def test_markdown_holds_any_text_by_the_byte(text: str) -> None:
    history = History()
    node = history.add(Message("user", text))
    when = datetime.fromtimestamp(node.created).strftime("%Y-%m-%d %H:%M")
    assert to_markdown(history) == f"# Conversation\n\n## You · {when}\n\n{text}\n"


# Fine-tuning


def test_a_sample_to_fine_tune_with(tmp_path: Path) -> None:
    history = History("c0ffee", "Tides 潮汐")
    system = history.set_system("Be brief.")
    history.add(Message("assistant", "Hello!"), AnswerDetails("demo", system.id, finish_reason="stop"))
    history.add(Message("user", "no answer to this"))
    history.add(Message("user", "Why tides?"))
    history.add(
        Message("assistant", "The Moon.", "hm"), AnswerDetails("demo", system.id, finish_reason="stop")
    )
    history.add(Message("user", "nor to this"))
    text = to_qwen(history)
    conversations = [
        {"from": "user", "value": "Why tides?"},
        {"from": "assistant", "value": "<think>\nhm\n</think>\n\nThe Moon."},
    ]
    assert json.loads(text) == [
        {"id": "c0ffee", "title": "Tides 潮汐", "system": "Be brief.", "conversations": conversations}
    ]
    assert "潮汐" in text
    path = tmp_path / "data.json"
    path.write_text(text, encoding="utf-8")
    assert [message.role for message in read_conversations(path)[0]] == ["user", "assistant"]


def test_what_nothing_can_be_learnt_from() -> None:
    history = History()
    history.add(Message("user", "q"))
    with pytest.raises(UsageError, match="no question of the branch in view has an answer"):
        to_qwen(history)


# Pages


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("a **b** `c`", "<p>a <strong>b</strong> <code>c</code></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("<b>x</b> &amp;", "<p>&lt;b&gt;x&lt;/b&gt; &amp;</p>"),
        ("![moon](http://x.y/z.png)", '<a href="http://x.y/z.png" rel='),
        ("![moon](http://x.y/z.png)", "[image: moon]"),
        ("[x](javascript:alert)", "<p>[x](javascript:alert)</p>"),
        ("- [x] done\n- [ ] open", "<li>☑ done</li>\n<li>☐ open</li>"),
        ("| a |\n|--:|\n| 1 |", '<td align="right">1</td>'),
        ("```python\nimport x\n```", '<span class="kn">import</span>'),
        ("```nosuchlanguage\na < b\n```", "<pre><code>a &lt; b\n</code></pre>"),
        ("$5 and then $10", "<p>$5 and then $10</p>"),
        ("$x_1$ at the start, for $5 or $10", "<msub><mi>x</mi><mn>1</mn></msub>"),
        (r"so \(a\) and \[ b \]", '<math display="block" alttext="b">'),
        ("$$\nx\n$$", '<div class="formula"><math display="block" alttext="x">'),
        (r"$\text{<i>}$", "<mtext>&lt;i&gt;</mtext>"),
        ("$" + "{" * 1500 + "$", "<code>{{{"),
        ("$x_$", "<code>x_</code>"),
        (r"\begin{align}a&=b\end{align}", "<mtable"),
    ],
)
def test_markdown_in_a_page(markdown: str, html: str) -> None:
    history = History()
    history.add(Message("assistant", markdown), AnswerDetails(finish_reason="stop"))
    assert html in to_html(history)


def test_a_page_has_the_branch_in_view_and_how_it_ended() -> None:
    history = conversation()
    history.move_head(history.nodes()[5].id)
    page = to_html(history)
    assert page.count("<article") == 4
    assert "one of 2 versions" in page
    assert "interrupted" in page
    assert "Be long." in page
    assert "thinking…" in page
    assert "Why no tides?" not in page


def test_a_page_without_control_characters() -> None:
    history = History(title="\x1b[31m\0")
    history.add(Message("user", "a\x9b\0b"))
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", to_html(history))


@examples(200)
@given(
    text=st.text(
        st.characters(exclude_categories=["Cs"]) | st.sampled_from("$\\[]()<>&`|*_#-\n"), max_size=80
    )
)
def test_any_text_makes_a_page(text: str) -> None:
    history = History(title=text)
    history.add(Message("user", text))
    history.add(Message("assistant", text, text), AnswerDetails(text, finish_reason="stop"))
    page = to_html(history)
    assert page.startswith("<!DOCTYPE html>")
    assert not re.search(r"<(script|img|iframe|style)|\son\w+=", _tags(page.partition("<body>")[2]))


def _tags(page: str) -> str:
    """Return the tags of a page, without texts and values."""
    return re.sub(r'"[^"]*"', '""', " ".join(re.findall(r"<[^>]*>", page)))


# Files


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "mine.md"
    path.write_text("mine")
    with pytest.raises(UsageError, match=r"mine\.md exists: choose another name"):
        write_new(path, "theirs")
    assert path.read_text() == "mine"
    for bad in (tmp_path / "no" / "folder.md", tmp_path / "nul\0", Path("/proc/x")):
        with pytest.raises(UsageError, match="cannot write"):
            write_new(bad, "text")


@pytest.mark.parametrize(
    "title", ["../../etc/passwd", "/etc/passwd", "..", "a\\b", "\0", "", "潮汐/月亮", "x" * 500]
)
def test_a_title_is_never_a_path(title: str) -> None:
    for kind in WRITERS:
        name = file_name(History(title=title), kind)
        assert Path(name).name == name
        assert not name.startswith(".")
        assert "\\" not in name
        assert len(name) < 100
