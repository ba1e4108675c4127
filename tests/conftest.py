"""What tests share: an empty home for each, the real demo model, the real command."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babbler import TEMPLATE, write_babbler
from command import RunCommand, run_here, run_process
from filelock import FileLock
from grouping import GroupedFiles, group
from hypothesis import HealthCheck, settings
from tiny import write_model
from xdist.remote import Producer

from benchmarks import smol
from qwen_chat.files.paths import cache_dir, private_dir
from qwen_chat.model.catalog import embedded
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.llamacpp.engine import LlamaCppModel
from qwen_chat.model.llamacpp.options import LlamaCppOptions

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

    from qwen_chat.model.hf.engine import TransformersModel

# A shell that runs the tests in the background lets them ignore Ctrl-C, and all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Python keeps what it compiles, even where images forbid it: tests start hundreds of processes.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Gradio asks for the backend at its first event: to find one that has windows takes half a second.
os.environ.setdefault("MPLBACKEND", "agg")

# Workers share the cores; threads of one more would only wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["talks", "apis"]

CLEAN = [name for name in os.environ if name.startswith("QWEN_CHAT_")]


SET_BY_LIBRARIES = {
    "PYTEST_CURRENT_TEST",
    # torch, when it first compiles
    "TORCHINDUCTOR_CACHE_DIR",
    "_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR",
    # Gradio and our panel, when it is built
    "GRADIO_ANALYTICS_ENABLED",
    "GRADIO_TEMP_DIR",
    "HF_HUB_DISABLE_TELEMETRY",
    # gptqmodel, for CUDA and OpenMP, when it is imported
    "CUDA_DEVICE_ORDER",
    "KMP_DUPLICATE_LIB_OK",
    "PYTORCH_ALLOC_CONF",
}
"""What libraries change in the environment for themselves."""

# How long an example takes says nothing while other workers run.
UNTIMED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("usual", UNTIMED)
settings.register_profile("thorough", UNTIMED)
settings.load_profile("usual")

SLOW = (
    "web",
    "test_two_commands.py",
    "cli",
    "terminal",
    "training",
    "evaluation",
    "batch",
    "session",
    "model",
    "export",
    "storage",
)
"""Places whose tests start browsers, terminals and engines; workers take them first, so none ends late."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that share a worker first, then those of slow rooms."""
    items.sort(key=lambda item: _place(item.nodeid.partition("::")[0]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> GroupedFiles:
    """Give the workers files, and some of them together."""
    return GroupedFiles(config, log)


def pytest_collection_finish() -> None:
    """Keep what is imported out of every later search for garbage, which would take a third of a second."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _keep_heavy_imports() -> Iterator[None]:
    """Keep what a file's tests imported out of later searches too, once all that the file set up is gone."""
    before = len(sys.modules)
    yield
    if len(sys.modules) - before > 300:
        gc.collect()
        gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _same_environment() -> Iterator[None]:
    """See that a file's tests leave the environment as they found it: other tests and processes read it."""
    before = dict(os.environ)
    yield
    after = dict(os.environ)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed <= SET_BY_LIBRARIES, f"left behind in the environment: {sorted(changed)}"


def _place(file: str) -> tuple[int, str]:
    if (name := group(file)) != file:
        return -1, name
    room = Path(file).parts[1]
    return SLOW.index(room) if room in SLOW else len(SLOW), ""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point settings and conversations at an empty folder; the model's cache stays where it is."""
    for kind in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / "home" / kind.lower()))
    for name in CLEAN:
        monkeypatch.delenv(name)
    # What it answers matters to few tests, and it is small.
    monkeypatch.setenv("QWEN_CHAT_EMBEDDED", embedded.SMALL.key)
    return tmp_path / "home"


@pytest.fixture(scope="session")
def model_path() -> Path:
    """The demo model's file, fetched once."""
    return embedded.fetch(embedded.SMALL, sys.stderr)


@pytest.fixture(scope="session")
def babbler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's file that opens and answers at once, without sense."""
    return write_babbler(tmp_path_factory.mktemp("babbler") / "babbler.gguf")


@pytest.fixture(scope="session")
def babbler_model(babbler: Path) -> Iterator[LlamaCppModel]:
    """The babbler, opened."""
    opened = LlamaCppModel(babbler, "babbler", LlamaCppOptions(threads=1))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def small_path(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's file of 8 MB, to fetch and to load: it has the tokens of the demo model, and no sense."""
    path = tmp_path_factory.mktemp("small") / "small.gguf"
    return write_model(path, model_path, TEMPLATE, context=8192)


@pytest.fixture(scope="session")
def model(model_path: Path) -> Iterator[LlamaCppModel]:
    """The demo model as it is opened without a checkpoint."""
    opened = LlamaCppModel(
        model_path,
        embedded.SMALL.name,
        # Two threads of llama.cpp wait for each other at every layer: on a busy machine, for ever.
        LlamaCppOptions(threads=1),
        default_params=embedded.SMALL.params,
        default_system=embedded.SMALL.system_prompt,
    )
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def smol_path() -> Path:
    """The demo model as a safetensors checkpoint, converted once for all workers."""
    with FileLock(private_dir(cache_dir()) / "checkpoint.lock"):
        return smol.checkpoint()


@pytest.fixture(scope="session")
def smol_model(smol_path: Path) -> Iterator["TransformersModel"]:
    """The demo model on torch, in numbers that are the same on every machine."""
    from qwen_chat.model.hf.engine import TransformersModel

    opened = TransformersModel(read_checkpoint(smol_path), "smol", TransformersOptions(dtype="float32"))
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def playwright() -> Iterator["Playwright"]:
    """What drives browsers; a thread can have one only."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: "Playwright") -> Iterator["Browser"]:
    """A real browser without a window."""
    from windows import chromium

    with chromium(playwright) as started:
        yield started


@pytest.fixture
def qwen_chat(model_path: Path) -> RunCommand:
    """Run the command in this process, and return what it printed and its exit code."""
    return run_here


@pytest.fixture
def qwen_chat_process(model_path: Path) -> RunCommand:
    """Run the command as a process of its own, where that is the point."""
    return run_process
