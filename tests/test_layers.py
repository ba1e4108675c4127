"""Imports run one way, and heavy libraries stay where they live."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / "qwen_chat"

LAYERS = (
    ("i18n",),
    ("__init__", "errors", "message", "observer", "text"),
    ("sampling", "files"),
    ("history", "roles"),
    ("settings", "export"),
    ("importers",),
    ("storage",),
    ("model",),
    ("session", "batch", "evaluation", "training"),
    ("commands",),
    ("http",),
    ("server", "terminal", "web"),
    ("cli",),
    ("__main__", "apps"),
)
"""Each module may import from the layers above its own, and from its own folder."""

MODEL_LAYERS = (
    ("formats",),
    ("catalog", "qwen1"),
    ("llamacpp", "hf"),
    ("loading",),
    ("factory",),
)
"""The same within model/; its other files come first."""

HOMES = {
    "xllamacpp": {"model/llamacpp/engine_process.py"},
    "huggingface_hub": {"model/catalog/huggingface.py"},
    "modelscope_hub": {"model/catalog/modelscope.py"},
    "rich": {"terminal/", "model/catalog/download_progress.py"},
    "httpx": {f"model/catalog/http_{name}.py" for name in ("source", "answer", "transfer")},
    "filelock": {"model/catalog/download.py", "model/catalog/embedded.py"},
    "markdown_it": {"export/markdown_html.py", "export/text_rules.py", "terminal/markdown/"},
    "mdit_py_plugins": {"export/markdown_html.py"},
    "nh3": {"export/markdown_html.py"},
    "latex2mathml": {"export/mathml.py"},
    "pygments": {"export/markdown_html.py", "terminal/markdown/"},
    "pylatexenc": {"terminal/markdown/"},
    "unicodeit": {"terminal/markdown/"},
    "matplotlib": {"terminal/output/speed_plot.py"},
    "prompt_toolkit": {"terminal/input/"},
    "regex": {"roles/probes.py"},
    "llguidance": {"model/grammar.py"},
    "msgspec": {"files/validation.py"},
    "tomli_w": {"roles/role_writer.py"},
    "sqlite3": {"storage/"},
    "click": {"cli/"},
    "jinja2": {"model/templates/"},
    "markupsafe": {"model/templates/"},
    "torch": {"model/hf/", "model/qwen1/", "training/"},
    "transformers": {"model/hf/", "model/qwen1/", "training/"},
    "tokenizers": {"model/hf/", "model/qwen1/"},
    "accelerate": {"model/hf/", "training/"},
    "gptqmodel": {"training/"},
    "platformdirs": {"files/paths.py"},
    "gradio": {"web/panel/", "web/tunnel.py"},
    "fastapi": {"server/", "web/"},
    "starlette": {"server/", "web/", "http/"},
    "uvicorn": {"http/"},
    "pydantic": {"server/", "web/"},
    "openai": {"server/"},
    "prometheus_client": {"server/"},
    "anyio": {"web/"},
}
"""Which files or folders alone may import a library."""

LEVEL = {name: number for number, names in enumerate(LAYERS) for name in names}
FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "apps").glob("*.py")])


def imported(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def module_name(path: Path) -> str:
    """Return the dotted name of a file's module."""
    inside = path.relative_to(ROOT).with_suffix("")
    return ".".join(inside.parts).removesuffix(".__init__")


def import_graph() -> dict[str, set[str]]:
    """Return which modules of the package each of them imports, anywhere in its file."""
    modules = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    return {
        name: {
            target
            for module in imported(path)
            for target in [module if module in modules else module.rpartition(".")[0]]
            if target in modules and target != name
        }
        for name, path in modules.items()
    }


def room(path: Path) -> str:
    """Return the module or folder of the package that a file belongs to."""
    inside = path.relative_to(PACKAGE) if path.is_relative_to(PACKAGE) else path.relative_to(ROOT)
    return inside.parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    for module in imported(path):
        if not module.startswith("qwen_chat."):
            continue
        target = module.split(".")[1]
        if target in LEVEL and target != room(path):
            assert LEVEL[target] < LEVEL[room(path)], f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "model").rglob("*.py")), ids=lambda path: path.stem)
def test_imports_run_one_way_within_model(path: Path) -> None:
    level = {name: number for number, names in enumerate(MODEL_LAYERS) for name in names}
    own = path.relative_to(PACKAGE / "model").parts[0].removesuffix(".py")
    for module in imported(path):
        if not module.startswith("qwen_chat.model.") or (target := module.split(".")[2]) == own:
            continue
        both_are_low = target not in level and own not in level
        assert both_are_low or level.get(target, -1) < level.get(own, -1), f"{path.name} imports {module}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    # Raises CycleError, which names the modules of a circle.
    assert len(list(TopologicalSorter(import_graph()).static_order())) > 100


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_library_has_one_home(path: Path) -> None:
    for module in imported(path):
        homes = HOMES.get(module.split(".")[0])
        if homes is not None:
            inside = path.relative_to(PACKAGE).as_posix()
            assert any(
                inside == home or (home.endswith("/") and inside.startswith(home)) for home in homes
            ), module


def test_every_room_has_its_place() -> None:
    assert {room(path) for path in FILES} == set(LEVEL)


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*(name.split('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement", ["import qwen_chat", "import qwen_chat.session.session, qwen_chat.commands"]
)
def test_importing_loads_no_heavy_library(statement: str) -> None:
    heavy = {
        "torch",
        "transformers",
        "gradio",
        "fastapi",
        "rich",
        "prompt_toolkit",
        "xllamacpp",
        "numpy",
        "click",
    }
    assert not heavy & loaded_by(statement)


def test_one_answer_needs_no_terminal_libraries() -> None:
    assert not {"rich", "prompt_toolkit", "huggingface_hub", "numpy"} & loaded_by(
        "import qwen_chat.cli, qwen_chat.terminal.oneshot"
    )


def test_the_api_is_imported_only_when_it_is_served() -> None:
    heavy = {"openai", "fastapi", "starlette", "uvicorn", "pydantic", "numpy", "gradio", "llguidance"}
    assert not heavy & loaded_by("import qwen_chat.cli.serve")


def test_the_page_is_imported_only_when_it_is_served() -> None:
    assert not {"gradio", "fastapi", "starlette", "uvicorn", "pydantic", "numpy"} & loaded_by(
        "import qwen_chat.cli.web, qwen_chat.web.serving"
    )
