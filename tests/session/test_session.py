"""Sessions: turns, moves and what is kept of them."""

import time
from pathlib import Path
from threading import Event

import pytest
import tiny
from scripted import ScriptedModel

from qwen_chat.errors import ContextLengthError, ModelError, SessionBusyError, UsageError
from qwen_chat.history import History
from qwen_chat.message import Delta
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.roles import load_role
from qwen_chat.sampling import SamplingParams
from qwen_chat.session.session import ChatSession
from qwen_chat.session.turn import Turn
from qwen_chat.settings import Settings
from qwen_chat.storage.store import Store


@pytest.fixture
def store(home: Path) -> Store:
    return Store(home / "chats.db")


@pytest.fixture
def session(model: LlamaCppModel, store: Store) -> ChatSession:
    """A session with the demo model, short answers and no luck in them."""
    settings = Settings(sampling=SamplingParams(temperature=0, max_new_tokens=12))
    return ChatSession(model, settings, store=store)


def text(turn: Turn) -> str:
    return "".join(delta.text for delta in turn)


def said(history: History) -> list[tuple[str, str]]:
    return [(node.message.role, node.message.content) for node in history.path()]


def test_a_turn_is_streamed_and_kept(session: ChatSession, store: Store) -> None:
    answer = text(session.send("What is the capital of France?"))
    assert "Paris" in answer or "France" in answer
    expected = [("user", "What is the capital of France?"), ("assistant", answer)]
    assert said(session.history) == said(store.load(session.history.id)) == expected
    assert store.recent()[0].title == "What is the capital of France?"


def test_a_watcher_who_comes_late_sees_all(session: ChatSession) -> None:
    turn = session.send("Count to ten.")
    first = text(turn)
    assert text(turn) == first == turn.wait().message.content


def test_one_turn_at_a_time(session: ChatSession) -> None:
    turn = session.send("Write a long story.")
    for move in (lambda: session.send("x"), session.regenerate, session.undo, session.new, session.clear):
        with pytest.raises(SessionBusyError, match="still being written"):
            move()
    turn.wait()
    assert session.running is None


def test_stop_keeps_the_partial_answer_and_marks_it(model: LlamaCppModel, store: Store) -> None:
    session = ChatSession(model, Settings(), store=store)
    turn = session.send("Write a very long story about a fox.")
    for count, _ in enumerate(delta for delta in turn if delta.text):
        if count == 10:
            session.stop()
    node = turn.wait()
    assert node.answer is not None
    assert node.answer.finish_reason == "interrupted"
    assert node.message.content
    assert said(store.load(session.history.id))[-1] == ("assistant", node.message.content)
    session.configure(SamplingParams(max_new_tokens=4))
    assert text(session.send("Thank you."))


@pytest.mark.timing
def test_stop_is_quick_while_the_model_reads(model: LlamaCppModel) -> None:
    session = ChatSession(model)
    turn = session.send("yes " * 4000)
    next(iter(turn))
    started = time.monotonic()
    session.stop()
    node = turn.wait()
    assert time.monotonic() - started < 0.5
    assert node.answer is not None
    assert node.answer.finish_reason == "interrupted"


def test_conf_changes_the_next_answer(session: ChatSession) -> None:
    session.configure(SamplingParams(temperature=1.5, top_p=1.0, seed=3, max_new_tokens=24))
    hot = text(session.send("Tell me something about the sea."))
    session.undo()
    session.configure(SamplingParams(temperature=0))
    cold = text(session.send("Tell me something about the sea."))
    session.undo()
    assert text(session.send("Tell me something about the sea.")) == cold != hot


def test_a_default_is_the_checkpoints(session: ChatSession) -> None:
    session.configure(SamplingParams(temperature=1.5))
    session.configure(SamplingParams(), frozenset({"temperature"}))
    assert session.effective_params.temperature == session.model.default_params.temperature
    session.reset_params()
    assert session.effective_params.temperature == 0


