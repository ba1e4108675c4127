"""A checkpoint behind the wall: it answers, stops, goes on where it was, and survives its faults."""

import gc
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest
import tiny_hf
from torch_errors import out_of_memory

from qwen_chat.errors import ContextLengthError, ModelError
from qwen_chat.message import Delta, Message, Usage
from qwen_chat.model import background_stream
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.sampling import SamplingParams

if TYPE_CHECKING:
    from qwen_chat.model.hf.engine import TransformersModel


GREEDY = SamplingParams(temperature=0, max_new_tokens=24)
CHAT = [Message("user", "Tell me a story.")]
LONG = [Message("user", "word " * 80)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hf.write_checkpoint(tmp_path_factory.mktemp("tiny"), max_position_embeddings=2048)


def opened(folder: Path, **options: Any) -> "TransformersModel":
    from qwen_chat.model.hf.engine import TransformersModel

    return TransformersModel(
        read_checkpoint(folder), "tiny", TransformersOptions(dtype="float32", threads=1, **options)
    )


@pytest.fixture(scope="module")
def tiny(folder: Path) -> "Iterator[TransformersModel]":
    model = opened(folder)
    yield model
    model.close()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert settled()


def settled() -> bool:
    deadline = time.monotonic() + 5
    while any(thread.name == background_stream.THREAD_NAME for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def ask(
    model: "TransformersModel", chat: list[Message], params: SamplingParams = GREEDY
) -> tuple[str, Delta]:
    deltas = list(model.stream(chat, params))
    return "".join(delta.text for delta in deltas), deltas[-1]


def usage(delta: Delta) -> Usage:
    assert delta.usage is not None
    return delta.usage


def test_a_real_model_talks(smol_model: "TransformersModel") -> None:
    text, last = ask(smol_model, [Message("user", "What is the capital of France?")])
    assert text == "The capital of France is Paris."
    assert last.finish_reason == "stop"
    assert usage(last).completion_tokens == 8


def test_what_it_read_is_what_it_shows(tiny: "TransformersModel") -> None:
    _, last = ask(tiny, CHAT)
    assert usage(last).prompt_tokens == len(tiny.encode(CHAT)) == tiny.count(CHAT)


def test_the_defaults_are_the_checkpoints(tiny: "TransformersModel") -> None:
    assert tiny.context_length == 2048
    # As in transformers, a generation config that does not say do_sample means the likeliest token always.
    assert tiny.default_params == SamplingParams(max_new_tokens=16, temperature=0)
    assert tiny.default_system == ""
    assert tiny.notice == "cpu, float32, sdpa"


def test_progress_comes_before_the_answer(folder: Path) -> None:
    fresh = opened(folder)
    deltas = list(fresh.stream(LONG, GREEDY))
    shown = [delta.prefill for delta in deltas if delta.prefill]
    assert [step.done for step in shown] == [0, 128, 256, 384, fresh.count(LONG)]
    fresh.close()
    assert not any(delta.text for delta in deltas[: len(shown)])


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (SamplingParams(max_new_tokens=5), "length"),
        (SamplingParams(max_new_tokens=4000), "context"),
    ],
)
def test_why_it_ended(tmp_path: Path, params: SamplingParams, reason: str) -> None:
    model = opened(tiny_hf.write_checkpoint(tmp_path, max_position_embeddings=64))
    assert ask(model, CHAT, params.over(GREEDY))[1].finish_reason == reason
    model.close()


def test_a_stop_text_ends_it(smol_model: "TransformersModel") -> None:
    question = [Message("user", "What is the capital of France?")]
    text, last = ask(smol_model, question, SamplingParams(stop=("France",)).over(GREEDY))
    assert (text, last.finish_reason) == ("The capital of ", "stop")


def test_too_long_a_prompt(tiny: "TransformersModel") -> None:
    with pytest.raises(ContextLengthError) as fault:
        tiny.stream([Message("user", "x" * 4000)], GREEDY)
    assert (fault.value.prompt_tokens, fault.value.context_length) == (4019, 2048)


def test_a_seed_gives_the_same_answer_whatever_is_written_beside(tiny: "TransformersModel") -> None:
    def answer(seed: int) -> str:
        return ask(tiny, CHAT, SamplingParams(temperature=1, seed=seed, max_new_tokens=30))[0]

    alone = answer(5)
    others = [Thread(target=answer, args=(seed,)) for seed in (1, 2, 3)]
    for other in others:
        other.start()
    assert answer(5) == alone != answer(6)
    for other in others:
        other.join()


