"""Moving in the tree: going on within an answer, alternatives, branches drawn and switched."""

from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedModel
from thorough import examples

from qwen_chat import commands
from qwen_chat.errors import SessionBusyError, UsageError
from qwen_chat.history import AnswerDetails, History
from qwen_chat.message import Message
from qwen_chat.model.base import Capabilities
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.answer_tokens import answer_tokens
from qwen_chat.session.session import ChatSession
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store

SKY = "Name three colours of the sky, please."


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home / "chats.db")


@pytest.fixture
def session(model: LlamaCppModel, store: Store) -> ChatSession:
    """A session whose answers are cut after five tokens."""
    chosen = Settings(sampling=SamplingParams(temperature=0, max_new_tokens=5))
    return ChatSession(model, chosen, store=store)


def do(session: ChatSession, line: str) -> str:
    """Run a line as a front end does, and return what it shows."""
    command = commands.parse(line)
    if command is None:
        turn = session.send(commands.unescape_message(line))
    else:
        outcome = commands.run(session, *command)
        if outcome.turn is None:
            return outcome.text
        turn = outcome.turn
    turn.wait()
    if turn.error:
        raise turn.error
    return "\n".join(turn.notices)


def answer(session: ChatSession) -> str:
    return session.history.path()[-1].message.content


def test_a_cut_answer_grows_in_its_place(session: ChatSession, store: Store) -> None:
    do(session, SKY)
    first = session.history.path()[-1]
    assert first.answer is not None
    assert first.answer.finish_reason == "length"
    do(session, "/continue")
    do(session, "/continue")
    grown = session.history.path()[-1]
    assert (grown.id, len(session.history)) == (first.id, 2)
    session.configure(SamplingParams(max_new_tokens=15))
    do(session, "/retry")
    assert answer(session) == grown.message.content
    assert store.load(session.history.id).nodes() == session.history.nodes()


def test_a_stopped_answer_is_gone_on_with(model: LlamaCppModel, store: Store) -> None:
    chosen = Settings(sampling=SamplingParams(temperature=0, max_new_tokens=40))
    session = ChatSession(model, chosen, store=store)
    turn = session.send("Write a very long story about a fox and a crow.")
    for number, _ in enumerate(turn):
        if number == 6:
            turn.stop()
    stopped = turn.wait()
    assert stopped.answer is not None
    assert stopped.answer.finish_reason == "interrupted"
    tokens = answer_tokens(session)
    do(session, "/continue")
    assert answer(session).startswith(stopped.message.content)
    assert len(answer(session)) > len(stopped.message.content)
    assert answer_tokens(session)[: len(tokens)] == tokens


def test_going_on_keeps_what_was_there_when_the_process_dies(store: Store) -> None:
    never = Event()
    session = ChatSession(ScriptedModel("one ", RuntimeError("boom")), store=store)
    do_quietly(session, "Count.")
    session.model = ScriptedModel("two ", never)
    turn = session.continue_answer()
    next(iter(turn))
    with pytest.raises(SessionBusyError):
        session.continue_answer()
    while answer_of(store, session.history.id) == "one ":
        pass
    assert answer_of(store, session.history.id) == "one two "
    turn.stop()
    assert turn.wait().message.content == "one two "


def do_quietly(session: ChatSession, line: str) -> None:
    session.send(line).wait()


def answer_of(store: Store, id: str) -> str:
    return store.load(id).path()[-1].message.content


def test_a_whole_answer_is_not_gone_on_with() -> None:
    session = ChatSession(ScriptedModel("four"))
    with pytest.raises(UsageError, match="there is no answer"):
        do(session, "/continue")
    do(session, "What is 2+2?")
    with pytest.raises(UsageError, match="the last answer is complete"):
        do(session, "/continue")


