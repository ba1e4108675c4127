"""What a role's file may hold besides: names, more greetings, lore and probes; every fault with its line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_chat.errors import UsageError
from qwen_chat.files.toml import parse_toml
from qwen_chat.roles import Role, load_role, role_names
from qwen_chat.roles.lorebook import Lore, Lorebook
from qwen_chat.roles.probes import Probe
from qwen_chat.roles.role_file import role_from_toml
from qwen_chat.roles.role_writer import role_to_toml
from qwen_chat.sampling import SamplingParams

VALID = '''title = "Ada Quill"
system = """
You are {{char}}.
[[lore]]
"""
character = "Ada"
greeting = "Well?"
alternate_greetings = ["You again.", "Sit, {{user}}."]
lore_depth = 6
lore_budget = 300

[sampling]
temperature = 0.8

[[lore]]
keys = ["wolf", "bear"]
text = "It bites."

[[lore]]
keys = "moon"
text = "It is full."
secondary_keys = ["silver"]
order = 5
priority = 2
case_sensitive = true
enabled = false

[[probes]]
name = "name"
say = ["Hi", "Who are you?"]
must = "Ada"
must_not = ["an AI", '/as an? (AI|assistant)/']
language = "en"
longest = 300
runs = 3

[[probes]]
say = "What did you\\nsee?"
language = "zh"
'''
ROLE = Role(
    name="ada",
    title="Ada Quill",
    system="You are {{char}}.\n[[lore]]",
    character="Ada",
    greeting="Well?",
    alternate_greetings=("You again.", "Sit, {{user}}."),
    sampling=SamplingParams(temperature=0.8),
    lorebook=Lorebook(
        (
            Lore("It bites.", ("wolf", "bear")),
            Lore("It is full.", ("moon",), ("silver",), 5, 2, case_sensitive=True, enabled=False),
        ),
        depth=6,
        budget=300,
    ),
    probes=(
        Probe("name", ("Hi", "Who are you?"), ("Ada",), ("an AI", "/as an? (AI|assistant)/"), "en", 300, 3),
        Probe("What did you see?", ("What did you\nsee?",), language="zh"),
    ),
)


def parsed(text: str) -> Role:
    return role_from_toml(parse_toml(Path("ada.toml"), text))


def test_every_key_is_read() -> None:
    assert parsed(VALID) == ROLE


def test_what_is_written_is_read_again() -> None:
    assert parsed(role_to_toml(ROLE, "by hand")) == ROLE
    assert role_to_toml(Role("a", "T", "S")) == 'title = "T"\nsystem = "S"\n'


WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool)


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"))
    .map(str.strip)
    .filter(bool),
    keys=st.lists(WORDS, min_size=1, max_size=3).map(tuple),
    order=st.integers(-9, 9),
    enabled=st.booleans(),
)
def test_any_text_survives_its_file(text: str, keys: tuple[str, ...], order: int, enabled: bool) -> None:
    book = Lorebook((Lore(text, keys, order=order, enabled=enabled),))
    role = Role("ada", "T", text, greeting=text, alternate_greetings=(text,), lorebook=book)
    assert parsed(role_to_toml(role)) == role


def test_names_are_filled_in_everywhere() -> None:
    role = Role(
        "r",
        "Captain",
        "{{char}} {{ Char }} {{USER}} {{users}}",
        greeting="{{user}}",
        alternate_greetings=("{{char}}",),
        examples=("I, {{user}}",),
        character="Bess",
        lorebook=Lorebook((Lore("{{char}}", ("{{user}}",), ("{{char}}",)),)),
        probes=(Probe("p", ("Are you {{char}}?",), ("x",)),),
    ).fill_names("Ann")
    assert role.system == "Bess Bess Ann {{users}}"
    assert role.greetings == ("Ann", "Bess")
    assert role.examples == ("I, Ann",)
    assert role.lorebook.entries[0] == Lore("Bess", ("Ann",), ("Bess",))
    assert role.probes[0].say == ("Are you Bess?",)
    assert Role("r", "Captain", "{{char}}").fill_names("").system == "Captain"
    assert Role("r", "R", "{{user}}").fill_names("\\1 {{char}}").system == "\\1 {{char}}"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('character = "Ada"', "character = 5", 6, "character must be text in quotes"),
        ('character = "Ada"', 'charakter = "Ada"', 6, "unknown key 'charakter': did you mean character?"),
        (
            '"You again."',
            "5",
            8,
            'alternate_greetings must be a list of texts: write alternate_greetings = ["..."]',
        ),
        ("lore_depth = 6", "lore_depth = -1", 9, "lore_depth must be a whole number from 0 to 1,000"),
        (
            "lore_budget = 300",
            "lore_budget = true",
            10,
            "lore_budget must be a whole number from 0 to 10,000,000",
        ),
        ('keys = "moon"', 'key = "moon"', 20, "unknown key 'key': did you mean keys?"),
        ('keys = "moon"', "keys = []", 20, 'lore needs keys: write keys = ["a word that brings it up"]'),
        ('keys = "moon"', "", 19, "lore needs keys: write keys ="),
        ('text = "It is full."', "", 19, 'lore needs a text: write text = "What is so."'),
        ('text = "It bites."', "", 15, 'lore needs a text: write text = "What is so."'),
        ("order = 5", "order = 1.5", 23, "order must be a whole number from -10,000,000 to 10,000,000"),
        ("enabled = false", 'enabled = "no"', 26, "enabled must be true or false, without quotes"),
        ("runs = 3", "runs = 0", 35, "runs must be a whole number from 1 to 100"),
        ('language = "zh"', 'language = "fr"', 39, "language must be one of en, zh, or left out"),
        ('language = "zh"', "", 37, "a probe needs must, must_not, language or longest: add what its answer"),
        (
            'say = ["Hi", "Who are you?"]',
            "",
            28,
            'a probe needs something to say: write say = "Who are you?"',
        ),
        (
            "'/as an? (AI|assistant)/'",
            "'/as an? (AI/'",
            32,
            "must_not: /as an? (AI/ is not a regular expression (missing )",
        ),
        ('name = "name"', 'name = "a\\nb"', 29, "name must be one line of plain text"),
        (
            '[[probes]]\nname = "name"',
            '[[probs]]\nname = "name"',
            28,
            "unknown key 'probs': did you mean probes?",
        ),
    ],
)
def test_a_faulty_line(old: str, new: str, line: int, message: str) -> None:
    assert VALID.count(old) == 1
    with pytest.raises(UsageError) as caught:
        parsed(VALID.replace(old, new))
    assert str(caught.value).startswith(f"ada.toml, line {line}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", ["lore = 5", "lore = [1]", "[lore]\ntext = 'T'"])
def test_lore_that_is_no_tables(line: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(f"title = 'T'\nsystem = 'S'\n{line}\n")
    assert str(caught.value) == (
        "ada.toml, line 3: lore must be tables: put the values of each under a line [[lore]]"
    )


@pytest.mark.parametrize("name", role_names())
def test_the_probes_of_a_built_in_role_suit_it(name: str) -> None:
    role = load_role(name)
    assert all(probe.language in ("", role.language) for probe in role.probes)
    assert len({probe.name for probe in role.probes}) == len(role.probes)


def test_built_in_roles_carry_probes() -> None:
    assert {"pirate", "json-extract", "translator", "concise"} <= {
        name for name in role_names() if load_role(name).probes
    }
