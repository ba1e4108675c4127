"""Templates that are damaged, that never end, or that want more memory than there is."""

import pytest

from qwen_chat.errors import ModelError, ModelLoadError
from qwen_chat.message import Message
from qwen_chat.model.templates import limits
from qwen_chat.model.templates.template import ChatTemplate

ASKED = [Message("user", "hi")]


@pytest.mark.parametrize(
    "source",
    [
        "{% set r = range(90000) %}" + "{% for a in r %}" * 3 + "{% endfor %}" * 3,
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
        "{% for a in range(90000) if a < 0 %}{% endfor %}" * 90,
    ],
)
def test_a_template_that_never_ends_is_ended(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.05)
    with pytest.raises(ModelError, match="refuses this conversation: it still writes after"):
        ChatTemplate({"default": source}).write(ASKED)


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'x' * 999999999999 }}",
        "{{ [0] * 999999999999 }}",
        "{{ 9 ** 999999999 }}",
        "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s='xx') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{{ 'x'.ljust(999999999999) }}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ messages[0].content.__class__.__mro__ }}",
        "{{ messages.append(1) }}",
        "{{ messages[5].content }}",
        "{{ 1 / 0 }}",
        "{{ undefined_function() }}",
        "{% include 'other' %}",
    ],
)
def test_a_template_that_goes_too_far_is_refused_in_one_line(source: str) -> None:
    with pytest.raises(ModelError, match=r"^the checkpoint's chat template refuses this conversation: .+$"):
        ChatTemplate({"default": source}).write(ASKED)


@pytest.mark.parametrize(
    "source", ["{% if %}", "{{ 'x", "{% nonsense %}", "{{ x | no_such_filter }}", "{% endfor %}"]
)
def test_a_damaged_template_is_named_when_it_is_loaded(source: str) -> None:
    with pytest.raises(
        ModelLoadError, match=r"chat template is damaged \(line 1: .+\): mend it, or use --raw"
    ):
        ChatTemplate({"default": source})