def test_alternatives_branch(session: ChatSession) -> None:
    do(session, SKY)
    said = answer(session)
    shown = do(session, "/alt 3")
    assert shown.startswith("token 3 of 5, after ")
    assert "said" in shown.splitlines()[1]
    do(session, "/alt 3 2")
    assert answer(session) != said
    second = session.history.siblings(session.history.path()[-1].id)
    assert [node.message.content for node in second] == [said, answer(session)]
    tokens = answer_tokens(session)
    assert repr(tokens[2].bytes.decode()) == shown.splitlines()[2].split(maxsplit=2)[2]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("/alt 0", "no token 0"),
        ("/alt 6", "no token 6: the answer has 5"),
        ("/alt x", "'x' is not a number"),
        ("/alt 1 0", "no alternative 0: there are 8"),
        ("/alt 1 99", "no alternative 99"),
        ("/fork", "/fork 2"),
        ("/fork 9", "no message 9"),
        ("/switch", "/branches shows"),
        ("/switch 0", "no branch 0"),
        ("/switch nowhere", "no branch nowhere"),
        ("/prompt all", "/prompt ids"),
        ("/tokens", "write the text"),
        ("/think maybe", "/think on, /think off or /think auto"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(session: ChatSession, line: str, fault: str) -> None:
    do(session, SKY)
    before = session.history.nodes(), session.history.head
    with pytest.raises(UsageError, match=fault):
        do(session, line)
    assert (session.history.nodes(), session.history.head) == before


def test_branches_are_drawn_and_switched(session: ChatSession, store: Store) -> None:
    do(session, "one")
    do(session, "two")
    first = answer(session)
    do(session, "/fork 2")
    do(session, "three")
    do(session, "/retry")
    lines = do(session, "/branches").splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "● You",
        "● Assistant",
        "│  ○ You",
        "│  ○ Assistant",
        "● You",
        "│  ○ Assistant",
        "● Assistant",
    ]
    assert [line.rsplit("  ", 1)[-1] for line in lines if "[" in line] == ["[1]", "[2]", "[3] in view"]
    do(session, "/switch 1")
    assert answer(session) == first
    assert store.load(session.history.id).head == session.history.head


def test_a_long_chat_is_drawn_short(session: ChatSession) -> None:
    for number in range(100):
        session.history.add(Message("user", f"question {number}"))
        session.history.add(Message("assistant", f"answer {number}"), AnswerDetails(finish_reason="stop"))
    lines = do(session, "/branches").splitlines()
    assert len(lines) == 4
    assert lines[2] == "⋮ 197 messages"


@examples(60)
@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=30))
def test_every_branch_has_a_number(moves: list[tuple[int, bool]]) -> None:
    history = History()
    for at, asks in moves:
        nodes = history.nodes()
        history.move_head(nodes[at % len(nodes)].id if nodes and at < 25 else None)
        history.add(
            Message("user" if asks else "assistant", "x"),
            None if asks else AnswerDetails(finish_reason="stop"),
        )
    session = ChatSession(ScriptedModel())
    session.open(history)
    ends = {node.id for node in history.nodes() if not history.children(node.id)}
    seen = set()
    for number in range(1, len(ends) + 1):
        do(session, f"/switch {number}")
        seen.add(history.head)
    assert seen == ends
    with pytest.raises(UsageError):
        do(session, f"/switch {len(ends) + 1}")
    assert f"[{len(ends)}]" in do(session, "/branches")


def test_the_prompt_is_shown_message_by_message(session: ChatSession) -> None:
    do(session, SKY)
    outcome = commands.run(session, "prompt", "")
    assert outcome.tokens is not None
    headings = [heading for heading, _ in outcome.tokens.sections]
    assert [heading.split(",")[0] for heading in headings] == ["system", "user", "assistant"]
    spelled = b"".join(token.bytes for _, tokens in outcome.tokens.sections for token in tokens).decode()
    assert spelled.endswith(f"<|im_start|>user\n{SKY}<|im_end|>\n<|im_start|>assistant\n")
    assert not outcome.tokens.detailed
    detailed = commands.run(session, "prompt", "ids").tokens
    assert detailed is not None
    assert detailed.detailed
    bits = commands.run(session, "tokens", "<|im_end|> é").tokens
    assert bits is not None
    ((_, tokens),) = bits.sections
    assert b"".join(token.bytes for token in tokens).decode() == "<|im_end|> é"
    assert not any(token.control for token in tokens)


class Thinker(ScriptedModel):
    """A model that says it can reason."""

    capabilities = Capabilities(thinking=True)


@pytest.mark.parametrize(
    ("line", "notice"),
    [
        ("What is 2+2? /no_think", "reasoning is off from here on: your message says /no_think"),
        ("/no_think What is 2+2?", "reasoning is off from here on: your message says /no_think"),
        ("/think about cats", "reasoning is on from here on: your message says /think"),
        ("a/think b /thinker", ""),
        ("hello", ""),
    ],
)
def test_soft_switches_are_sent_and_told(line: str, notice: str) -> None:
    model = Thinker("four")
    assert do(ChatSession(model), line) == notice
    assert model.prompts[-1][-1].content == line


def test_reasoning_is_switched() -> None:
    session = ChatSession(Thinker("four"))
    assert do(session, "/think off") == "thinking: off"
    assert "no effect" in do(session, "Why? /think")
    assert session.prompt_options.think == "off"
    assert "does not reason" in do(ChatSession(ScriptedModel()), "/think on")
