"""Settings: what each layer can say, and which layer wins."""

import dataclasses
from pathlib import Path

import pytest

from qwen_chat import sampling
from qwen_chat.model.hf.options import TransformersOptions
from qwen_chat.model.llamacpp.options import LlamaCppOptions
from qwen_chat.roles import Role
from qwen_chat.sampling import SamplingParams
from qwen_chat.settings import ENGINES, SPECS, VARIABLES, Engine, Settings, load_settings

VALID = """checkpoint_path = "model.gguf"
cpu_only = true
system = "Be brief."
role = "pirate"
user_name = "Ann"
ctx_size = 4096
rope_scaling = "yarn:4"
threads = 8
gpu_layers = 20
kv_cache = "q8_0"
cache_ram = 100
embedded = "smollm2-135m"
hub = "modelscope"
revision = "v1"
device_map = "balanced"
max_memory = ["0=20GiB", "cpu=64GiB"]
dtype = "float32"
attn = "eager"
quantize = "bnb-int8"
prompt_lookup = 5
draft = "small"
strip_prefix = "_orig_mod."
compile = true
think = "off"
raw = true
lora = ["a.gguf", "b.gguf:0.5"]
parallel = 2
history = false
vi = true
plain = true
screen_reader = true
hide_thinking = true
quiet = true
verbose = true

[sampling]
temperature = 0.7
stop = "END"
"""
FROM_VALID = Settings(
    checkpoint_path="model.gguf",
    cpu_only=True,
    role="pirate",
    user_name="Ann",
    ctx_size=4096,
    rope_scaling="yarn:4",
    threads=8,
    gpu_layers=20,
    kv_cache="q8_0",
    cache_ram=100,
    embedded="smollm2-135m",
    hub="modelscope",
    revision="v1",
    device_map="balanced",
    max_memory=("0=20GiB", "cpu=64GiB"),
    dtype="float32",
    attn="eager",
    quantize="bnb-int8",
    prompt_lookup=5,
    draft="small",
    strip_prefix="_orig_mod.",
    compile=True,
    think="off",
    raw=True,
    lora=("a.gguf", "b.gguf:0.5"),
    parallel=2,
    history=False,
    vi=True,
    plain=True,
    screen_reader=True,
    hide_thinking=True,
    quiet=True,
    verbose=True,
    base_system="Be brief.",
    base_sampling=SamplingParams(temperature=0.7, stop=("END",)),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def test_nothing_chosen_gives_the_defaults(path: Path) -> None:
    assert load_settings({}, {}, path) == Settings()


def test_every_key_of_the_file_is_read(path: Path) -> None:
    path.write_text(VALID)
    assert load_settings({}, {}, path) == FROM_VALID


def test_the_file_is_found_in_the_config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "qwen-chat").mkdir()
    (tmp_path / "qwen-chat" / "config.toml").write_text("threads = 3")
    monkeypatch.setenv("QWEN_CHAT_PARALLEL", "7")
    settings = load_settings({})
    assert (settings.threads, settings.parallel) == (3, 7)


def test_every_setting_is_described_and_has_a_variable() -> None:
    extra = {"sampling", "base_sampling", "base_system"}
    assert set(SPECS) == {item.name for item in dataclasses.fields(Settings)} - extra
    assert all(spec.help for spec in SPECS.values())
    assert set(VARIABLES.values()) == {*SPECS, *sampling.NAMES}
    assert len(VARIABLES) == len(SPECS) + len(sampling.NAMES)
    for name, spec in SPECS.items():
        if (default := getattr(Settings(), name)) is not None:
            assert spec.check(name, default) == default


def test_every_setting_can_come_from_the_environment(path: Path) -> None:
    environ = {
        "QWEN_CHAT_CHECKPOINT_PATH": "model.gguf",
        "QWEN_CHAT_CPU_ONLY": "1",
        "QWEN_CHAT_SYSTEM": "Be brief.",
        "QWEN_CHAT_ROLE": "pirate",
        "QWEN_CHAT_USER_NAME": "Ann",
        "QWEN_CHAT_CTX_SIZE": "4096",
        "QWEN_CHAT_THREADS": " 8 ",
        "QWEN_CHAT_GPU_LAYERS": "20",
        "QWEN_CHAT_KV_CACHE": "q8_0",
        "QWEN_CHAT_CACHE_RAM": "100",
        "QWEN_CHAT_EMBEDDED": "smollm2-135m",
        "QWEN_CHAT_HUB": "modelscope",
        "QWEN_CHAT_REVISION": "v1",
        "QWEN_CHAT_DEVICE_MAP": "balanced",
        "QWEN_CHAT_MAX_MEMORY": "0=20GiB,cpu=64GiB",
        "QWEN_CHAT_DTYPE": "float32",
        "QWEN_CHAT_ATTN": "eager",
        "QWEN_CHAT_QUANTIZE": "bnb-int8",
        "QWEN_CHAT_PROMPT_LOOKUP": "5",
        "QWEN_CHAT_DRAFT": "small",
        "QWEN_CHAT_STRIP_PREFIX": "_orig_mod.",
        "QWEN_CHAT_ROPE_SCALING": "yarn:4",
        "QWEN_CHAT_COMPILE": "1",
        "QWEN_CHAT_THINK": "off",
        "QWEN_CHAT_RAW": "1",
        "QWEN_CHAT_LORA": "a.gguf, b.gguf:0.5",
        "QWEN_CHAT_PARALLEL": "2",
        "QWEN_CHAT_HISTORY": "off",
        "QWEN_CHAT_VI": "1",
        "QWEN_CHAT_PLAIN": "Yes",
        "QWEN_CHAT_SCREEN_READER": "true",
        "QWEN_CHAT_HIDE_THINKING": "on",
        "QWEN_CHAT_QUIET": "TRUE",
        "QWEN_CHAT_VERBOSE": "1",
        "QWEN_CHAT_TEMPERATURE": "0.7",
        "QWEN_CHAT_STOP": "END",
        "QWEN_CHAT_TEST_MODEL": "ignored",
        "HOME": "/nowhere",
    }
    assert set(VARIABLES) - set(environ) == {
        f"QWEN_CHAT_{name.upper()}" for name in sampling.NAMES if name not in ("temperature", "stop")
    }
    chosen = dataclasses.replace(
        FROM_VALID,
        system="Be brief.",
        base_system=None,
        sampling=SamplingParams(temperature=0.7, stop=("END",)),
        base_sampling=SamplingParams(),
    )
    assert load_settings({}, environ, path) == chosen


