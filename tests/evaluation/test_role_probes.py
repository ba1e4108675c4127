"""Probes judge answers, and a model in a role is held to them."""

import time
from threading import Event

import pytest
from scripted import ScriptedModel

from qwen_chat.errors import ModelError, UsageError
from qwen_chat.evaluation.role_probes import ProbeRun, run_probes
from qwen_chat.message import Message
from qwen_chat.roles import Role
from qwen_chat.roles.lorebook import Lore, Lorebook
from qwen_chat.roles.probes import Probe, check_pattern, chinese_share
from qwen_chat.sampling import SamplingParams


def faults(answer: str, **held_to: object) -> list[str]:
    return Probe("p", ("Hi",), **held_to).find_faults(answer)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "held_to", "expected"),
    [
        ("Aye, captain", {"must": ("aye",)}, []),
        ("Yes", {"must": ("aye", "captain")}, ["lacks aye", "lacks captain"]),
        ("As an AI, no", {"must_not": ("as an ai",)}, ["says as an ai"]),
        ("Ahoy!", {"must": ("/^(aye|ahoy)\\b/",)}, []),
        ("So, ahoy", {"must": ("/^(aye|ahoy)\\b/",)}, ["lacks /^(aye|ahoy)\\b/"]),
        ("a.b", {"must": ("a.b",)}, []),
        ("axb", {"must": ("a.b",)}, ["lacks a.b"]),
        ("either / or", {"must": ("/",)}, []),
        ("", {"must_not": ("x",)}, ["says nothing"]),
        (" \n", {"language": "en"}, ["says nothing"]),
        ("12345", {"longest": 5}, []),
        ("123456", {"longest": 5}, ["has 6 characters, more than 5"]),
        ("我用 Python 写代码", {"language": "zh"}, []),
        ("我用 Python 写代码", {"language": "en"}, ["is not English: 83% Chinese"]),
        ("The word 狼 means wolf", {"language": "en"}, []),
        ("The word 狼 means wolf", {"language": "zh"}, ["is not Chinese: 20% Chinese"]),
        ("42", {"language": "zh"}, []),
    ],
)
def test_an_answer_is_judged(answer: str, held_to: dict[str, object], expected: list[str]) -> None:
    assert faults(answer, **held_to) == expected


def test_words_of_another_script_are_not_chinese() -> None:
    assert chinese_share("Привет мир 世") == pytest.approx(1 / 3)
    assert chinese_share("12 + 3 = 15!") is None


@pytest.mark.timing
def test_a_pattern_that_would_search_for_ever_is_given_up() -> None:
    begun = time.monotonic()
    with pytest.raises(UsageError, match="takes too long to look for: write a simpler one"):
        faults("a" * 2000 + "!", must=("/(a|aa|a+)+(b|c)$/",))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("pattern", ["/(/", "/a{2,1}/", "/[z-a]/", "/(?P<n>a)(?P<n/", "/" + "(" * 5000 + "/"])
def test_what_is_no_regular_expression(pattern: str) -> None:
    with pytest.raises(UsageError, match="is not a regular expression"):
        check_pattern(pattern)


ROLE = Role(
    "ada",
    "Ada",
    "You are Ada.",
    greeting="Well?",
    lorebook=Lorebook((Lore("Wolves bite.", ("wolf",)),)),
    probes=(
        Probe("name", ("Hi", "A wolf?"), must=("Ada",)),
        Probe("brief", ("Hi",), must_not=("Ada",), runs=3),
    ),
)


def test_a_role_is_played_as_in_a_chat_and_judged() -> None:
    model = ScriptedModel("I am ", "Ada")
    verdicts = list(run_probes(model, ROLE, SamplingParams(seed=7)))
    assert [(verdict.role, verdict.probe.name, verdict.passed) for verdict in verdicts] == [
        ("ada", "name", True),
        ("ada", "brief", False),
    ]
    assert verdicts[0].runs == (ProbeRun(7, "I am Ada", ()),)
    assert [run.seed for run in verdicts[1].runs] == [7, 8, 9]
    assert {run.faults for run in verdicts[1].runs} == {("says Ada",)}
    assert model.prompts[0] == [
        Message("system", "You are Ada."),
        Message("assistant", "Well?"),
        Message("user", "Hi"),
    ]
    assert [message.content for message in model.prompts[1]] == [
        "You are Ada.\n\nWolves bite.",
        "Well?",
        "Hi",
        "I am Ada",
        "A wolf?",
    ]


def test_the_fault_of_a_model_is_the_fault_of_a_run() -> None:
    model = ScriptedModel("I am", ModelError("out of\nmemory"))
    assert [run.faults for verdict in run_probes(model, ROLE, SamplingParams()) for run in verdict.runs] == (
        [("out of memory",)] * 4
    )


def test_a_cancelled_test_has_no_verdict() -> None:
    cancel = Event()
    cancel.set()
    assert list(run_probes(ScriptedModel("I am Ada"), ROLE, SamplingParams(), cancel=cancel)) == []
