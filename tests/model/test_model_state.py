"""The state of a model: loading, ready or failed, known at once and notified when it changes."""

from io import StringIO
from pathlib import Path
from threading import Event, Timer

import pytest
from scripted import ScriptedModel

from qwen_chat.errors import ModelError, ModelLoadError, UsageError
from qwen_chat.model.base import (
    Capabilities,
    ChatModel,
    require_tokens,
    supports_batching,
    supports_tokens,
    wait_until_loaded,
)
from qwen_chat.model.factory import open_model
from qwen_chat.model.llamacpp import server
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.loading import LoadingModel
from qwen_chat.model.state import Failed, Loading, Ready
from qwen_chat.settings import Settings


class PanicError(BaseException):
    """Like a panic in Rust, no Exception."""


def test_a_model_is_loading_and_then_ready() -> None:
    gate = Event()

    def load() -> ChatModel:
        gate.wait(60)
        return ScriptedModel("yes")

    model = LoadingModel("slow", load)
    assert model.state == Loading(None)
    model.start_loading()
    assert isinstance(model.state, Loading)
    assert model.state.since is not None
    seen: list[object] = []
    with model.state_changes.subscribe(lambda: seen.append(model.state)):
        gate.set()
        state = wait_until_loaded(model)
    assert isinstance(state, Ready)
    assert state.load_seconds is not None
    assert seen == [state]


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModelLoadError("no such file: name another"), "no such file: name another"),
        (ModelError("it has no template"), "it has no template"),
        (UsageError("--lora x: no such file"), "--lora x: no such file"),
        (OSError(5, "Input/output error"), "broken cannot be loaded: [Errno 5] Input/output error"),
        (ImportError("No module named 'torch'"), "broken cannot be loaded: No module named 'torch'"),
        (RuntimeError("shape\nmismatch"), "broken cannot be loaded: shape mismatch"),
        (KeyError("rope"), "broken cannot be loaded: KeyError: 'rope'"),
        (
            MemoryError(),
            "broken cannot be loaded: out of memory; try a smaller --ctx-size, or a smaller model",
        ),
        (PanicError("index out of bounds"), "broken cannot be loaded: PanicError: index out of bounds"),
    ],
)
def test_a_model_that_cannot_be_loaded_has_failed_with_one_line(error: BaseException, message: str) -> None:
    def load() -> ChatModel:
        raise error

    model = LoadingModel("broken", load)
    state = wait_until_loaded(model)
    assert isinstance(state, Failed)
    assert str(state.error) == message
    for ask in (lambda: model.context_length, lambda: model.notice, model.loaded, lambda: model.count([])):
        with pytest.raises(ModelLoadError) as raised:
            ask()
        assert raised.value is state.error
    model.close()


def test_waiting_ends_when_it_is_cancelled() -> None:
    gate, cancel = Event(), Event()

    def load() -> ChatModel:
        gate.wait(60)
        return ScriptedModel("yes")

    model = LoadingModel("slow", load)
    Timer(0.1, cancel.set).start()
    assert isinstance(wait_until_loaded(model, cancel), Loading)
    gate.set()
    assert isinstance(wait_until_loaded(model), Ready)


def test_capabilities_are_those_of_the_loaded_model() -> None:
    model = LoadingModel("scripted", lambda: ScriptedModel("yes"))
    assert model.capabilities.tokens is None
    assert not supports_tokens(model)
    assert not supports_batching(model)
    assert model.capabilities == Capabilities()
    with pytest.raises(UsageError, match="scripted runs on a server that does not show its tokens"):
        require_tokens(model)
    with pytest.raises(UsageError, match="scripted does not answer batches"):
        model.answer([])


def test_an_engine_says_what_it_can_do(model: LlamaCppModel) -> None:
    assert model.capabilities == Capabilities(tokens=True, logprobs=True, output=True, completion=True)
    assert isinstance(model.state, Ready)
    assert model.checkpoint is not None


def test_progress_of_loading_is_part_of_the_state(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_LARGE_BYTES", 0)
    _, model = open_model(Settings(embedded="smollm2-135m", threads=1, ctx_size=256), StringIO())
    seen: list[float] = []

    def look() -> None:
        if isinstance(model.state, Loading) and model.state.progress is not None:
            seen.append(model.state.progress)

    with model.state_changes.subscribe(look):
        assert isinstance(wait_until_loaded(model), Ready)
    assert seen == sorted(seen)
    assert len(seen) > 2
    assert seen[-1] == 1
    model.close()
