"""Roles: the built-in ones, the user's own, and what is said about a faulty file."""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from qwen_chat.errors import UsageError
from qwen_chat.roles import LANGUAGES, USES, Role, all_roles, library, load_role, read_role, role_names
from qwen_chat.sampling import SamplingParams

BUILT_IN = sorted(path.stem for path in Path(library.__file__).with_name("builtin").glob("*.toml"))
CHINESE = re.compile("[\u4e00-\u9fff]")

VALID = '''title = "Miller"
system = """
You are a miller.
temperature = of the oven
"""
use = "role play"
language = "en"
greeting = "Good day."
examples = ["How is the mill?", "Bread?"]

[sampling]
temperature = 0.8
top_k = 40
stop = ["END"]
'''


@pytest.fixture(autouse=True)
def roles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "qwen-chat" / "roles"
    folder.mkdir(parents=True)
    return folder


def fault_of(roles: Path, content: str | bytes) -> str:
    path = roles / "miller.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as caught:
        load_role("miller")
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(str(path), "FILE")


def test_the_built_in_roles_cover_each_use_in_both_languages() -> None:
    found, problems = all_roles()
    assert problems == []
    assert [role.name for role in found] == BUILT_IN == role_names()
    assert {(role.use, role.language) for role in found} == {
        (use, language) for use in USES for language in LANGUAGES
    }


def test_each_english_role_has_a_chinese_twin() -> None:
    english = {name for name in BUILT_IN if not name.endswith("-zh")}
    assert {f"{name}-zh" for name in english} == set(BUILT_IN) - english
    for name in english:
        assert load_role(name).use == load_role(f"{name}-zh").use


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_role_is_complete(name: str) -> None:
    role = load_role(name)
    assert role.language == ("zh" if name.endswith("-zh") else "en")
    assert len(role.examples) == 3
    assert len(role.system) <= 900, "a small model loses the thread of a longer prompt"
    assert bool(CHINESE.search(role.title + role.system)) == (role.language == "zh")
    assert bool(role.greeting) == (role.use == "role play")
    assert "\n" not in role.greeting
    temperature = role.sampling.temperature
    assert temperature is not None
    assert temperature >= 0.8 if role.use in ("role play", "language style") else temperature <= 0.9


def test_every_field_is_read(roles: Path) -> None:
    (roles / "miller.toml").write_text(VALID)
    assert load_role("miller") == Role(
        name="miller",
        title="Miller",
        system="You are a miller.\ntemperature = of the oven",
        use="role play",
        language="en",
        greeting="Good day.",
        examples=("How is the mill?", "Bread?"),
        sampling=SamplingParams(temperature=0.8, top_k=40, stop=("END",)),
    )


def test_title_and_system_are_enough(roles: Path) -> None:
    (roles / "miller.toml").write_text('title = "M"\nsystem = "S"\n')
    assert load_role("miller") == Role("miller", "M", "S")


def test_an_own_role_comes_before_a_built_in_one(roles: Path) -> None:
    before = role_names()
    (roles / "pirate.toml").write_text(VALID)
    assert load_role("pirate").title == "Miller"
    assert role_names() == before
    assert [role.title for role in all_roles()[0] if role.name == "pirate"] == ["Miller"]


def test_an_own_role_may_have_a_chinese_name(roles: Path) -> None:
    name = "\u78e8\u574a\u4e3b"
    (roles / f"{name}.toml").write_text(VALID)
    assert name in role_names()
    assert load_role(name).name == name


def test_without_a_folder_of_own_roles(roles: Path) -> None:
    roles.rmdir()
    assert role_names() == BUILT_IN


def test_a_broken_file_does_not_hide_the_others(roles: Path) -> None:
    (roles / "broken.toml").write_text("title = ")
    (roles / "My Role.toml").write_text(VALID)
    (roles / "good.toml").write_text(VALID)
    (roles / ".good.toml").write_text("an editor's own")
    (roles / "notes.txt").write_text("not a role")
    found, problems = all_roles()
    assert {role.name for role in found} == {*BUILT_IN, "good"}
    assert len(problems) == 2
    assert "My Role.toml: a role's file name has only small letters, digits, - and _" in problems[0]
    assert "broken.toml, line 1: not TOML" in problems[1]
    with pytest.raises(UsageError, match="rename it"):
        load_role("My Role")