def test_a_retry_is_a_sibling_and_differs_under_one_seed(session: ChatSession, store: Store) -> None:
    session.configure(SamplingParams(temperature=1.0, seed=5, max_new_tokens=24))
    first = session.send("Tell me a story.").wait()
    second = session.regenerate().wait()
    assert first.message.content != second.message.content
    assert [node.id for node in session.history.siblings(second.id)] == [first.id, second.id]
    assert [node.answer.seed for node in (first, second) if node.answer] == [5, 6]
    assert len(store.load(session.history.id).siblings(second.id)) == 2


def test_an_edited_question_is_answered_in_its_own_branch(session: ChatSession) -> None:
    session.send("What is the capital of France?").wait()
    turn = session.edit(session.history.message_at(1).id, "What is the capital of Italy?")
    assert turn is not None
    turn.wait()
    assert said(session.history)[0] == ("user", "What is the capital of Italy?")
    assert session.history.message_count() == 4


def test_an_edited_answer_is_what_the_model_reads_next(session: ChatSession) -> None:
    session.send("What is the capital of France?").wait()
    assert session.edit(session.history.message_at(2).id, "It is Lyon.") is None
    session.send("Are you sure?").wait()
    assert [message.content for message in session.prompt()][-2:] == ["It is Lyon.", "Are you sure?"]


def test_the_system_prompt_is_replaced_not_added(session: ChatSession, store: Store) -> None:
    session.send("Hello").wait()
    session.set_system("Speak like a pirate.")
    session.send("Hello").wait()
    prompt = session.prompt()
    assert [message.content for message in prompt if message.role == "system"] == ["Speak like a pirate."]
    kept = store.load(session.history.id)
    assert kept.system is not None
    assert kept.system.message.content == "Speak like a pirate."
    first, second = (node.answer for node in kept.path() if node.answer)
    assert (first.system, second.system) == (None, kept.system.id)


def test_a_role_greets_and_brings_its_sampling(model: LlamaCppModel, store: Store) -> None:
    role = load_role("detective")
    session = ChatSession(model, Settings(), store=store, role=role)
    assert said(session.history) == [("assistant", role.greeting)]
    assert session.params == role.sampling
    assert store.recent() == []
    session.configure(SamplingParams(max_new_tokens=4))
    session.send("Good evening.").wait()
    assert [message.role for message in session.prompt()] == ["system", "assistant", "user"]
    assert said(store.load(session.history.id))[0] == ("assistant", role.greeting)


def test_nothing_said_leaves_no_trace(session: ChatSession, store: Store) -> None:
    session.set_system("x")
    session.new()
    session.clear()
    session.close()
    assert store.recent() == []


@pytest.mark.parametrize("bad", ["", "  \n", "half \ud800 a pair"])
def test_what_cannot_be_sent_changes_nothing(session: ChatSession, bad: str) -> None:
    with pytest.raises(UsageError):
        session.send(bad)
    assert said(session.history) == []


def test_a_full_context_leaves_out_the_oldest_turns_and_says_so(small_path: Path) -> None:
    small = LlamaCppModel(small_path, "small", LlamaCppOptions(threads=1, ctx_size=256))
    session = ChatSession(
        small, Settings(system="Be brief.", sampling=SamplingParams(max_new_tokens=16, seed=1))
    )
    notices = []
    for number in range(8):
        turn = session.send(f"Number {number}: " + "all of this is to be remembered. " * 4)
        node = turn.wait()
        assert turn.error is None
        assert node.message.content
        notices += turn.notices
        prompt = session.prompt()
        assert [message.role for message in prompt].count("system") == 1
        assert prompt[-1].content.startswith(f"Number {number}")
        assert len(small.encode(prompt)) == small.count(prompt) < 256
    assert notices
    assert all("no longer reads the oldest" in notice for notice in notices)
    assert len(notices) < 6, "turns are left out several at a time, so that the prefix stays the same"
    assert session.left_out > 0
    assert len(session.history.path()) == 16
    small.close()


def test_an_answer_cut_by_the_context_says_so(model_path: Path, tmp_path: Path) -> None:
    # Random weights never end an answer by themselves.
    endless = LlamaCppModel(
        tiny.write_model(tmp_path / "endless.gguf", model_path, None, context=256), "endless"
    )
    session = ChatSession(endless, Settings(sampling=SamplingParams(temperature=0)))
    node = session.send("Go").wait()
    assert node.answer is not None
    assert node.answer.finish_reason == "context"
    assert node.answer.usage is not None
    assert node.answer.usage.context_tokens == endless.context_length == 256
    endless.close()