# The cache


def cold(folder: Path, chat: list[Message]) -> str:
    model = opened(folder)
    text = ask(model, chat)[0]
    model.close()
    return text


def test_turns_go_on_where_they_were_and_say_what_a_cold_run_says(folder: Path) -> None:
    model = opened(folder)
    chat = list(CHAT)
    for number in range(4):
        text, last = ask(model, chat)
        assert text == cold(folder, chat)
        if number:
            assert usage(last).cached_tokens >= usage(last).prompt_tokens - 60
        chat += [Message("assistant", text), Message("user", f"And then, {number}?")]
    model.close()


def test_regenerating_and_other_branches_are_known(folder: Path) -> None:
    model = opened(folder)
    first, _ = ask(model, CHAT)
    again, last = ask(model, CHAT)
    assert (again, usage(last).cached_tokens) == (first, model.count(CHAT) - 1)
    left = [*CHAT, Message("assistant", first), Message("user", "left " * 30)]
    right = [*CHAT, Message("assistant", first), Message("user", "right " * 30)]
    texts = {name: ask(model, branch)[0] for name, branch in (("left", left), ("right", right))}
    switched, last = ask(model, left)
    assert switched == texts["left"] == cold(folder, left)
    assert usage(last).cached_tokens == model.count(left) - 1
    model.close()


def test_an_interrupted_answer_is_known_too(folder: Path) -> None:
    model = opened(folder)
    stream = model.stream(LONG, GREEDY)
    text = "".join(delta.text for delta in (next(stream) for _ in range(12)))
    stream.close()
    assert settled()
    chat = [*LONG, Message("assistant", text), Message("user", "Go on.")]
    resumed, last = ask(model, chat)
    assert usage(last).cached_tokens >= model.count(LONG)
    assert resumed == cold(folder, chat)
    model.close()


# Stopping


def test_cancelling_in_the_prompt_ends_within_a_chunk(tiny: "TransformersModel") -> None:
    cancel = Event()
    stream = tiny.stream([Message("user", "fresh " * 300)], GREEDY, cancel=cancel)
    assert next(stream).prefill is not None
    cancel.set()
    rest = list(stream)
    assert rest[-1].finish_reason == "interrupted"
    assert not any(delta.text for delta in rest)


def test_cancelling_in_the_answer_keeps_what_was_written(smol_model: "TransformersModel") -> None:
    cancel = Event()
    deltas: list[Delta] = []
    for delta in smol_model.stream(CHAT, GREEDY, cancel=cancel):
        deltas.append(delta)
        if sum(bool(each.text) for each in deltas) == 3:
            cancel.set()
    assert deltas[-1].finish_reason == "interrupted"
    assert 3 <= usage(deltas[-1]).completion_tokens <= 5


def test_two_hundred_cancelled_answers_leave_nothing_behind(tiny: "TransformersModel") -> None:
    def first_seconds() -> float:
        """Return the CPU time of all threads until the first word: other processes do not change it."""
        started = time.process_time()
        stream = tiny.stream(LONG, GREEDY)
        next(delta for delta in stream if delta.text)
        seconds = time.process_time() - started
        stream.close()
        assert settled()
        return seconds

    idle = median(first_seconds() for _ in range(15))
    for number in range(200):
        stream = tiny.stream([Message("user", f"{number} " * 100)], GREEDY)
        for _ in range(number % 7):  # in the prompt as well as in the answer
            next(stream)
        stream.close()
    assert settled()
    gc.collect()
    assert median(first_seconds() for _ in range(15)) <= 1.2 * idle + 0.01
    assert not [thread for thread in threading.enumerate() if thread.name == background_stream.THREAD_NAME]


# Several at once


