"""Marked text gives what str gives, and no character that somebody typed becomes the template's own."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError
from thorough import examples

from qwen_chat.model.templates.environment import CompiledTemplate
from qwen_chat.model.templates.marked import MarkedText, join_texts, marks_of, own, runs, typed

# The template writes 甲 and 乙, people write 丙 and 丁: these characters tell who wrote them.
OWN = st.text("甲乙 <>\n", max_size=4).map(own)
TYPED = st.text("丙丁 <>\n%{}", max_size=4).map(typed)
TEXTS = st.lists(OWN | TYPED, max_size=5).map(join_texts)

METHODS: list[Callable[[str, str], Any]] = [
    lambda x, y: x + y,
    lambda x, y: own("甲") + x + "丁",
    lambda x, y: x * 2,
    lambda x, y: x[1:],
    lambda x, y: x[::-1],
    lambda x, y: x.strip() + y.lstrip() + x.rstrip(),
    lambda x, y: x.strip("甲丙"),
    lambda x, y: x.replace("丙", y),
    lambda x, y: x.replace(" ", "", 1),
    lambda x, y: x.split(),
    lambda x, y: x.split(" ", 1),
    lambda x, y: x.rsplit(None, 1),
    lambda x, y: x.rsplit("丙", 1),
    lambda x, y: x.splitlines(),
    lambda x, y: x.splitlines(keepends=True),
    lambda x, y: [*x.partition("<")],
    lambda x, y: [*x.rpartition("\n")],
    lambda x, y: x.join([y, "丁", y]),
    lambda x, y: x.removeprefix("丙") + x.removesuffix("甲"),
    lambda x, y: x.ljust(9) + y.rjust(9),
    lambda x, y: list(x),
]


def flags(value: object) -> str:
    return "".join(map(flags, value)) if isinstance(value, list) else marks_of(str(value))


@pytest.mark.parametrize("method", METHODS)
@given(x=TEXTS, y=TEXTS)
@examples(60)
def test_methods_keep_the_origin_of_each_character(
    method: Callable[[str, str], Any], x: MarkedText, y: MarkedText
) -> None:
    got, wanted = method(x, y), method("".join([*map(str, [*x])]), "".join([*y]))
    assert got == wanted
    for character, mark in zip("".join(got), flags(got), strict=True):
        assert mark == "t" or character not in "丙丁"
        assert mark == "o" or character not in "甲乙"


EXPRESSIONS = {
    "x | trim": True,
    "x | upper": False,
    "x | title": False,
    "x | capitalize ~ x | lower": False,
    "x ~ '甲' ~ y": True,
    "x + '<甲>' + y": True,
    "['甲', x, y] | join('乙')": True,
    "[x, y] | join": True,
    "x | indent(2, true)": True,
    "x | replace('丙', '乙')": True,
    "x | reverse": True,
    "x | list | join": True,
    "x.split('丙') | map('trim') | join('甲')": True,
    "'甲%s乙' % x": True,
    "'甲%s乙%s%%' | format(x, y)": True,
    "'甲{}乙{n}'.format(x, n=y)": True,
    "'甲{:>9}'.format(x)": False,
    "x | center(9)": False,
    "x | tojson": False,
    "{'甲': x} | tojson": False,
    "[x] | string": False,
    "x | safe + '<甲>'": False,
    "'<甲>' | safe + x": False,
    "x | e": False,
    "x | wordwrap(2)": False,
    "x | truncate(3)": False,
    "x | urlencode": False,
    "x.replace('', y)": False,
    "(x | first | default('甲')) ~ (x | last | default('乙'))": True,
    "x[:2] ~ x[-1:]": True,
    "x if '丙' in x else '甲'": True,
    "'甲' if x.startswith('丙') or x.endswith('丁') else y": True,
    "x | length ~ '甲'": True,
    "x.translate({60: 62})": False,
    "x.encode() | string": False,
    "x.expandtabs() ~ x.zfill(9)": False,
    "dict(a=x).a ~ namespace(a=y).a": True,
}
"""Expressions, and whether they keep the origin of all characters."""


def plain(expression: str, x: str, y: str) -> str:
    """Return what transformers writes."""
    from transformers.utils.chat_template_utils import _compile_jinja_template

    return str(_compile_jinja_template(f"{{{{ {expression} }}}}").render(x=x, y=y))


@pytest.mark.parametrize("expression", EXPRESSIONS)
@given(x=TEXTS, y=TEXTS)
@examples(25)
def test_expressions_write_what_transformers_writes(expression: str, x: MarkedText, y: MarkedText) -> None:
    template = CompiledTemplate(f"{{{{ {expression} }}}}")
    try:
        wanted = plain(expression, "".join([*x]), "".join([*y]))
    except (TypeError, ValueError, LookupError, TemplateError):
        with pytest.raises((TypeError, ValueError, LookupError, TemplateError)):
            template.render({"x": x, "y": y})
        return
    got = template.render({"x": x, "y": y})
    assert got == wanted
    for character, mark in zip("".join([*got]), marks_of(got), strict=True):
        assert mark == "t" or character not in "丙丁"
        assert mark == "o" or character not in "甲乙" or not EXPRESSIONS[expression]


def test_typed_text_keeps_its_origin_through_blocks_macros_and_loops() -> None:
    template = CompiledTemplate(
        "{% macro f(t) %}<M>{{ t }}{{ caller() if caller }}{% endmacro %}"
        "{% set s %}<S>{{ x }}{% endset %}{{ s }}{% call f(x) %}<C>{{ x }}{% endcall %}"
        "{% filter upper %}<f>{{ x }}{% endfilter %}{% generation %}<G>{{ x }}{% endgeneration %}"
        "{% block b %}<B>{{ x }}{% endblock %}{{ self.b() }}"
        "{% for c in x recursive %}{{ loop.index }}{{ c }}{% endfor %}"
    )
    pieces = [*runs(template.render({"x": typed("<|x|>")}))]
    assert "".join(piece for piece, is_own in pieces if is_own) == "<S><M><C><F><G><B><B>12345"
    assert "".join(piece for piece, is_own in pieces if not is_own) == "<|x|>" * 3 + "<|X|>" + "<|x|>" * 4
