"""Cases in which mdtex2html 1.3.2 is wrong: why exported pages render Markdown and formulae on their own.

`docs/packages.md` has the comparison.
"""

import time

import pytest

from qwen_chat.export.markdown_html import to_body

CASES = {
    "prices": ("It costs $5 and then $10.", ["It costs $5 and then $10."], ["<math"]),
    "a formula beside prices": ("$x^2$ costs $5 and $10", ["<msup>", "costs $5 and $10"], []),
    "HTML within a formula": (
        r"$\text{<script>alert(1)</script>}$",
        ["<mtext>&lt;script&gt;alert(1)&lt;/script&gt;</mtext>"],
        ["<script"],
    ),
    "HTML": (
        "<script>alert(1)</script> <img src=x onerror=alert(1)>",
        ["&lt;script&gt;"],
        ["<script", "<img"],
    ),
    "a link to a script": ("[x](javascript:alert(1))", ["[x](javascript:alert(1))"], ["href"]),
    "a list around a formula": (
        "1. one\n2. two\n\n$$x^2$$\n\n3. three\n4. four",
        ['display="block"', '<ol start="3">'],
        [],
    ),
    "code between fences": (
        "```text\nprice = '$a$'\n\nprint(1)\n```",
        ["<pre><code>price = '$a$'\n\nprint(1)\n</code></pre>"],
        ["<math"],
    ),
    "code in a line": ("Write `$x$`.", ["<code>$x$</code>"], ["<math"]),
    "square brackets in a line": (r"So \[y^2\].", ["<p>So <span", "<msup>", "</span>.</p>"], []),
    "aligned equations": (
        "\\begin{align}\na &= b \\\\\nc &= d\n\\end{align}",
        ["<mtable", "<mtr>"],
        ["<p>\\begin"],
    ),
    "a table with a formula": (
        "| a | b |\n|--:|---|\n| $x$ | 2 |",
        ["<table>", '<td align="right"><math'],
        [],
    ),
    "a broken formula": (r"Then $\frac{1}{$ and so on.", [r"<code>\frac{1}{</code> and so on."], ["error"]),
    "a blank line in a formula": (
        "$$\na\n\nb\n$$",
        ['display="block"', "<mi>a</mi><mi>b</mi>"],
        ["incomplete"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_pages_are_right_where_mdtex2html_is_wrong(name: str) -> None:
    markdown, expected, wrong = CASES[name]
    body = to_body(markdown)
    assert [part for part in expected if part not in body] == [], body
    assert [part for part in wrong if part in body] == [], body


@pytest.mark.timing
def test_a_thousand_formulae_are_drawn_in_linear_time() -> None:
    def seconds(number: int) -> float:
        text = "\n".join(f"Formula {i}: $x_{{{i}}}^2$ here." for i in range(number))
        started = time.perf_counter()
        assert to_body(text).count("<math") == number
        return time.perf_counter() - started

    seconds(10)
    assert seconds(1000) < 40 * max(seconds(100), 0.01)