def test_an_empty_variable_is_not_given(path: Path) -> None:
    environ = {"QWEN_CHAT_THREADS": "", "QWEN_CHAT_TEMPERATURE": " ", "QWEN_CHAT_SYSTEM": ""}
    assert load_settings({}, environ, path) == Settings()


@pytest.mark.parametrize("name", sorted(SPECS))
def test_flag_over_environment_over_file(path: Path, name: str) -> None:
    texts = {
        "text": ("a", "b", "c"),
        "number": ("1", "2", "3"),
        "list": ("a", "b", "c"),
        "switch": ("on", "off", "on"),
    }
    spec = SPECS[name]
    in_file, in_env, in_flag = (*spec.all_choices, *spec.all_choices)[:3] or texts[spec.kind]
    quoted = {"number": in_file, "switch": "true", "list": f'["{in_file}"]'}.get(spec.kind, f'"{in_file}"')
    path.write_text(f"{name} = {quoted}")
    from_file = "base_system" if name == "system" else name
    environ = {f"QWEN_CHAT_{name.upper()}": in_env}
    flags = {name: spec.parse(name, in_flag)}
    assert getattr(load_settings({}, {}, path), from_file) == spec.parse(name, in_file)
    assert getattr(load_settings({}, environ, path), name) == spec.parse(name, in_env)
    assert getattr(load_settings(flags, environ, path), name) == spec.parse(name, in_flag)


def test_sampling_goes_flag_environment_role_file_checkpoint(path: Path) -> None:
    path.write_text("[sampling]\ntemperature = 0.1\ntop_p = 0.1\ntop_k = 1\nmin_p = 0.1")
    environ = {"QWEN_CHAT_TEMPERATURE": "0.3", "QWEN_CHAT_TOP_P": "0.3"}
    flags = {"sampling": SamplingParams(temperature=0.4)}
    role = Role("r", "R", "S", sampling=SamplingParams(temperature=0.2, top_p=0.2, top_k=2))
    settings = load_settings(flags, environ, path)
    checkpoint = SamplingParams(temperature=0.0, top_p=0.0, top_k=0, min_p=0.0, seed=5)
    assert settings.params(role) == SamplingParams(temperature=0.4, top_p=0.3, top_k=2, min_p=0.1)
    assert settings.params(None) == SamplingParams(temperature=0.4, top_p=0.3, top_k=1, min_p=0.1)
    assert settings.params(role).over(checkpoint).seed == 5


@pytest.mark.parametrize(
    ("flags", "environ", "config", "expected"),
    [
        ({}, {}, "", None),
        ({}, {}, 'system = "config"', "config"),
        ({}, {}, 'system = ""', ""),
        ({}, {}, 'role = "r"\nsystem = "config"', "of the role"),
        ({"role": "r"}, {}, 'system = "config"', "of the role"),
        ({}, {"QWEN_CHAT_ROLE": "r"}, 'system = "config"', "of the role"),
        ({"system": "flag"}, {}, 'role = "r"', "flag"),
        ({"system": ""}, {}, 'role = "r"\nsystem = "config"', ""),
        ({}, {"QWEN_CHAT_SYSTEM": "env"}, 'role = "r"\nsystem = "config"', "env"),
        ({"system": "flag"}, {"QWEN_CHAT_SYSTEM": "env"}, 'system = "config"', "flag"),
    ],
)
def test_which_system_prompt_is_in_force(
    path: Path, flags: dict[str, str], environ: dict[str, str], config: str, expected: str | None
) -> None:
    path.write_text(config)
    settings = load_settings(flags, environ, path)
    role = Role("r", "R", "of the role") if settings.role else None
    assert settings.system_prompt(role) == expected


def test_an_empty_flag_leaves_the_role_of_the_file(path: Path) -> None:
    path.write_text(VALID)
    settings = load_settings({"role": "", "checkpoint_path": ""}, {}, path)
    assert settings.role is None
    assert settings.checkpoint_path is None


def test_scopes_say_what_each_engine_takes() -> None:
    taken: dict[Engine, set[str]] = {
        "llama.cpp": {item.name for item in dataclasses.fields(LlamaCppOptions)},
        "torch": {item.name for item in dataclasses.fields(TransformersOptions)},
    }
    for name, spec in SPECS.items():
        engines = {engine for engine in ENGINES if name in taken[engine]}
        if spec.scope in ENGINES:
            assert engines == {spec.scope}, name
        elif spec.scope != "model":
            assert not engines, name


def test_choices_of_one_engine_are_refused_by_the_other() -> None:
    spec = SPECS["kv_cache"]
    assert spec.refused_choices("llama.cpp") == ("int8", "int4", "fp8")
    assert set(spec.refused_choices("torch")).isdisjoint(spec.engine_choices["torch"])
    assert spec.check("--kv-cache", "int8") == "int8"
