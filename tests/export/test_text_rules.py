"""Prices, shell variables, paths and URLs stay as they are, on a terminal and a page; formulae do not."""

from html import escape

import pytest

from qwen_chat.export.markdown_html import to_body
from qwen_chat.terminal.markdown.inline import render_inline

TEXTS = [
    "$HOME/$USER",
    "cp $HOME/a.txt $PATH:$HOME/bin",
    "${HOME}/${USER} and $A$B",
    "$5, or US$ 6",
    "US$5, C$ 6 or A$7",
    "It costs $5 in the US and 4$ elsewhere.",
    "from $1,000 to 2,000$ a year",
    "https://example.com/_a_/b*c*d?e_f_g",
    "see http://localhost:8000/*/_x_.",
    "(ftp://host/__init__.py)",
    r"C:\(x86\)",
    r"C:\(x86\)\bin and D:\a\[b\]\c",
]
FORMULAE = [
    ("$x^2$", "x²"),
    ("the $n$th of $k$", "nth of k"),
    ("设$x_1$为$y$。", "设x₁为y。"),
    (r"$5 \text{ km}$", "5 km"),
    ("$2x$ is $4$", "2x is 4"),
    (r"so \(x^2\)", "so x²"),
    ("an $x$-axis", "x-axis"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_as_it_is(text: str) -> None:
    assert render_inline(text).plain == text
    assert to_body(text) == f"<p>{escape(text, quote=False)}</p>\n"


@pytest.mark.parametrize(("source", "shown"), FORMULAE)
def test_formulae_are_formulae(source: str, shown: str) -> None:
    assert shown in render_inline(source).plain
    assert "<math" in to_body(source)


@pytest.mark.parametrize("sign", ["*", "**", "_"])
def test_emphasis_around_a_url_is_emphasis(sign: str) -> None:
    url = "https://example.com/_a_/b"
    assert render_inline(f"{sign}{url}{sign}").plain == url
    assert to_body(f"{sign}{url}{sign}").count(f">{url}</") == 1
