"""`-c owner/name`: a hub that is here, gone or refuses, and its cache."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pytest
from safetensors.numpy import save

REPO = "Qwen/Tiny-GGUF"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CLOSED_PORT = "http://127.0.0.1:9"

MANY = """
import json, sys
from qwen_chat.errors import QwenChatError
from qwen_chat.model.catalog.locate import locate
answers = []
options = json.loads(sys.argv[2])
for checkpoint in json.loads(sys.argv[1]):
    try:
        located = locate(checkpoint, sys.stderr, **options)
        answers.append([str(located.path), located.name])
    except QwenChatError as error:
        answers.append([type(error).__name__, str(error)])
print(json.dumps(answers))
"""


def on_hub(
    home: Path, endpoint: str, *checkpoints: str, options: dict[str, str] | None = None, **extra: str
) -> tuple[list[list[str]], str]:
    """Locate in a process of its own: the libraries read their environment when they are imported."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "MODELSCOPE_"))}
    mine |= {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1"}
    mine |= {"MODELSCOPE_CACHE": str(home), "MODELSCOPE_HOME": str(home), "MODELSCOPE_ENDPOINT": endpoint}
    named = (json.dumps(checkpoints), json.dumps(options or {}))
    command = [sys.executable, "-W", "error", "-c", MANY, *named]
    done = subprocess.run(command, env=mine | extra, cwd=home, capture_output=True, text=True, timeout=60)
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
    (default, q8, q2, named, f16, other), err = on_hub(tmp_path, CLOSED_PORT, *asked, HF_HUB_OFFLINE="1")
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


def gguf(*names: str) -> dict[str, bytes]:
    return {name: b"GGUF/" + name.encode() for name in names}


CHECKPOINT = {
    "config.json": b'{"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"]}',
    "model.safetensors": save({"weight": np.ones((4, 8), dtype=np.float16)}),
    "tokenizer.json": b'{"version": "1.0"}',
    "merges.txt": b"a b\n",
    "chat_template.jinja": b"{{ messages }}",
    "additional_chat_templates/tool_use.jinja": b"{{ tools }}",
}
UNWANTED = {
    "modeling_qwen.py": b"raise SystemExit('ran')",
    "tokenization.PY": b"raise SystemExit('ran')",
    "pytorch_model.bin": b"pickle",
    "original/consolidated.00.pth": b"pickle",
    "consolidated.safetensors": b"the same again",
    "onnx/model.safetensors": b"another",
    "README.md": b"# Qwen",
    "logo.png": b"PNG",
}
PICKLED = {"config.json": b"{}", "pytorch_model.bin": b"pickle", "tokenizer.json": b"{}"}

REPOS = {
    REPO: gguf("README.md", "tiny-q4_0.gguf", "tiny-q8_0.gguf", "tiny-Q4_0_4_4.gguf", "mmproj-f16.gguf"),
    "Qwen/Split-GGUF": gguf(*(f"q5/big-q5_k_m-0000{n}-of-00002.gguf" for n in (1, 2))),
    "Qwen/Odd-GGUF": gguf("a.gguf", "b.gguf"),
    "Qwen/Plain": CHECKPOINT | UNWANTED,
    "Qwen/Both": CHECKPOINT | gguf("both-q8_0.gguf"),
    "Qwen/Pickled": PICKLED,
    "Qwen/Adapter": {"adapter_config.json": b"{}", "adapter_model.safetensors": b""},
    "Qwen/Pictures": {"model_index.json": b"{}", "unet/model.safetensors": b""},
    "Qwen/Nothing": {"README.md": b"# Soon"},
    "Qwen/Gated": gguf("a.gguf"),
    "Qwen/Outside": {"../../outside.gguf": b"GGUF", "/tmp/outside.gguf": b"GGUF"},
}
REVISIONS = {"main": REPOS, "master": REPOS, COMMIT: REPOS, "refs/pr/1": {"Qwen/Pickled": CHECKPOINT}}
PULL = "fedcba9876543210fedcba9876543210fedcba98"
REVISIONS[PULL] = REVISIONS["refs/pr/1"]
SIZE_OF_HUGE = 1 << 60


@dataclass
class Asked:
    """Where a hub is, and the names of the files that were fetched from it."""

    url: str = ""
    fetched: list[str] = field(default_factory=list)


ASKED = Asked()


class Hub(BaseHTTPRequestHandler):
    """As much of both hubs as fetching takes."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        api = path.startswith("/api/")
        prefix = next(name for name in ("/api/models/", "/api/v1/models/", "/") if path.startswith(name))
        owner, name, *rest = path.removeprefix(prefix).split("/")
        repo = f"{owner}/{name}"
        if repo == "Qwen/Broken":
            self.answer(503, b"")
        elif repo not in (*REPOS, "Qwen/Huge"):
            self.answer(404, b"{}", **{"X-Error-Code": "RepoNotFound"})
        elif prefix == "/api/v1/models/":
            self.modelscope(repo, rest, {key: values[0] for key, values in parse_qs(url.query).items()})
        elif repo == "Qwen/Gated" and not api:
            self.answer(403, b"{}", **{"X-Error-Code": "GatedRepo"})
        else:
            self.huggingface(repo, api, "/".join(rest))

    def huggingface(self, repo: str, api: bool, rest: str) -> None:
        kind, _, rest = rest.partition("/")
        revision = next((name for name in REVISIONS if f"{rest}/".startswith(f"{name}/")), "main")
        if kind == "revision" and rest not in REVISIONS:
            self.answer(404, b"{}", **{"X-Error-Code": "RevisionNotFound"})
            return
        commit = PULL if revision in ("refs/pr/1", PULL) else COMMIT
        files = self.files(repo, revision)
        if not api:
            self.file(files, rest.removeprefix(f"{revision}/"), commit)
        elif kind == "tree":
            tree = [
                {"type": "file", "path": name, "size": len(data), "oid": tag(data)}
                for name, data in files.items()
            ]
            self.answer(200, json.dumps(tree).encode())
        else:
            sizes = {name: SIZE_OF_HUGE if repo == "Qwen/Huge" else len(data) for name, data in files.items()}
            siblings = [
                {"rfilename": name, "size": size, "blobId": tag(files[name])} for name, size in sizes.items()
            ]
            about = {"id": repo, "sha": commit, "siblings": siblings, "private": False, "tags": []}
            self.answer(200, json.dumps(about | {"downloads": 0}).encode())

    def modelscope(self, repo: str, rest: list[str], query: dict[str, str]) -> None:
        files = self.files(repo, query.get("Revision", "master"))
        if repo == "Qwen/Gated":
            self.answer(403, b'{"Code": 403, "Message": "no access"}')
        elif rest == ["repo", "files"]:
            listed = [
                {"Path": name, "Type": "blob", "Size": len(data), "Sha256": sha256(data).hexdigest()}
                for name, data in files.items()
            ]
            self.answer(200, json.dumps({"Code": 200, "Data": {"Files": listed}}).encode())
        else:
            self.file(files, query["FilePath"], COMMIT)

    def files(self, repo: str, revision: str) -> dict[str, bytes]:
        return REVISIONS[revision].get("Qwen/Plain" if repo == "Qwen/Huge" else repo, {})

    def file(self, files: dict[str, bytes], name: str, commit: str) -> None:
        if self.command == "GET":
            ASKED.fetched.append(name)
        self.answer(200, files[name], **{"ETag": f'"{tag(files[name])}"', "X-Repo-Commit": commit})

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


def tag(data: bytes) -> str:
    return sha256(data).hexdigest()[:40]


@pytest.fixture(scope="module")
def server() -> Generator[str, None, None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def hub(server: str) -> str:
    ASKED.fetched.clear()
    return server


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
        assert Path(path).read_bytes().startswith(b"GGUF/")
    again, _ = on_hub(tmp_path, CLOSED_PORT, *asked[1:], HF_HUB_OFFLINE="1")
    assert again == answers[1:]


@pytest.mark.parametrize("where", ["huggingface", "modelscope"])
def test_a_checkpoint_is_fetched_whole_and_without_code(hub: str, tmp_path: Path, where: str) -> None:
    ((path, name),), err = on_hub(tmp_path, hub, "Qwen/Plain", options={"hub": where})
    assert name == "Plain"
    here = {file.relative_to(path).as_posix(): file.read_bytes() for file in Path(path).rglob("*.*")}
    assert here == CHECKPOINT
    assert sorted(ASKED.fetched) == sorted(CHECKPOINT)
    assert err == ""
    again, err = on_hub(tmp_path, CLOSED_PORT, "Qwen/Plain", options={"hub": where})
    assert again == [[path, "Plain"]]
    assert "does not give Qwen/Plain: using Qwen/Plain from the cache" in err
    Path(path, "model.safetensors").unlink()
    ((kind, said),), _ = on_hub(tmp_path, CLOSED_PORT, "Qwen/Plain", options={"hub": where})
    assert kind == "ModelLoadError"
    assert "try again when online" in said


def test_what_is_whole_in_the_cache_is_not_fetched_again(hub: str, tmp_path: Path) -> None:
    for where in ("huggingface", "modelscope"):
        on_hub(tmp_path, hub, "Qwen/Plain", options={"hub": where})
        ASKED.fetched.clear()
        ((path, _),), _ = on_hub(tmp_path, hub, "Qwen/Plain", options={"hub": where})
        assert Path(path, "model.safetensors").is_file()
        assert ASKED.fetched == []


def test_a_gguf_beside_safetensors_is_meant(hub: str, tmp_path: Path) -> None:
    (one, other, refused), _ = on_hub(
        tmp_path, hub, "Qwen/Both", "Qwen/Both:safetensors", f"{REPO}:safetensors"
    )
    assert one[1] == "both-q8_0"
    assert other[1] == "Both"
    assert {file.suffix for file in Path(other[0]).iterdir()} >= {".json", ".safetensors"}
    assert "Qwen/Tiny-GGUF has no config.json" in refused[1]


def test_a_revision(hub: str, tmp_path: Path) -> None:
    pull = {"revision": "refs/pr/1"}
    ((path, name),), _ = on_hub(tmp_path, hub, "Qwen/Pickled", options=pull)
    assert (Path(path).name, name) == (PULL, "Pickled")
    assert Path(path, "model.safetensors").is_file()
    again, _ = on_hub(tmp_path, hub, "Qwen/Pickled", options={"revision": PULL})
    assert again == [[path, name]]
    offline, _ = on_hub(tmp_path, CLOSED_PORT, "Qwen/Pickled", options=pull, HF_HUB_OFFLINE="1")
    assert offline == [[path, name]]
    ((_, said),), _ = on_hub(tmp_path, hub, "Qwen/Pickled", options={"revision": "nowhere"})
    assert said == "Qwen/Pickled has no revision 'nowhere': name one of its branches, tags or commits"
    ((kind, _),), _ = on_hub(tmp_path, hub, "Qwen/Plain", options={"revision": ""})
    assert kind != "ModelLoadError"


REFUSED = {
    "Qwen/Pickled": "has only pickled weights (pytorch_model.bin), refused because they can run code",
    "Qwen/Adapter": "is an adapter (LoRA), not a model",
    "Qwen/Pictures": "is no language model, but one for diffusers",
    "Qwen/Nothing": "has no config.json",
    "Qwen/Outside": "has no config.json",
    "Qwen/Plain:q4_k_m": "has no GGUF files",
    f"{REPO}:q6_k": "has no model for 'q6_k': name one, -c Qwen/Tiny-GGUF:FILE, of tiny-Q4_0_4_4.gguf, ",
    f"{REPO}:tiny": "has several models for 'tiny'",
    "Qwen/Odd-GGUF": "has several models: name one, -c Qwen/Odd-GGUF:FILE, of a.gguf, b.gguf",
    "Qwen/Nowhere": "no such file or folder, and no such model on ",
    "Qwen/Broken": "cannot fetch Qwen/Broken from ",
}


@pytest.mark.parametrize("where", ["huggingface", "modelscope"])
def test_refused_before_anything_is_fetched(hub: str, tmp_path: Path, where: str) -> None:
    own = {
        "huggingface": {
            "Qwen/Gated": "HF_TOKEN",
            "Qwen/a..b": "write owner/name",
            "Qwen/Huge": "set HF_HOME",
        },
        "modelscope": {"Qwen/Gated": "MODELSCOPE_API_TOKEN"},
    }
    said = REFUSED | own[where]
    answers, _ = on_hub(tmp_path, hub, *said, options={"hub": where})
    for (kind, text), expected in zip(answers, said.values(), strict=True):
        assert kind == "ModelLoadError"
        assert expected in text
    assert ASKED.fetched == []


def test_too_little_room(hub: str, tmp_path: Path) -> None:
    ((_, said),), _ = on_hub(tmp_path, hub, "Qwen/Huge")
    assert said.startswith("Qwen/Huge needs ")
    assert f" GB in {tmp_path / 'hub'}, where " in said
    assert said.endswith("make room there, or set HF_HOME to another folder")


def test_gguf_from_modelscope(hub: str, tmp_path: Path) -> None:
    asked = [f"{REPO}:q4_0", "Qwen/Split-GGUF:Q5_K"]
    answers, err = on_hub(tmp_path, hub, *asked, options={"hub": "modelscope"})
    assert [name for _, name in answers] == ["tiny-q4_0", "big-q5_k_m"]
    assert sorted(ASKED.fetched) == sorted(["tiny-q4_0.gguf", *REPOS["Qwen/Split-GGUF"]])
    assert err == ""
    again, _ = on_hub(tmp_path, CLOSED_PORT, *asked, options={"hub": "modelscope"})
    assert again == answers
