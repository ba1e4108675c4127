"""Chats as other programs really write them: odd ones come in whole, and what was guessed is told."""

import io
import json
import zipfile
from typing import Any

import pytest

from qwen_chat.history import History, Node
from qwen_chat.importers import ImportedChats, parse_chats
from qwen_chat.message import Attachment

Said = list[tuple[str, str]]


def imported(value: Any) -> ImportedChats:
    text = value if isinstance(value, str) else json.dumps(value)
    found = parse_chats("chats.json", text.encode())
    assert found.faults == []
    return found


def chat(value: Any) -> History:
    (found,) = imported(value).chats
    return found


def said(nodes: list[Node]) -> Said:
    return [(node.message.role, node.message.content) for node in nodes]


def lines(*values: Any) -> str:
    return "\n".join(json.dumps(value) for value in values)


QUESTION, ANSWER = ("user", "What is rain?"), ("assistant", "Water.")
BOTH: Said = [QUESTION, ANSWER]


def open_webui(*changes: dict[str, Any], current: Any = "3") -> Any:
    """Return a chat of Open WebUI with four messages; their fields are changed, or left out for None."""
    messages = {}
    for number, text in enumerate(("What is rain?", "Water.", "And snow?", "Ice."), 0):
        message: dict[str, Any] = {
            "id": str(number),
            "parentId": str(number - 1) if number else None,
            "childrenIds": [str(number + 1)] if number < 3 else [],
            "role": "assistant" if number % 2 else "user",
            "content": text,
            "timestamp": 1_700_000_000 + number,
        }
        messages[str(number)] = message
    for number, change in enumerate(changes):
        for key, value in change.items():
            if value is None:
                messages[str(number)].pop(key)
            else:
                messages[str(number)][key] = value
    history = {"messages": messages, **({"currentId": current} if current is not None else {})}
    return {"title": "Rain", "chat": {"history": history}}


ALL: Said = [*BOTH, ("user", "And snow?"), ("assistant", "Ice.")]


@pytest.mark.parametrize(
    "value",
    [
        open_webui({"role": None}, {"role": None}, {"role": None}, {"role": None}),
        open_webui({}, {"role": None, "model": "qwen"}),
        open_webui(*[{"parentId": None}] * 4),
        open_webui(*[{"childrenIds": None}] * 4),
        open_webui(*[{"timestamp": None}] * 4),
        open_webui(*[{"timestamp": 1_700_000_000}] * 4, current=None),
        open_webui(*[{"timestamp": str(1_700_000_000 + number)} for number in range(4)]),
        open_webui(*[{"timestamp": f"2026-01-0{number + 1}T10:00:00Z"} for number in range(4)]),
        open_webui(*[{"timestamp": 1_700_000_000_000 + number} for number in range(4)]),
        open_webui(*[{"timestamp": "yesterday"}] * 4),
        open_webui(current=None),
        open_webui(current="gone"),
    ],
)
def test_a_chat_of_open_webui_comes_in_whole(value: Any) -> None:
    assert said(chat(value).path()) == ALL


def test_what_was_guessed_is_told() -> None:
    found = imported(open_webui({"role": None}, {"role": "critic"}, {"role": None}))
    assert found.notes == [
        "chat 1 'Rain': the role of 2 messages is guessed",
        "chat 1 'Rain': 1 message of the unknown role 'critic' became answers",
    ]
    assert said(found.chats[0].path())[1] == ("assistant", "[critic] Water.")


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("developer", "system"),
        ("tool", "assistant"),
        ("function", "assistant"),
        ("critic", "assistant"),
        ("Human", "user"),
        ("MODEL", "assistant"),
    ],
)
@pytest.mark.parametrize("form", ["messages", "chatgpt", "openwebui"])
def test_every_role_comes_in(role: str, expected: str, form: str) -> None:
    if form == "messages":
        value: Any = {"messages": [{"role": "user", "content": "a"}, {"role": role, "content": "b"}]}
    elif form == "openwebui":
        value = open_webui({}, {"role": role, "content": "b"})
    else:
        node = {"id": "2", "parent": "1", "message": {"author": {"role": role}, "content": {"parts": ["b"]}}}
        first = {"id": "1", "message": {"author": {"role": "user"}, "content": {"parts": ["a"]}}}
        value = {"title": "x", "mapping": {"1": first, "2": node}}
    nodes = chat(value).nodes()
    assert any(node.message.role == expected and "b" in node.message.content for node in nodes)