def test_several_conversations_are_written_by_turns(tiny: "TransformersModel") -> None:
    moments: dict[int, list[float]] = {}
    texts: dict[int, str] = {}
    params = SamplingParams(temperature=1, seed=1, max_new_tokens=60)

    def talk(number: int) -> None:
        moments[number] = []
        deltas = []
        for delta in tiny.stream([Message("user", f"Story {number}")], params):
            deltas.append(delta)
            moments[number].append(time.perf_counter())
        texts[number] = "".join(delta.text for delta in deltas)

    threads = [Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    begun, ended = (max if first else min for first in (True, False))
    assert begun(times[0] for times in moments.values()) < ended(times[-1] for times in moments.values())
    alone = {number: ask(tiny, [Message("user", f"Story {number}")], params)[0] for number in range(4)}
    assert texts == alone


# Faults


class _Fails:
    """Stands before the model's forward, and fails at a step."""

    def __init__(self, forward: Any, at: int, error: Exception) -> None:
        self._forward, self._at, self._error = forward, at, error
        self.failed_at = 0.0

    def __call__(self, **inputs: Any) -> Any:
        self._at -= 1
        if self._at == 0:
            self.failed_at = time.monotonic()
            raise self._error
        return self._forward(**inputs)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (partial(out_of_memory, "CUDA out of memory."), "out of memory in this answer: begin a new chat"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            "out of memory",
        ),
        (RuntimeError("shape mismatch\nin layer 3"), "the model failed: shape mismatch in layer 3"),
        (ValueError("strange"), "strange"),
    ],
)
def test_a_fault_in_an_answer_is_told_at_once_and_the_next_answer_works(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception | Callable[[], Exception], words: str
) -> None:
    model = opened(folder)
    wanted, _ = ask(model, CHAT)
    decoder = model._open_engine().decoder
    seconds = []
    for _ in range(5):  # a busy machine may hold up one of them
        failing = _Fails(decoder._step, 5, error() if callable(error) else error)
        with monkeypatch.context() as patch:
            patch.setattr(decoder, "_step", failing)
            with pytest.raises((ModelError, ValueError), match=words):
                ask(model, CHAT)
        seconds.append(time.monotonic() - failing.failed_at)
        assert ask(model, CHAT)[0] == wanted
        if seconds[-1] < 0.5:
            break
    assert min(seconds) < 0.5
    model.close()


def test_a_closed_model_says_so(folder: Path) -> None:
    model = opened(folder)
    model.close()
    model.close()
    with pytest.raises(ModelError, match="tiny is closed"):
        model.stream(CHAT, GREEDY)


# Options


def test_raw_text_is_gone_on_with(folder: Path) -> None:
    model = opened(folder, raw=True)
    _, last = ask(model, [Message("user", "Once upon a time")])
    assert usage(last).prompt_tokens == len("Once upon a time")
    with pytest.raises(ModelError, match="nothing to go on from"):
        model.stream([], GREEDY)
    model.close()


@pytest.mark.parametrize("options", [{"prompt_lookup": 4}, {"kv_cache": "fp8"}])
def test_options_chat_and_resume(folder: Path, options: dict[str, Any]) -> None:
    model = opened(folder, **options)
    chat = list(CHAT)
    for _ in range(3):
        text, last = ask(model, chat)
        assert usage(last).completion_tokens
        chat += [Message("assistant", text), Message("user", "More.")]
    assert usage(last).cached_tokens > 0
    if "prompt_lookup" in options:
        assert text == cold(folder, chat[:-2])
    model.close()


def test_a_draft_model_changes_nothing(folder: Path, tmp_path: Path) -> None:
    from qwen_chat.model.hf.engine import TransformersModel

    small = read_checkpoint(tiny_hf.write_checkpoint(tmp_path, num_hidden_layers=1, seed=9))
    options = TransformersOptions(dtype="float32")
    model = TransformersModel(read_checkpoint(folder), "tiny", options, draft=small)
    assert ask(model, CHAT)[0] == cold(folder, CHAT)
    model.close()


def test_a_call_of_a_tool_is_told_from_the_answer(
    tiny: "TransformersModel", monkeypatch: pytest.MonkeyPatch
) -> None:
    from qwen_chat.message import Tool
    from qwen_chat.model.base import PromptOptions
    from qwen_chat.model.hf.generation import Generation

    def write(*_: object) -> Iterator[Delta]:  # weights of no sense write no call
        yield Delta('<tool_call>\n{"name": "look", ')
        yield Delta('"arguments": {"a": 1}}\n</tool_call>')
        yield Delta(finish_reason="stop")

    monkeypatch.setattr(Generation, "stream", lambda *given: (delta for delta in write(*given)))
    options = PromptOptions(tools=(Tool("look", "looks", {"type": "object"}),))
    deltas = [*tiny.stream([Message("user", "Hi")], GREEDY, options)]
    (call,) = [piece for delta in deltas for piece in delta.tool_calls]
    assert (call.name, call.arguments) == ("look", '{"a": 1}')
    assert not any(delta.text for delta in deltas)
    assert deltas[-1].finish_reason == "tool_calls"
