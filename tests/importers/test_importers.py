"""Chats of other programs: the whole tree comes in, or a line says which chat is at fault and why."""

import copy
import io
import json
import random
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from places import DATA

from qwen_chat import importers as importing
from qwen_chat.errors import StoreError, UsageError
from qwen_chat.export import from_json, to_json, to_qwen
from qwen_chat.history import History, Node
from qwen_chat.importers import parse_chats, read_chats
from qwen_chat.importers import source_file as reading
from qwen_chat.message import Message, Usage
from qwen_chat.storage.store import Store

CHATGPT, OPENWEBUI, SHAREGPT = (DATA / name for name in ("chatgpt.json", "openwebui.json", "sharegpt.jsonl"))


def chat(path: Path, number: int = 1) -> History:
    return read_chats(path).chats[number - 1]


def said(nodes: list[Node]) -> list[tuple[str, str]]:
    return [(node.message.role, node.message.content) for node in nodes]


def values(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    found: list[Any] = (
        [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
    )
    return found


@pytest.fixture
def file(tmp_path: Path) -> Callable[[object], Path]:
    def write(value: object) -> Path:
        path = tmp_path / "chats.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return path

    return write


def fault(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_chats(path)
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


# ChatGPT


def test_a_tree_of_chatgpt() -> None:
    history = chat(CHATGPT)
    assert history.title == "Two tides a day"
    assert said(history.path()) == [
        ("user", "Why are there two tides a day?"),
        ("assistant", "Because the Moon pulls the near side more than the far side."),
        ("user", "[image]\nPlot the height of the tide in this picture 🌊\n\n[file: heights.csv]"),
        (
            "assistant",
            "```python\nimport pandas as pd\npd.read_csv('/mnt/data/heights.csv').plot()\n```\n\n"
            "```\n<Axes: xlabel='hour'>\n```\n\n[image]\n\nThe highest water is at **hour 14**.",
        ),
        ("user", "And in winter?"),
        ("assistant", "Spring tides come then, too.\n[audio]"),
    ]
    first, answer, _, plotted, *_ = history.path()
    assert [node.message.content for node in history.siblings(answer.id)][1].endswith(
        "stretches the sea into"
    )
    assert [node.message.content for node in history.children(plotted.id)] == [
        "And tomorrow?",
        "And in winter?",
    ]
    assert plotted.message.reasoning.startswith("**Reading the file**\n\nI should load the heights first.")
    assert first.created == 1719650000.123456


def test_who_answered_when_and_how_it_ended_at_chatgpt() -> None:
    history = chat(CHATGPT)
    answers = [node.answer for node in history.nodes() if node.answer]
    made = [(answer.model, answer.finish_reason) for answer in answers]
    assert made == [("gpt-4o", "stop"), ("gpt-4o-mini", "length"), ("o4-mini", "stop"), ("gpt-4o", "stop")]
    assert history.system is not None
    assert history.system.message.content == "I teach physics.\n\nBe brief."
    assert {answer.system for answer in answers} == {history.system.id}
    assert max(node.created for node in history.nodes()) == 1719650305.0


def test_chats_of_chatgpt_in_which_nothing_is_said_are_named() -> None:
    found = read_chats(CHATGPT)
    assert [history.title for history in found.chats] == ["Two tides a day", "月亮的诗"]
    assert found.faults == ["chat 3 'New chat': nothing is said in it"]


def test_an_export_of_chatgpt_as_it_is_downloaded(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    parts = values(CHATGPT)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("chat.html", "<html>")
        archive.writestr("conversations-001.json", json.dumps(parts[1:]))
        archive.writestr("conversations-000.json", json.dumps(parts[:1]))
        archive.writestr("shared_conversations.json", "[]")
    assert [history.title for history in read_chats(path).chats] == ["Two tides a day", "月亮的诗"]


# Open WebUI


def test_a_tree_of_open_webui() -> None:
    history = chat(OPENWEBUI)
    assert history.title == "🌙 Distance of the Moon"
    assert said(history.path()) == [
        ("user", "How far is the Moon?"),
        ("assistant", "**384,400 km** on average."),
        ("user", "What is in this picture?\n\n[image]\n\n[file: orbit notes.pdf]"),
        ("assistant", "[tool call: look_up]\nThe Moon over a harbour, and"),
    ]
    _, answer, _, cut = history.path()
    assert answer.message.reasoning == "The mean distance is asked for.\nIt is < 400,000 km."
    assert answer.answer is not None
    assert answer.answer.usage == Usage(prompt_tokens=26, completion_tokens=31)
    assert cut.answer is not None
    assert cut.answer.finish_reason == "interrupted"
    models = [node.answer.model for node in history.siblings(answer.id) if node.answer]
    assert models == ["qwen3:8b", "llama3.1:8b"]
    failed = history.nodes()[-1]
    assert failed.message.content == "[error] model requires more system memory"
    assert history.system is not None
    assert history.system.message.content == "Answer in kilometres."
    assert {node.created for node in history.nodes()} <= set(range(1744577557, 1744577702))


def test_a_chat_of_open_webui_without_its_record(file: Callable[[object], Path]) -> None:
    inner = values(OPENWEBUI)[0]["chat"]
    assert said(chat(file(inner)).path()) == said(chat(OPENWEBUI).path())
    for message in inner["history"]["messages"].values():
        message["timestamp"] *= 1000
    assert [n.created for n in chat(file(inner)).path()] == [n.created for n in chat(OPENWEBUI).path()]


# Samples for tuning


def test_samples_of_sharegpt_and_qwen() -> None:
    histories = read_chats(SHAREGPT).chats
    assert [history.title for history in histories] == [
        "What is a spring tide?",
        "你是谁",
        "[image] What is this?",
        "Look up the tide.",
    ]
    assert said(histories[0].path())[2:] == [
        ("user", "And a neap tide?"),
        ("assistant", "One at half moon, lower than others."),
    ]
    assert histories[0].path()[3].message.reasoning == "The opposite."
    systems = [history.system.message.content if history.system else None for history in histories]
    assert systems == [None, "You are Qwen.", "You are a helpful assistant.", None]
    assert said(histories[3].path())[1:] == [
        ("assistant", '[tool call] {"name": "tide"}\n\n[tool] {"height": 4.2}\n\nIt is 4.2 m high.')
    ]


def test_our_own_samples_come_back(file: Callable[[object], Path]) -> None:
    before = read_chats(SHAREGPT).chats[0]
    after = chat(file(to_qwen(before)))
    assert [node.message for node in after.path()] == [node.message for node in before.path()]
    assert after.title == before.title


# Ours


def test_our_own_export_comes_back_whole(file: Callable[[object], Path]) -> None:
    before = chat(CHATGPT)
    for value in (to_json(before), [json.loads(to_json(before))] * 2):
        after = chat(file(value))
        assert said(after.nodes()) == said(before.nodes())
        assert [node.created for node in after.nodes()] == [node.created for node in before.nodes()]
        assert not {node.id for node in after.nodes()} & {node.id for node in before.nodes()}


# From bytes


def test_bytes_are_read_as_a_file_is() -> None:
    for path in (CHATGPT, OPENWEBUI, SHAREGPT):
        given, read = parse_chats(path.name, path.read_bytes()), read_chats(path)
        assert [said(history.nodes()) for history in given.chats] == [
            said(history.nodes()) for history in read.chats
        ]
        assert given.faults == read.faults


def test_a_packed_export_is_read_from_bytes() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(CHATGPT, "conversations.json")
    found = parse_chats("export.zip", packed.getvalue())
    assert [history.title for history in found.chats] == ["Two tides a day", "月亮的诗"]


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[]", b"PK\x03\x04", b"\0" * 9, b"[7, 8]"])
def test_bytes_without_chats_are_told_by_their_name(data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        parse_chats("my\nchats.json", data)
    assert "my chats.json" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


# Into the store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data" / "chats.db")


def test_imported_chats_are_listed_by_their_own_times(store: Store) -> None:
    added = store.add_all(read_chats(CHATGPT).chats + read_chats(OPENWEBUI).chats)
    listed = store.recent()
    assert [summary.title for summary in listed] == [
        "🌙 Distance of the Moon",
        "Two tides a day",
        "月亮的诗",
    ]
    assert [summary.updated for summary in listed] == [1744577701.0, 1719650305.0, 1690000004.0]
    for history in added:
        kept = store.load(history.id)
        assert (kept.nodes(), kept.head, kept.system) == (history.nodes(), history.head, history.system)
    assert [hit.title for hit in store.search("spring tides")] == ["Two tides a day"]


def test_importing_twice_adds_nothing(store: Store) -> None:
    for path in (CHATGPT, OPENWEBUI, SHAREGPT):
        assert len(store.add_all(read_chats(path).chats)) == len(read_chats(path).chats)
        assert store.add_all(read_chats(path).chats) == []
    count = len(store.recent())
    longer = chat(CHATGPT)
    longer.add(Message("user", "One more?"))
    assert store.add_all([longer]) == [longer]
    assert store.add_all([from_json(to_json(longer))]) == []
    assert len(store.recent()) == count + 1


def test_all_of_an_import_or_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    histories = read_chats(CHATGPT).chats
    broken = History(title="broken")
    broken.add(Message("user", "half \ud800"))
    with pytest.raises((UsageError, StoreError)):
        store.add_all([*histories, broken])
    assert store.recent() == []
    assert store.search("tides") == []


# Faults


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "not JSON: expecting value"),
        ("{", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ('{"a": 1}\n{"b": ', "line 2: not JSON: "),
        ("[]", "the list is empty"),
        ("null", "it has none of the known forms: ChatGPT, Open WebUI, Claude, LM Studio, SillyTavern, "),
        ([{"title": "x"}], "chat 1 'x': it has none of the known forms"),
        ([7, 8, 9], "chat 1: it has none of the known forms"),
        ([7, 8, 9], ", and 2 more like it"),
        ({"format": "qwen-chat/1"}, "'messages' is missing"),
    ],
)
def test_a_file_without_chats(file: Callable[[object], Path], value: object, message: str) -> None:
    told = fault(file(value))
    assert message in told
    assert "chats.json" in told


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chats.json"
    assert fault(path).endswith("No such file or directory")
    path.write_bytes(b"[\xff]")
    assert fault(path).endswith("is not UTF-8 text (byte 1): convert it, for example with iconv")
    path.write_bytes(b"PK\x03\x04 not a zip")
    assert fault(path).startswith(f"cannot read {path}: ")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "x")
    assert "has no conversations.json in it" in fault(path)
    assert fault(tmp_path).endswith("not a plain file") or "directory" in fault(tmp_path)
    monkeypatch.setattr(reading, "MAX_BYTES", 1000)
    path.write_bytes(b"[" + b" " * 1000)
    assert "is larger than" in fault(path)
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("conversations.json", " " * 100_000)
    path.write_bytes(bomb.getvalue())
    assert len(bomb.getvalue()) < 1000
    assert "is larger than" in fault(path)
    assert importing.MAX_BYTES >= 512 * 2**20


def place(value: Any, step: str) -> str | int:
    """Return the key or index that a step names; * is the fourth of an object's."""
    return int(step) if isinstance(value, list) else list(value)[3] if step == "*" else step


@pytest.mark.parametrize(
    ("path", "way", "new", "message"),
    [
        (CHATGPT, "title", 7, "'title' must be text"),
        (CHATGPT, "mapping", [], "'mapping' must be an object"),
        (CHATGPT, "mapping", None, "nothing is said in it"),
        (CHATGPT, "mapping/*", 7, "message 4: 'node' must be an object"),
        (CHATGPT, "mapping/*/message", "x", "message 4: 'message' must be an object"),
        (CHATGPT, "mapping/*/message/author", [], "message 4: 'author' must be an object"),
        (CHATGPT, "mapping/*/message/content/parts", "x", "message 4: 'parts' must be a list"),
        (CHATGPT, "mapping/*/message/content/parts", [7], "message 4: 'parts' must be an object"),
        (OPENWEBUI, "chat/history/messages", 7, "'messages' must be an object"),
        (OPENWEBUI, "chat/history/messages/*/content", 7, "message 4: 'content' must be text"),
        (OPENWEBUI, "chat/history/messages/*/content", [7], "message 4: 'content' must be an object"),
        (OPENWEBUI, "chat/history/messages/*/files", "x", "message 4: 'files' must be a list"),
        (SHAREGPT, "conversations/1/value", 7, "message 2: 'value' must be text"),
        (SHAREGPT, "conversations/1", 7, "message 2: 'message' must be an object"),
        (SHAREGPT, "conversations", [], "nothing is said in it"),
    ],
)
def test_a_chat_with_a_fault_is_named_and_left_out(
    file: Callable[[object], Path], path: Path, way: str, new: object, message: str
) -> None:
    good, bad = values(path)[0], copy.deepcopy(values(path)[0])
    *steps, last = way.split("/")
    target: Any = bad
    for step in steps:
        target = target[place(target, step)]
    target[place(target, last)] = new
    found = read_chats(file([good, bad]))
    assert len(found.chats) == 1
    (told,) = found.faults
    assert told.startswith("chat 2")
    assert message in told


def test_messages_in_a_circle(file: Callable[[object], Path]) -> None:
    value = values(CHATGPT)[1]
    first, *_, last = value["mapping"].values()
    first["parent"] = last["id"]
    assert "its messages run in a circle" in fault(file(value))


def test_what_hangs_in_the_air_begins_a_branch(file: Callable[[object], Path]) -> None:
    value = values(CHATGPT)[1]
    *_, question, answer = value["mapping"].values()
    question["parent"] = "gone"
    value["current_node"] = "gone, too"
    assert [role for role, _ in said(chat(file(value)).path())] == ["user", "assistant"]
    answer["parent"] = None
    assert len(chat(file(value)).nodes()) == 2


def test_halves_of_surrogate_pairs(file: Callable[[object], Path]) -> None:
    history = chat(file('{"conversations": [{"from": "user", "value": "\\ud83c\\udf0a and \\ud83c"}]}'))
    assert said(history.path()) == [("user", "🌊 and \ufffd")]


def test_a_long_chat_is_no_matter_of_depth(file: Callable[[object], Path]) -> None:
    turns = [{"from": ("user", "assistant")[number % 2], "value": f"{number}"} for number in range(20_000)]
    assert len(chat(file({"conversations": turns})).path()) == 20_000


JUNK: list[Any] = [
    None,
    True,
    -1,
    0,
    2**70,
    1e300,
    float("nan"),
    "",
    "x",
    "\ud83d",
    [],
    [[]],
    {},
    {"role": "user"},
]


def pieces(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict | list) and value else []
    return own + [piece for part in inner for piece in pieces(part)]


@pytest.mark.parametrize("path", [CHATGPT, OPENWEBUI, SHAREGPT])
def test_180_damaged_files_are_read_or_refused(
    path: Path, file: Callable[[object], Path], tmp_path: Path
) -> None:
    seeded = random.Random(3)
    read = refused = 0
    with closing(Store(tmp_path / "chats.db")) as store:
        for _ in range(60):
            value = values(path)
            for _ in range(seeded.randint(1, 3)):
                piece = seeded.choice(pieces(value) or [[0]])
                key = seeded.choice(list(piece) if isinstance(piece, dict) else range(len(piece)))
                piece[key] = copy.deepcopy(seeded.choice(JUNK))
            try:
                found = read_chats(file(value))
            except UsageError as error:
                assert len(str(error).splitlines()) == 1  # noqa: PT017
                refused += 1
                continue
            read += len(found.chats)
            refused += len(found.faults)
            assert not [line for line in found.faults if len(line.splitlines()) != 1]
            for history in store.add_all(found.chats):
                kept = store.load(history.id)
                assert (kept.nodes(), kept.head) == (history.nodes(), history.head)
                assert said(from_json(to_json(kept)).nodes()) == said(kept.nodes())
    assert (read >= 10, refused > 0) == (True, True)