def test_a_question_and_its_answer_in_the_same_second() -> None:
    def node(id: str, parent: str | None, role: str, text: str) -> dict[str, Any]:
        message = {"author": {"role": role}, "create_time": 1_700_000_000, "content": {"parts": [text]}}
        return {"id": id, "parent": parent, "message": message}

    mapping = {"a": node("a", None, *QUESTION), "b": node("b", "a", *ANSWER)}
    assert said(chat({"mapping": mapping}).path()) == BOTH


def test_calls_without_a_text() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"city": "Oslo"}'}}
    turns = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "Snow", "tool_call_id": "1"},
        {"role": "assistant", "content": "It snows."},
    ]
    (question, answer) = said(chat({"messages": turns}).path())
    assert question == ("user", "Weather?")
    assert answer[1].split("\n\n") == ['[tool call: look] {"city": "Oslo"}', "[tool] Snow", "It snows."]


def test_parts_of_a_content() -> None:
    parts = [{"type": "text", "text": "See"}, {"type": "image_url", "image_url": {"url": "x"}}, None]
    answer = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "A cat."}]
    turns = [{"role": "user", "content": parts}, {"role": "assistant", "content": answer}]
    nodes = chat({"messages": turns}).path()
    assert said(nodes) == [("user", "See\n[image]"), ("assistant", "A cat.")]
    assert nodes[1].message.reasoning == "hm"


SILLY = {"user_name": "Ann", "character_name": "Pirate", "create_date": "2024-5-1 @10h 00m 00s"}


def silly(text: str, *, user: bool = False, **more: Any) -> dict[str, Any]:
    return {
        "name": "Ann" if user else "Pirate",
        "is_user": user,
        "mes": text,
        "send_date": 1_700_000_000,
        **more,
    }


def test_sillytavern() -> None:
    swipes = silly(
        "Arr, two.", swipes=["Arr.", "Arr, two."], swipe_id=1, extra={"model": "qwen", "reasoning": "hm"}
    )
    value = lines({**SILLY, "chat_metadata": {}}, silly("Ahoy!"), silly("Hi", user=True), swipes)
    found = chat(value)
    assert found.title == "Pirate"
    assert said(found.path()) == [("assistant", "Ahoy!"), ("user", "Hi"), ("assistant", "Arr, two.")]
    assert [node.message.content for node in found.nodes() if "Arr" in node.message.content] == [
        "Arr.",
        "Arr, two.",
    ]
    assert found.path()[-1].message.reasoning == "hm"


@pytest.mark.parametrize(
    "date",
    [
        "June 19, 2023 4:20pm",
        "2023-6-19 @16h 20m 30s 123ms",
        "2023-06-19T16:20:00Z",
        1_687_191_600_000,
        "soon",
    ],
)
def test_the_dates_of_sillytavern(date: Any) -> None:
    found = chat(lines(SILLY, silly("Ahoy!", send_date=date)))
    if date != "soon":
        assert 1_687_100_000 < found.path()[0].created < 1_687_300_000


def test_hidden_messages_of_sillytavern_are_told() -> None:
    found = imported(lines(SILLY, silly("Ahoy!"), silly("Note", is_system=True)))
    assert found.notes == ["1 message that the model did not see came in as the others"]
    assert len(found.chats[0].path()) == 2


def claude(*messages: dict[str, Any], **more: Any) -> Any:
    return [{"uuid": "c", "name": "Rain", "chat_messages": list(messages), **more}]


def test_claude() -> None:
    question = {
        "uuid": "1",
        "sender": "human",
        "text": "What is rain?",
        "created_at": "2026-01-01T10:00:00.000Z",
        "attachments": [{"file_name": "a.txt", "extracted_content": "wet"}],
        "files": [{"file_name": "b.png"}],
    }
    content = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "name": "search", "input": {"q": "rain"}},
        {"type": "tool_result", "content": [{"type": "text", "text": "wet"}]},
        {"type": "text", "text": "Water."},
    ]
    answer = {"uuid": "2", "sender": "assistant", "text": "", "content": content}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("users.json", "[]")
        packed.writestr("conversations.json", json.dumps(claude(question, answer)))
    (found,) = parse_chats("claude.zip", archive.getvalue()).chats
    asked, answered = found.path()
    assert found.title == "Rain"
    assert asked.message.attachments == (Attachment("a.txt", "wet"),)
    assert asked.message.content == "What is rain?\n\n[file: b.png]"
    assert answered.message.reasoning == "hm"
    assert answered.message.content == 'I look.\n[tool call: search] {"q": "rain"}\n[tool] wet\nWater.'


