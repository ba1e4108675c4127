"""`-c owner/name`: a hub that is here, gone or refuses, and its cache."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

REPO = "Qwen/Tiny-GGUF"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLOSED_PORT = "http://127.0.0.1:9"

MANY = """
import json, sys, warnings
from qwen_chat.errors import QwenChatError
from qwen_chat.model.locate import locate
answers = []
for checkpoint in json.loads(sys.argv[1]):
    try:
        located = locate(checkpoint, sys.stderr)
        answers.append([str(located.path), located.name])
    except QwenChatError as error:
        answers.append([type(error).__name__, str(error)])
print(json.dumps(answers))
"""


def on_hub(home: Path, endpoint: str, *checkpoints: str, **extra: str) -> tuple[list[list[str]], str]:
    """Locate in a process of its own: the library reads its environment when it is imported."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    mine |= {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", **extra}
    command = [sys.executable, "-W", "error", "-c", MANY, json.dumps(checkpoints)]
    done = subprocess.run(command, env=mine, cwd=home, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    answers: list[list[str]] = json.loads(done.stdout)
    assert not any("\n" in text for answer in answers for text in answer)
    return answers, done.stderr


def cached(home: Path, *names: str, commit: str = COMMIT) -> Path:
    """Lay out the hub's cache as its library does."""
    model = home / "hub" / f"models--{REPO.replace('/', '--')}"
    for name in names:
        blob = model / "blobs" / sha256(name.encode()).hexdigest()
        for folder in (blob.parent, model / "refs"):
            folder.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(b"GGUF")
        link = model / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    (model / "refs" / "main").write_text(commit)
    return model / "snapshots" / commit


def test_offline_from_the_cache(tmp_path: Path) -> None:
    snapshot = cached(tmp_path, "tiny-q4_k_m.gguf", "tiny-q8_0.gguf", "Q2/tiny-q2_k.gguf", "mmproj-f16.gguf")
    asked = [REPO, f"{REPO}:Q8_0", f"{REPO}:q2_k", f"{REPO}:tiny-q8_0.gguf", f"{REPO}:f16", "Qwen/Other"]
    offline = {"HF_HUB_OFFLINE": "1"}
    (default, q8, q2, named, f16, other), err = on_hub(tmp_path, CLOSED_PORT, *asked, **offline)
    assert default == [str(snapshot / "tiny-q4_k_m.gguf"), "tiny-q4_k_m"]
    assert q8 == named == [str(snapshot / "tiny-q8_0.gguf"), "tiny-q8_0"]
    assert q2 == [str(snapshot / "Q2/tiny-q2_k.gguf"), "tiny-q2_k"]
    assert f16[0] == other[0] == "ModelLoadError"
    assert "HF_HUB_OFFLINE is set" in f16[1]
    assert "using tiny-q4_k_m.gguf from the cache" in err


def test_no_network(tmp_path: Path) -> None:
    snapshot = cached(tmp_path, *(f"big-q4_0-0000{n}-of-00002.gguf" for n in (1, 2)))
    asked = [REPO, f"{REPO}:q8_0", "Qwen/Other"]
    (default, q8, other), _ = on_hub(tmp_path, CLOSED_PORT, *asked)
    assert default == [str(snapshot / "big-q4_0-00001-of-00002.gguf"), "big-q4_0"]
    for answer in (q8, other):
        assert "try again when online" in answer[1]
    (snapshot / "big-q4_0-00002-of-00002.gguf").unlink()
    ((incomplete, _),), _ = on_hub(tmp_path, CLOSED_PORT, REPO)
    assert incomplete == "ModelLoadError"


REPOS = {
    REPO: ["README.md", "tiny-q4_0.gguf", "tiny-q8_0.gguf", "tiny-Q4_0_4_4.gguf", "mmproj-f16.gguf"],
    "Qwen/Split-GGUF": [f"q5/big-q5_k_m-0000{n}-of-00002.gguf" for n in (1, 2)],
    "Qwen/Odd-GGUF": ["a.gguf", "b.gguf"],
    "Qwen/Plain": ["config.json", "model.safetensors"],
    "Qwen/Gated": ["a.gguf"],
}


class Hub(BaseHTTPRequestHandler):
    """As much of a hub as fetching a file needs."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        repo = "/".join(path.removeprefix("/api/models/").strip("/").split("/")[:2])
        if path == "/api/models/Qwen/Broken":
            self.answer(503, b"")
        elif repo not in REPOS:
            self.answer(404, b"{}", **{"X-Error-Code": "RepoNotFound"})
        elif path.startswith("/api/"):
            files = [{"rfilename": name} for name in REPOS[repo]]
            about = {
                "id": repo,
                "sha": COMMIT,
                "siblings": files,
                "private": False,
                "tags": [],
                "downloads": 0,
            }
            self.answer(200, json.dumps(about).encode())
        elif repo == "Qwen/Gated":
            self.answer(403, b"{}", **{"X-Error-Code": "GatedRepo"})
        else:
            content = b"GGUF" + path.encode()
            tag = sha256(content).hexdigest()
            self.answer(200, content, **{"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT})

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def hub() -> Generator[str, None, None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_fetched_from_the_hub(hub: str, tmp_path: Path) -> None:
    asked = [REPO, f"{REPO}:q4_0", f"{REPO}:tiny-Q4_0_4_4.gguf", f"{REPO}:4_4", "Qwen/Split-GGUF:Q5_K"]
    answers, _ = on_hub(tmp_path, hub, *asked)
    assert [name for _, name in answers] == [
        "tiny-q8_0",
        "tiny-q4_0",
        "tiny-Q4_0_4_4",
        "tiny-Q4_0_4_4",
        "big-q5_k_m",
    ]
    for path, _ in answers:
        assert Path(path).read_bytes().startswith(b"GGUF/Qwen/")
    again, _ = on_hub(tmp_path, CLOSED_PORT, *asked[1:], HF_HUB_OFFLINE="1")
    assert again == answers[1:]


def test_what_the_hub_refuses(hub: str, tmp_path: Path) -> None:
    said = {
        f"{REPO}:q6_k": "has no model for 'q6_k': name one, -c Qwen/Tiny-GGUF:FILE, of tiny-Q4_0_4_4.gguf, ",
        f"{REPO}:tiny": "has several models for 'tiny'",
        "Qwen/Odd-GGUF": "has several models: name one, -c Qwen/Odd-GGUF:FILE, of a.gguf, b.gguf",
        "Qwen/Plain": "has no GGUF files",
        "Qwen/Gated": "HF_TOKEN",
        "Qwen/Nowhere": "no such file or folder, and no such model on the hub: Qwen/Nowhere",
        "Qwen/Broken": "cannot fetch Qwen/Broken from the hub (",
        "Qwen/a..b": "write owner/name",
    }
    answers, _ = on_hub(tmp_path, hub, *said)
    for (kind, text), expected in zip(answers, said.values(), strict=True):
        assert kind == "ModelLoadError"
        assert expected in text
