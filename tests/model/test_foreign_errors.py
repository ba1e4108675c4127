"""Exceptions of llama.cpp, torch and the tokenizers leave an engine only as errors of ours, in one line."""

from collections.abc import Callable, Iterator
from functools import partial
from http.client import HTTPResponse
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tiny_hf
from torch_errors import out_of_memory

from qwen_chat.errors import (
    ContextLengthError,
    ModelError,
    ModelLoadError,
    UsageError,
    as_model_error,
    model_errors,
)
from qwen_chat.message import Message
from qwen_chat.model.base import BatchRequest, TokenizingModel
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.llamacpp import engine_call, server
from qwen_chat.model.llamacpp.connection import EngineConnection, read_events
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.sampling import SamplingParams

if TYPE_CHECKING:
    from qwen_chat.model.hf.engine import TransformersModel


CHAT = [Message("user", "Tell me about the sea.")]
GREEDY = SamplingParams(temperature=0, max_new_tokens=12)


class PanicException(BaseException):
    """A panic in Rust, which is no Exception."""


FOREIGN = [
    RuntimeError("shape mismatch\nin layer 3"),
    partial(out_of_memory, "CUDA out of memory.\nTried to allocate 2 GiB"),
    OSError(5, "Input/output error"),
    ImportError("No module named 'kernels'"),
    MemoryError(),
    KeyError("rope_scaling"),
    ValueError("\x1b[31mred\r\n"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    PanicException("index out of bounds"),
]

Patch = pytest.MonkeyPatch


@pytest.fixture(params=FOREIGN, ids=lambda error: type(error).__name__)
def foreign(request: pytest.FixtureRequest) -> BaseException:
    """An exception of another library."""
    error: BaseException = request.param() if callable(request.param) else request.param
    return error


def raising(
    error: BaseException, after: int = 0, then: Callable[..., Any] | None = None
) -> Callable[..., Any]:
    """Return a function that does as `then` for a number of calls, and raises from the next call on."""
    calls = iter(range(after))

    def call(*arguments: Any, **options: Any) -> Any:
        if next(calls, None) is None:
            raise error
        assert then is not None
        return then(*arguments, **options)

    return call


def check(act: Callable[[], object], error: BaseException, kind: type[ModelError] = ModelError) -> None:
    """Check that what is done raises one line of ours, from the exception."""
    with pytest.raises(kind) as raised:
        act()
    line = str(raised.value)
    assert line
    assert "\n" not in line
    assert raised.value.__cause__ is error


def answer(model: TokenizingModel) -> str:
    return "".join(delta.text for delta in model.stream(CHAT, GREEDY))


# llama.cpp


@pytest.mark.parametrize("seam", ["engine_request", "EngineProcess", "_read_ahead"])
def test_llamacpp_while_it_loads(
    model_path: Path, monkeypatch: Patch, foreign: BaseException, seam: str
) -> None:
    monkeypatch.setattr(server, seam, raising(foreign))
    monkeypatch.setattr(server, "_LARGE_BYTES", 0)
    check(lambda: LlamaCppModel(model_path, "x"), foreign, ModelLoadError)


@pytest.fixture(scope="module")
def opened(model_path: Path) -> Iterator[LlamaCppModel]:
    """A model whose engine may be ended."""
    opened = LlamaCppModel(model_path, "x", LlamaCppOptions(ctx_size=256, threads=1))
    yield opened
    opened.close()


def test_llamacpp_when_it_is_started_again(
    opened: LlamaCppModel, monkeypatch: Patch, foreign: BaseException
) -> None:
    opened._server._process.close()
    with monkeypatch.context() as patch:
        patch.setattr(server, "EngineProcess", raising(foreign))
        check(lambda: answer(opened), foreign, ModelLoadError)
    assert answer(opened)


@pytest.mark.parametrize("events", [0, 3])
def test_llamacpp_in_an_answer(
    model: LlamaCppModel, monkeypatch: Patch, foreign: BaseException, events: int
) -> None:
    def failing(response: HTTPResponse) -> Iterator[dict[str, Any]]:
        yield from islice(read_events(response), events)
        raise foreign

    with monkeypatch.context() as patch:
        patch.setattr(engine_call, "read_events", failing)
        check(lambda: answer(model), foreign)
    assert answer(model)


def test_llamacpp_while_it_is_asked(model: LlamaCppModel, monkeypatch: Patch, foreign: BaseException) -> None:
    whole = answer(model)
    with monkeypatch.context() as patch:
        patch.setattr(EngineConnection, "request", raising(foreign))
        check(lambda: answer(model), foreign)
        check(lambda: model.alternatives([*CHAT, Message("assistant", whole)], 0, 3), foreign)
        check(lambda: model.count([Message("user", f"never counted before, {foreign!r}")]), foreign)


def test_llamacpp_while_it_counts(model: LlamaCppModel, monkeypatch: Patch, foreign: BaseException) -> None:
    monkeypatch.setattr(model._http, "tokenize", raising(foreign))
    chat = [Message("user", f"never counted before, {foreign!r}")]
    check(lambda: model.count(chat), foreign)
    check(lambda: model.encode(chat), foreign)
    check(lambda: model.stream(chat, GREEDY), foreign)


def test_llamacpp_while_it_closes(model: LlamaCppModel, monkeypatch: Patch, foreign: BaseException) -> None:
    monkeypatch.setattr(model._server, "close", raising(foreign))
    check(model.close, foreign)


# torch


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[TransformersModel]":
    """A small checkpoint on torch."""
    from qwen_chat.model.hf.engine import TransformersModel

    folder = tiny_hf.write_checkpoint(tmp_path_factory.mktemp("tiny"))
    opened = TransformersModel(read_checkpoint(folder), "tiny", TransformersOptions(dtype="float32"))
    yield opened
    opened.close()


@pytest.mark.parametrize("loader", ["AutoConfig", "AutoTokenizer", "AutoModelForCausalLM"])
def test_torch_while_it_loads(
    tiny: "TransformersModel", monkeypatch: Patch, foreign: BaseException, loader: str
) -> None:
    from qwen_chat.model.hf.engine import TransformersModel

    monkeypatch.setattr(f"qwen_chat.model.hf.loading.{loader}.from_pretrained", raising(foreign))
    assert tiny.checkpoint is not None
    info = read_checkpoint(tiny.checkpoint)
    check(lambda: TransformersModel(info, "x", TransformersOptions()), foreign, ModelLoadError)


@pytest.mark.parametrize("steps", [0, 4])
def test_torch_in_an_answer(
    tiny: "TransformersModel", monkeypatch: Patch, foreign: BaseException, steps: int
) -> None:
    whole, decoder = answer(tiny), tiny._open_engine().decoder
    with monkeypatch.context() as patch:
        patch.setattr(decoder, "_step", raising(foreign, steps, decoder._step))
        check(lambda: answer(tiny), foreign)
    assert answer(tiny) == whole


def test_torch_while_it_counts(tiny: "TransformersModel", monkeypatch: Patch, foreign: BaseException) -> None:
    monkeypatch.setattr(tiny._prompt, "ids", raising(foreign))
    monkeypatch.setattr(tiny._prompt, "tokens", raising(foreign))
    check(lambda: tiny.count(CHAT), foreign)
    check(lambda: tiny.encode(CHAT), foreign)
    check(lambda: tiny.stream(CHAT, GREEDY), foreign)
    check(lambda: tiny.alternatives([*CHAT, Message("assistant", "x")], 0, 3), foreign)


def test_torch_in_a_batch(tiny: "TransformersModel", monkeypatch: Patch, foreign: BaseException) -> None:
    from qwen_chat.model.hf import batching

    monkeypatch.setattr(batching, "_generate_together", raising(foreign))
    requests = [BatchRequest(CHAT, GREEDY)] * 2
    if isinstance(foreign, PanicException):
        check(lambda: tiny.answer(requests), foreign)
    else:
        found = tiny.answer(requests)
        assert all(isinstance(each, ModelError) and "\n" not in str(each) for each in found)


def test_torch_while_it_closes(tiny: "TransformersModel", monkeypatch: Patch, foreign: BaseException) -> None:
    engine = tiny._engine
    with monkeypatch.context() as patch:
        patch.setattr(tiny._stack, "close", raising(foreign))
        check(tiny.close, foreign)
    tiny._engine = engine


# The one place


def test_errors_of_ours_stay_themselves() -> None:
    for error in (ModelError("a"), ModelLoadError("b"), ContextLengthError(10, 5)):
        assert as_model_error(error) is error
    assert str(as_model_error(UsageError("/alt 9: no such token"))) == "/alt 9: no such token"


def test_torch_is_not_needed_to_know_its_exceptions() -> None:
    import torch

    ours = as_model_error(torch.OutOfMemoryError("CUDA"), out_of_memory="try less")
    assert str(ours) == "try less"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(2), GeneratorExit(), UsageError("no")])
def test_what_is_no_fault_of_an_engine_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, model_errors():
        raise error
    assert raised.value is error