def test_an_unreadable_folder_leaves_the_built_in_roles(roles: Path) -> None:
    roles.rmdir()
    roles.write_text("a file where the folder should be")
    found, problems = all_roles()
    assert [role.name for role in found] == BUILT_IN
    assert problems == [f"cannot read the folder {roles}: Not a directory; make it a readable folder"]
    with pytest.raises(UsageError, match="cannot read the folder"):
        role_names()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pirat", "unknown role 'pirat': did you mean pirate?"),
        ("Pirate", "unknown role 'Pirate': did you mean pirate?"),
        ("xyzzy", f"unknown role 'xyzzy': there are: {', '.join(BUILT_IN)}"),
    ],
)
def test_an_unknown_role(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_role(name)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "..", "", ".", "a\0b", "roles/pirate", "a" * 9999]
)
def test_a_name_never_leads_out_of_the_folder(roles: Path, name: str) -> None:
    (roles.parent / "outside.toml").write_text(VALID)
    with pytest.raises(UsageError, match="unknown role "):
        load_role(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title = 'M'\nsytem = 'S'", "FILE, line 2: unknown key 'sytem': did you mean system?"),
        ("system = 'S'", 'FILE: a role needs a title: write title = "My role"'),
        ("title = 'M'", 'FILE: a role needs a system: write system = "You are ..."'),
        ("title = 'M'\nsystem = ' '", "FILE, line 2: a role needs a system: write system = "),
        ("\ntitle = 5\nsystem = 'S'", "FILE, line 2: title must be text in quotes"),
        ('title = "a\\nb"\nsystem = "S"', "FILE, line 1: title must be one line of plain text"),
        ('title = "\\u001b[2J"\nsystem = "S"', "FILE, line 1: title must be one line of plain text"),
        ("title = 'M'\nsystem = ['S']", "FILE, line 2: system must be text in quotes"),
        (b"title = 'M'\nsystem = '\xff'", "FILE, line 2: not UTF-8: save the file as UTF-8"),
        (b"#" * 1_000_001, "FILE is larger than 1,000,000 bytes: shorten it"),
    ],
)
def test_a_faulty_file(roles: Path, content: str | bytes, message: str) -> None:
    assert fault_of(roles, content).startswith(message)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("use", "not TOML: expected '=' after a key in a key/value pair: write it as name = value"),
        ("use = 'play'", "use must be one of role play, language style, task setting, behaviour setting, or"),
        ("language = 'fr'", "language must be one of en, zh, or left out"),
        ("greeting = true", "greeting must be text in quotes"),
        ("examples = 'E'", 'examples must be a list of texts: write examples = ["..."]'),
        ("examples = ['E', 1]", 'examples must be a list of texts: write examples = ["..."]'),
        ("examples = ['']", 'examples must be a list of texts: write examples = ["..."]'),
        ("top_k = 1", "unknown key 'top_k': move it under [sampling]"),
        ("sampling = 1", "sampling must be a table: put its values under a line [sampling]"),
        ("sampling.temperature = 9", "temperature=9: must be from 0 to 5"),
        ("sampling.temperature = '0.8'", "temperature must be a number, without quotes"),
        ("sampling.temperature = true", "temperature=True: must be a number from 0 to 5"),
        (f"sampling.top_k = 1{'0' * 400}", "top_k must be a number, without quotes"),
        ("sampling.stop = 4", "stop must be a text, or a list of texts, none of them empty"),
        ("sampling.temprature = 1", "unknown key 'temprature': did you mean temperature?"),
    ],
)
def test_a_faulty_line(roles: Path, line: str, message: str) -> None:
    content = f"title = 'M'\nsystem = 'S'\n{line}\n"
    assert fault_of(roles, content).startswith(f"FILE, line 3: {message}")


def test_a_role_that_was_deleted_meanwhile(roles: Path) -> None:
    (roles / "gone.toml").symlink_to(roles / "nowhere")
    with pytest.raises(UsageError, match=r"gone\.toml does not exist"):
        load_role("gone")


@examples(200)
@given(
    start=st.integers(0, len(VALID)),
    length=st.integers(0, 12),
    insert=st.one_of(
        st.binary(max_size=6),
        st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace")),
        st.sampled_from(
            [b'"', b"'''", b"[", b"]]", b"=", b"\n", b"\\", b"true", b"1e999", b"-1", b"{}", b"nan"]
        ),
    ),
)
def test_any_mutation_is_a_preset_or_a_usage_error(start: int, length: int, insert: bytes) -> None:
    content = VALID.encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "miller.toml"
        path.write_bytes(content[:start] + insert + content[start + length :])
        try:
            assert isinstance(read_role(path), Role)
        except UsageError as error:
            assert str(error).startswith(str(path))  # noqa: PT017
            assert len(str(error).splitlines()) == 1  # noqa: PT017