def test_branches_of_claude() -> None:
    root = "00000000-0000-4000-8000-000000000000"
    messages = [
        {"uuid": "1", "sender": "human", "text": "a", "parent_message_uuid": root},
        {"uuid": "2", "sender": "assistant", "text": "b", "parent_message_uuid": "1"},
        {"uuid": "3", "sender": "assistant", "text": "c", "parent_message_uuid": "1"},
    ]
    found = chat(claude(*messages, current_leaf_message_uuid="2"))
    assert said(found.path()) == [("user", "a"), ("assistant", "b")]
    assert len(found.nodes()) == 3


def test_lm_studio() -> None:
    def version(role: str, text: str) -> dict[str, Any]:
        return {"type": "singleStep", "role": role, "content": [{"type": "text", "text": text}]}

    steps = [
        {"type": "contentBlock", "style": {"type": "thinking"}, "content": [{"type": "text", "text": "hm"}]},
        {"type": "contentBlock", "content": [{"type": "text", "text": "Water."}]},
        {"type": "debugInfoBlock", "debugInfo": "x"},
    ]
    answers = [version("assistant", "Wet."), {"type": "multiStep", "role": "assistant", "steps": steps}]
    value = {
        "name": "Rain",
        "createdAt": 1_700_000_000_000,
        "systemPrompt": "Be short.",
        "messages": [
            {"versions": [version(*QUESTION)], "currentlySelected": 0},
            {"versions": answers, "currentlySelected": 1},
        ],
    }
    found = chat(value)
    assert said(found.path()) == BOTH
    assert found.path()[1].message.reasoning == "hm"
    assert len([node for node in found.nodes() if node.message.role == "assistant"]) == 2
    assert any(node.message.content == "Be short." for node in found.nodes())


@pytest.mark.parametrize(
    "value",
    [
        {"instruction": "What is rain?", "input": "", "output": "Water."},
        {"query": "What is rain?", "response": "Water."},
        {"prompt": "What is rain?", "completion": "Water."},
        {
            "prompt": [{"role": "user", "content": "What is rain?"}],
            "completion": [{"role": "assistant", "content": "Water."}],
        },
        {"conversations": [{"from": "human", "value": "What is rain?"}, {"from": "gpt", "value": "Water."}]},
        {
            "conversation": [
                {"role": "user", "content": "What is rain?"},
                {"role": "assistant", "content": "Water."},
            ]
        },
        {
            "model": "qwen",
            "messages": [
                {"role": "user", "content": "What is rain?"},
                {"role": "assistant", "content": "Water."},
            ],
        },
        [{"role": "user", "content": "What is rain?"}, {"role": "assistant", "content": "Water."}],
        lines({"role": "user", "content": "What is rain?"}, {"role": "assistant", "content": "Water."}),
    ],
)
def test_samples_of_every_kind(value: Any) -> None:
    assert said(chat(value).path()) == BOTH


def test_a_sample_with_an_input_a_history_and_a_system_prompt() -> None:
    value = {
        "system": "s",
        "history": [["a", "b"], ["c", "d"]],
        "instruction": "e",
        "input": "f",
        "output": "g",
    }
    found = chat(value)
    expected = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e\n\nf")]
    assert said(found.path()) == [*expected, ("assistant", "g")]
    assert any(node.message.role == "system" and node.message.content == "s" for node in found.nodes())


@pytest.mark.parametrize(
    "value",
    [
        {"instruction": "q", "chosen": "good", "rejected": "bad"},
        {
            "prompt": "q",
            "chosen": [{"role": "assistant", "content": "good"}],
            "rejected": [{"role": "assistant", "content": "bad"}],
        },
        {"query": "q", "response": "good", "rejected_response": "bad"},
        {
            "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "good"}],
            "rejected_response": "bad",
        },
        {
            "chosen": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "good"}],
            "rejected": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "bad"}],
        },
        {
            "conversations": [{"from": "human", "value": "q"}],
            "chosen": {"from": "gpt", "value": "good"},
            "rejected": {"from": "gpt", "value": "bad"},
        },
    ],
)
def test_a_rejected_answer_is_a_branch(value: Any) -> None:
    found = chat(value)
    assert said(found.path()) == [("user", "q"), ("assistant", "good")]
    assert sorted(node.message.content for node in found.nodes()) == ["bad", "good", "q"]


def test_two_models_compared() -> None:
    def talk(answer: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]

    value = {
        "question_id": "1",
        "model_a": "qwen",
        "model_b": "other",
        "winner": "model_b",
        "conversation_a": talk("a"),
        "conversation_b": talk("b"),
    }
    found = chat(value)
    assert said(found.path()) == [("user", "q"), ("assistant", "b")]
    answers = {
        node.message.content: node.answer for node in found.nodes() if node.message.role == "assistant"
    }
    assert {text: details.model for text, details in answers.items() if details} == {
        "a": "qwen",
        "b": "other",
    }
    assert len(found.nodes()) == 3
