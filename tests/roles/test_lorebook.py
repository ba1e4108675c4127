"""Lore comes up by its keys, in its order and within its budget, and stands at the end of the prompt."""

from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedModel

from qwen_chat.message import Message
from qwen_chat.roles import Role, load_role, own_roles_dir
from qwen_chat.roles.lorebook import Lore, Lorebook, estimated_tokens
from qwen_chat.roles.role_writer import role_to_toml
from qwen_chat.session.session import ChatSession
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store


def texts(book: Lorebook, *messages: str) -> list[str]:
    return [entry.text for entry in book.relevant(messages)]


@pytest.mark.parametrize(
    ("entry", "said", "found"),
    [
        (Lore("t", ("wolf",)), "WOLFHOUND", True),
        (Lore("t", ("Wolf",), case_sensitive=True), "wolf", False),
        (Lore("t", ("wolf", "bear")), "a bear", True),
        (Lore("t", ("狼",)), "有狼来了", True),
        (Lore("t", ("ß",)), "STRASSE", True),
        (Lore("t", ("wolf",), ("night",)), "a wolf", False),
        (Lore("t", ("wolf",), ("night", "moon")), "a wolf, the Moon", True),
        (Lore("t", ("wolf",), ("night",)), "night", False),
        (Lore("t", ("wolf",), enabled=False), "wolf", False),
        (Lore("t", (".*",)), "wolf", False),
    ],
)
def test_keys(entry: Lore, said: str, found: bool) -> None:
    assert entry.matches(said) == found


def test_only_the_newest_messages_are_searched() -> None:
    book = Lorebook((Lore("t", ("wolf",)),), depth=2)
    assert texts(book, "wolf", "a") == ["t"]
    assert texts(book, "wolf", "a", "b") == []
    assert texts(Lorebook((Lore("t", ("wolf",)),), depth=0), "wolf") == []


def test_the_budget_keeps_what_has_priority() -> None:
    low, high, late = (
        Lore("l" * 400, ("k",), order=1),
        Lore("h" * 400, ("k",), order=2, priority=9),
        Lore("t" * 400, ("k",), order=3),
    )
    entries = (late, low, high)
    assert texts(Lorebook(entries, budget=300), "k") == [low.text, high.text, late.text]
    assert texts(Lorebook(entries, budget=299), "k") == [high.text, late.text]
    assert texts(Lorebook(entries, budget=100), "k") == [high.text]
    assert texts(Lorebook(entries, budget=99), "k") == []


@given(
    st.lists(
        st.builds(
            Lore, st.text(max_size=60), st.just(("k",)), order=st.integers(-5, 5), priority=st.integers(-2, 2)
        )
    ),
    st.integers(0, 60),
)
def test_what_comes_up_is_in_order_and_within_the_budget(entries: list[Lore], budget: int) -> None:
    found = Lorebook(tuple(entries), budget=budget).relevant(["k"])
    assert [entry.order for entry in found] == sorted(entry.order for entry in found)
    assert sum(estimated_tokens(entry.text) for entry in dict.fromkeys(found)) <= budget
    assert set(found) <= set(entries)


ROLE = Role(
    "r",
    "Ada",
    "You are {{char}}.",
    greeting="Hello, {{user}}.",
    lorebook=Lorebook(
        (Lore("{{char}} fears wolves.", ("wolf",)), Lore("{{user}} owes money.", ("{{user}}",))), depth=2
    ),
)


def prompts(session: ChatSession, *lines: str) -> list[str]:
    for line in lines:
        session.send(line).wait()
    model = session.model
    assert isinstance(model, ScriptedModel)
    return [prompt[0].content for prompt in model.prompts]


def test_a_chat_reads_the_lore_that_is_spoken_of() -> None:
    session = ChatSession(ScriptedModel("well"), Settings(user_name="Bo"), role=ROLE)
    assert prompts(session, "A wolf!", "And now?", "Rain.", "Bo it is") == [
        "You are Ada.\n\nAda fears wolves.\n\nBo owes money.",  # the greeting says Bo
        "You are Ada.",
        "You are Ada.",
        "You are Ada.\n\nBo owes money.",
    ]
    assert session.system_prompt == "You are Ada."
    assert session.prompt()[0] == Message("system", "You are Ada.\n\nBo owes money.")


def test_a_retry_and_another_branch_read_their_own_lore() -> None:
    session = ChatSession(ScriptedModel("well"), role=ROLE)
    prompts(session, "A wolf!", "Rain.", "Sun.")
    session.regenerate().wait()
    turn = session.edit(session.history.message_at(6).id, "The wolf again")
    assert turn is not None
    turn.wait()
    assert prompts(session)[-2:] == ["You are Ada.", "You are Ada.\n\nAda fears wolves."]


def test_a_role_taken_later_has_its_names_and_lore() -> None:
    session = ChatSession(ScriptedModel("well"), Settings(user_name="Bo"))
    session.take_role(ROLE)
    assert session.history.path()[0].message.content == "Hello, Bo."
    assert prompts(session, "wolf")[-1].startswith("You are Ada.\n\nAda fears wolves.")
    session.new()
    assert session.history.path()[0].message.content == "Hello, Bo."
    assert prompts(session, "wolf")[-1].startswith("You are Ada.\n\nAda fears wolves.")


def test_a_chat_that_is_resumed_has_its_role_and_lore_again(tmp_path: Path) -> None:
    own_roles_dir().mkdir(parents=True)
    (own_roles_dir() / "ada.toml").write_text(role_to_toml(ROLE))
    with closing(Store(tmp_path / "chats.db")) as store:
        first = ChatSession(
            ScriptedModel("well"), Settings(user_name="Bo"), store=store, role=load_role("ada")
        )
        prompts(first, "Hello")
        again = ChatSession(ScriptedModel("well"), Settings(user_name="Bo"), store=store)
        again.open(store.load(first.history.id))
        assert again.role is not None
        assert again.role.name == "ada"
        assert prompts(again, "A wolf")[-1].startswith("You are Ada.\n\nAda fears wolves.")
        again.set_system("You are someone else.")
        prompts(again, "Well?")
        again.open(store.load(first.history.id))
        assert again.role is None
