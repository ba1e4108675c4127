"""A packed checkpoint opens whichever distutils came first, from whichever thread, and moves no cache."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_hf
from packed import Tensors, quantized, scheme
from safetensors.numpy import load_file, save_file
from thorough import times

OPEN = """
import os
from pathlib import Path
from qwen_chat.message import Message
from qwen_chat.model.formats.checkpoint import read_checkpoint
from qwen_chat.model.hf.engine import TransformersModel
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.sampling import SamplingParams

def open_and_ask():
    options = TransformersOptions(dtype="float32", threads=1, cpu_only=True)
    model = TransformersModel(read_checkpoint(Path(sys.argv[1])), "packed", options)
    deltas = model.stream([Message("user", "Hi")], SamplingParams(temperature=0, max_new_tokens=4))
    text = "".join(delta.text for delta in deltas)
    model.close()
    return len(text)

def caches_in_environment():
    return [value for name, value in os.environ.items() if name.startswith(("HF_H", "HF_M"))]
"""

IN_THREADS = """
from concurrent.futures import ThreadPoolExecutor
from qwen_chat.model.hf.torch_extensions import import_setuptools
with ThreadPoolExecutor(8) as pool:
    list(pool.map(lambda _: import_setuptools(), range(8)))
"""

PIP_SOUGHT = "from importlib.util import find_spec; find_spec('pip')"
STANDARD_DISTUTILS = (
    f"{PIP_SOUGHT}; import distutils.core; assert '_distutils' not in sys.modules['distutils'].__file__"
)
FAILED_IMPORT = f"""{PIP_SOUGHT}
try:
    import setuptools
except AssertionError:
    pass
else:
    raise SystemExit("setuptools holds by itself now: import_setuptools has done its duty")
"""
"""What `import_setuptools` is for."""


@pytest.fixture(scope="module")
def packed_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    folder = tmp_path_factory.mktemp("packed")
    tiny_hf.write_checkpoint(folder, hidden_size=64, intermediate_size=128, head_dim=16, dtype=torch.float16)
    rng = np.random.default_rng(7)
    packed: Tensors = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        if not name.endswith("_proj.weight"):
            packed[name] = tensor
            continue
        parts, _ = quantized(rng, tensor.shape[1], tensor.shape[0], 4, shuffled=False)
        packed |= {f"{name.removesuffix('weight')}{kind}": part for kind, part in parts.items()}
    save_file(packed, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | scheme(4, shuffled=False)))
    return folder


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error::UserWarning", "-c", f"import sys\n{code}", str(folder)]
    others = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TRANSFORMERS_"))
    }
    environment = others | {"HF_HUB_CACHE": "/a/place/of/theirs"}
    return subprocess.run(command, capture_output=True, text=True, timeout=150, env=environment)


IMPORTED_BEFORE = [FAILED_IMPORT, STANDARD_DISTUTILS, PIP_SOUGHT, "import distutils", "import setuptools"]


@pytest.mark.parametrize("before", IMPORTED_BEFORE[: times(1, 5)])
def test_a_packed_checkpoint_opens_whatever_was_imported_before(packed_folder: Path, before: str) -> None:
    opened = f"{IN_THREADS}    print(pool.submit(open_and_ask).result(), *caches_in_environment())"
    done = run(packed_folder, f"{before}\n{OPEN}\n{opened}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["4", "/a/place/of/theirs"]


def test_threads_may_import_setuptools_at_once(packed_folder: Path) -> None:
    code = f"""{STANDARD_DISTUTILS}
{IN_THREADS}
import distutils.core
from pathlib import Path
print(Path(distutils.core.__file__).parent.parent.name)
"""
    done = run(packed_folder, code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["setuptools"]


def test_looking_for_the_demo_models_client_leaves_setuptools_alone(packed_folder: Path) -> None:
    code = "from qwen_chat.model.catalog.package_client import has_pip; assert has_pip(); import setuptools"
    done = run(packed_folder, code)
    assert done.returncode == 0, done.stderr