def test_a_message_no_context_holds_is_kept_but_does_not_block_the_chat(
    model_path: Path, store: Store
) -> None:
    small = LlamaCppModel(model_path, "small", LlamaCppOptions(threads=1, ctx_size=256))
    session = ChatSession(small, Settings(sampling=SamplingParams(max_new_tokens=4)), store=store)
    session.send("My name is Bob.").wait()
    turn = session.send("yes " * 1000)
    turn.wait()
    assert isinstance(turn.error, ContextLengthError)
    assert session.send("Hello").wait().message.content
    assert session.prompt()[0].content == "My name is Bob."
    assert store.load(session.history.id).message_count() == 6
    small.close()


def test_an_engine_without_a_tokenizer_is_asked_again_with_less() -> None:
    scripted = ScriptedModel("yes", context_length=100)
    session = ChatSession(scripted)
    for number in range(6):
        turn = session.send(f"{number}" * 30)
        turn.wait()
        assert turn.error is None
    assert scripted.prompts[-1][-1].content == "5" * 30
    assert len(scripted.prompts[-1]) < 11


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (ModelError("out of memory"), "out of memory"),
        (RuntimeError("boom"), "the model failed: boom"),
        (KeyError("boom"), "the model failed: KeyError: 'boom'"),
        (MemoryError("no room"), "out of memory: begin a new chat"),
    ],
)
def test_a_failing_engine_keeps_the_partial_answer(store: Store, failure: Exception, message: str) -> None:
    session = ChatSession(ScriptedModel("half ", "an ", failure), store=store)
    turn = session.send("Hello")
    assert text(turn) == "half an "
    assert turn.error is not None
    assert message in str(turn.error)
    node = store.load(session.history.id).path()[-1]
    assert node.answer is not None
    assert (node.message.content, node.answer.finish_reason) == ("half an ", "error")
    session.model = ScriptedModel("well")
    assert text(session.send("Again")) == "well"


def test_the_question_is_kept_before_any_work(store: Store) -> None:
    gate = Event()
    session = ChatSession(ScriptedModel(gate, "late"), store=store)
    turn = session.send("Are you there?")
    assert said(store.load(session.history.id))[0] == ("user", "Are you there?")
    gate.set()
    turn.wait()


def test_a_growing_answer_is_kept_within_a_second(store: Store) -> None:
    gate = Event()
    session = ChatSession(ScriptedModel("half ", "an ", gate, "answer"), store=store)
    turn = session.send("Go")
    time.sleep(1.0)
    kept = store.load(session.history.id).path()[-1]
    assert kept.message.content == "half an "
    assert kept.answer is not None
    assert kept.answer.finish_reason == "interrupted"
    gate.set()
    assert turn.wait().message.content == "half an answer"


def test_two_watch_one_turn(session: ChatSession) -> None:
    turn = session.send("Count to ten.")
    one, two = iter(turn), iter(turn)
    pairs: list[tuple[Delta, Delta]] = list(zip(one, two, strict=True))
    assert pairs
    assert all(a is b for a, b in pairs)


ALTERNATING = (
    "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}"
    "{{ '<|im_start|>' ~ m.role ~ '\\n' ~ m.content ~ '<|im_end|>\\n' }}{% endfor %}"
)


def test_what_a_template_needs_is_said_once(model_path: Path, tmp_path: Path) -> None:
    path = tiny.write_model(tmp_path / "alternating.gguf", model_path, ALTERNATING)
    model = LlamaCppModel(path, "alternating", LlamaCppOptions(threads=1))
    session = ChatSession(model, Settings(sampling=SamplingParams(temperature=0, max_new_tokens=2)))
    session.set_system("Be brief.")
    turns = []
    for question in ("One?", "Two?"):
        turns.append(session.send(question))
        turns[-1].wait()
    assert [turn.error for turn in turns] == [None, None]
    assert [[str(notice) for notice in turn.notices] for turn in turns] == [
        ["this model knows no system prompt: it reads yours at the start of the first question"],
        [],
    ]
    model.close()
