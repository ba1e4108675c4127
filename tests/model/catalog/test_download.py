"""Downloads from real servers on loopback, good, faulty and slow, and what a start leaves for the next."""

import hashlib
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from file_server import FileServer, Manner

from qwen_chat.errors import DownloadError
from qwen_chat.model.catalog.download import RemoteFile, discard, download
from qwen_chat.model.catalog.download_progress import progress_on
from qwen_chat.model.catalog.http_source import HttpSource
from qwen_chat.model.catalog.hub_addresses import huggingface_file, modelscope_file
from qwen_chat.model.catalog.source import Patience, Source

DATA = b"".join(hashlib.sha256(number.to_bytes(4)).digest() for number in range(10_000))
SHA256 = hashlib.sha256(DATA).hexdigest()
NAME = "model.gguf"
PATIENCE = Patience(connect=2, stall=0.6)

START = """
import sys
from pathlib import Path
from qwen_chat.model.catalog.download import RemoteFile, download
from qwen_chat.model.catalog.download_progress import progress_on
from qwen_chat.model.catalog.http_source import HttpSource
folder, url, size, digest = sys.argv[1:]
source = HttpSource("the server", lambda: url)
try:
    download(RemoteFile("model.gguf", int(size), digest, (source,)), Path(folder), progress_on(sys.stderr))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture(autouse=True)
def no_hubs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))


@pytest.fixture
def serve() -> Iterator[Callable[[Manner], FileServer]]:
    with ExitStack() as stack:
        yield lambda manner: stack.enter_context(FileServer(DATA, manner).running())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


Serve = Callable[[Manner], FileServer]


def source(server: FileServer | str, name: str = "the server") -> HttpSource:
    url = server if isinstance(server, str) else f"{server.url}/{NAME}"
    return HttpSource(name, lambda: url, PATIENCE)


def remote(*sources: Source, size: int = len(DATA), digest: str = SHA256) -> RemoteFile:
    return RemoteFile(NAME, size, digest, sources, title="Tiny")


def fetched(file: RemoteFile, folder: Path) -> str:
    """Download, check that the whole file and nothing else is there, and return what was said."""
    progress = io.StringIO()
    path = download(file, folder, progress_on(progress))
    assert path.read_bytes() == DATA
    assert path.stat().st_mode & 0o777 == 0o600
    assert left_in(folder) == {NAME}
    return progress.getvalue()


def left_in(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()} - {f"{NAME}.lock"}


def refused(file: RemoteFile, folder: Path) -> str:
    with pytest.raises(DownloadError) as caught:
        download(file, folder, progress_on(io.StringIO()))
    assert "\n" not in str(caught.value)
    assert NAME not in left_in(folder)
    return str(caught.value)


def test_in_ranges_over_several_connections(serve: Serve, folder: Path) -> None:
    server = serve("ranges")
    assert fetched(remote(source(server)), folder) == (
        f"fetching Tiny (0 MB, once) from the server to {folder}\n"
    )
    assert sum(end - start for start, end in server.asked) == len(DATA)
    assert len(server.asked) == 5
    assert fetched(remote(source("http://127.0.0.1:9/")), folder) == ""


def test_without_ranges(serve: Serve, folder: Path) -> None:
    server = serve("whole")
    fetched(remote(source(server)), folder)
    assert server.asked == []


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("missing", "it answers 404 Not Found"),
        ("page", "it answers with a web page instead of the file"),
        ("half", "it ended the connection too early"),
        ("wrong", "its bytes are not those of the file"),
        ("stall", "no bytes for 0.6 seconds"),
        ("circle", "it redirects in a circle"),
    ],
)
def test_a_faulty_source_is_left_for_the_next(
    serve: Serve, folder: Path, manner: Manner, reason: str
) -> None:
    bad, good = serve(manner), serve("ranges")
    said = fetched(remote(source(bad, "the bad one"), source(good, "the good one")), folder)
    assert said.splitlines()[1:] == [f"the bad one: {reason}; trying the good one"]
    discard(remote(), folder)
    assert f"(the bad one: {reason}): start again when online, or name a model" in refused(
        remote(source(bad, "the bad one")), folder
    )


def test_what_a_stalled_source_gave_is_not_asked_again(serve: Serve, folder: Path) -> None:
    bad, good = serve("stall"), serve("ranges")
    fetched(remote(source(bad), source(good)), folder)
    assert bad.asked
    assert sum(end - start for start, end in good.asked) <= len(DATA) - 4 * 30_000


def test_a_connection_that_breaks_goes_on(serve: Serve, folder: Path) -> None:
    # Each attempt brings half of what it asks for, so the blocks of 65,536 bytes need too many attempts.
    server = serve("broken")
    assert "it ended the connection too early" in refused(remote(source(server)), folder)
    assert left_in(folder) == {f"{NAME}.part", f"{NAME}.part.ranges"}
    before = len(server.asked)
    server.manner = "ranges"
    fetched(remote(source(server)), folder)
    assert sum(end - start for start, end in server.asked[before:]) < len(DATA) / 2


def test_bytes_of_two_sources_that_do_not_fit(serve: Serve, folder: Path) -> None:
    """The wrong half came first: the second source is asked once more, for everything."""
    wrong = FileServer(bytes(len(DATA)), "stall")
    with wrong.running():
        fetched(remote(source(wrong), source(serve("ranges"))), folder)


def test_nobody_answers(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = HttpSource("a", lambda: f"http://127.0.0.1:{silent.getsockname()[1]}/", Patience(0.3, 0.3))
        said = refused(remote(hanging, source("http://127.0.0.1:9/", "b"), source("ftp://x", "c")), folder)
    # On a busy machine the connection may be there only when the time is nearly over.
    silence = r"(no answer in 0\.3 seconds|no bytes for some seconds)"
    assert re.search(rf"\(a: {silence}; b: no connection; c: ", said)
    assert left_in(folder) == set()


def test_another_file_of_the_same_name(serve: Serve, folder: Path) -> None:
    file = remote(source(serve("ranges")), size=5)
    assert "it has another file, of 320,000 bytes instead of 5" in refused(file, folder)


def test_a_hub_tells_size_and_hash(serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve("hub")
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    fetched(remote(huggingface_file("Qwen/Tiny", "a b.gguf"), size=0, digest=""), folder)
    assert server.paths[0] == "/Qwen/Tiny/resolve/main/a%20b.gguf"
    discard(remote(), folder)
    said = refused(remote(huggingface_file("Qwen/Tiny", "x"), digest="0" * 64), folder)
    assert "it has another file, of another SHA-256" in said
    server.manner = "ranges"
    said = refused(remote(huggingface_file("Qwen/Tiny", "x"), digest=""), folder)
    assert "no source tells its size and SHA-256" in said


def test_the_hubs_at_other_addresses(serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve("ranges")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", f"{server.url}/")
    said = fetched(remote(huggingface_file("Qwen/T", NAME), modelscope_file("Qwen/T", NAME)), folder)
    assert "Hugging Face: HF_HUB_OFFLINE is set; trying ModelScope\n" in said
    assert server.paths[0] == f"/models/Qwen/T/resolve/master/{NAME}"


def test_the_copy_in_the_cache_of_a_hub(folder: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "hf" / "hub" / "models--Qwen--Tiny" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / NAME).write_bytes(bytes(len(DATA)))
    nowhere = remote(source("http://127.0.0.1:9/"))
    refused(nowhere, folder)
    (snapshot / NAME).write_bytes(DATA)
    assert download(nowhere, folder, progress_on(io.StringIO())).resolve() == snapshot / NAME
    (snapshot / NAME).unlink()
    refused(nowhere, folder)


def test_a_proxy(serve: Serve, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve("ranges")
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    fetched(remote(source("http://models.invalid/tiny")), folder)
    assert set(proxy.paths) == {"http://models.invalid/tiny"}


def test_a_folder_that_cannot_be_written() -> None:
    # Not even root can write there.
    said = refused(remote(source("http://127.0.0.1:9/")), Path("/sys"))
    assert "cannot write in /sys: Permission denied): make it a folder that you can write in" in said


def test_too_little_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(folder)._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    said = refused(remote(source("http://127.0.0.1:9/")), folder)
    assert "it needs 0 MB in" in said
    assert "1 MB are free" in said
    assert left_in(folder) == set()


def begin(folder: Path, server: FileServer, limit: str = "true") -> "subprocess.Popen[str]":
    words = [str(folder), f"{server.url}/{NAME}", str(len(DATA)), SHA256]
    return subprocess.Popen(
        ["sh", "-c", f'{limit}; exec "$@"', "sh", sys.executable, "-c", START, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_bytes(process: "subprocess.Popen[str]", folder: Path, count: int) -> None:
    record = folder / f"{NAME}.part.ranges"
    while not (record.exists() and len(record.read_text().splitlines()) > count):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["kill", "control-c"])
def test_an_interrupted_download_goes_on(serve: Serve, folder: Path, number: signal.Signals) -> None:
    server = serve("slow")
    process = begin(folder, server)
    wait_for_bytes(process, folder, 12)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert ("are kept, and the next start goes on from there" in said) == (number == signal.SIGINT)
    assert left_in(folder) == {f"{NAME}.part", f"{NAME}.part.ranges"}
    lines = (folder / f"{NAME}.part.ranges").read_text().splitlines()[1:]
    arrived = sum(int(end) - int(start) for start, end in map(str.split, lines))
    server.manner, server.asked = "ranges", []
    fetched(remote(source(server)), folder)
    assert sum(end - start for start, end in server.asked) == len(DATA) - arrived


def test_two_at_once_fetch_once(serve: Serve, folder: Path) -> None:
    server = serve("slow")
    both = [begin(folder, server), begin(folder, server)]
    said = "".join(process.communicate(timeout=60)[1] for process in both)
    assert [process.returncode for process in both] == [0, 0]
    assert said.count("waiting for another qwen-chat to finish fetching model.gguf") == 1
    assert sum(end - start for start, end in server.asked) == len(DATA)
    assert (folder / NAME).read_bytes() == DATA


def test_a_full_disk(serve: Serve, folder: Path) -> None:
    process = begin(folder, serve("ranges"), "ulimit -f 100")
    _, err = process.communicate(timeout=60)
    assert "DownloadError: model.gguf cannot be fetched (cannot write in" in err
    assert "File too large): make room for 0 MB there" in err
    assert left_in(folder) == set()


def test_a_torn_record(serve: Serve, folder: Path) -> None:
    """What a power cut may leave: the record is not believed, or the hash tells."""
    (folder / f"{NAME}.part").write_bytes(bytes(len(DATA)))
    record = folder / f"{NAME}.part.ranges"
    record.write_text(f"{len(DATA)} {SHA256}\n0 100\n\0\0\0\n")
    server = serve("ranges")
    fetched(remote(source(server)), folder)
    os.truncate(folder / NAME, 3)
    (folder / f"{NAME}.part").write_bytes(bytes(len(DATA)))
    record.write_text(f"{len(DATA)} {SHA256}\n0 {len(DATA)}\n")
    fetched(remote(source(server)), folder)
