"""Streamed Markdown: what stays on the screen is one render of the whole text, however it came."""

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from io import StringIO

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from qwen_chat.terminal.markdown.latex import replace_formulae
from qwen_chat.terminal.output.live_region import LiveRegion
from qwen_chat.terminal.output.markdown_writer import MarkdownWriter

FENCES = "Look:\n\n````markdown\n# not a heading\n```python\nx = '''\n1 | 2\n'''\n```\n````\nDone *now*.\n"
TABLE = (
    "| Name | A rather long heading | Right |\n|:--|:-:|--:|\n"
    + "| a | "
    + "long words in this cell " * 6
    + "| 1 |\n| 你好🦜 | `code|x` \\| bar | 22 |\n| short |\n\nAfter.\n"
)  # fmt: skip
ANSWERS = {
    "fences": FENCES,
    "table": TABLE,
    "long word": f"A {'x' * 300} b\n{'y' * 300}",
    "wide": "你好" * 60 + "\n\n🦜" * 3 + "e\u0301 👩\u200d💻 **世界** `代码` end",
    "open formula": "It is $$ x^2 + 1\nand **so on\n- a\n",
    "formulae": "$$\n\\frac{a}{b} \\\\\nx^2\n$$\nInline \\(\\alpha_1\\) and $5 or $6, $y=2$.\n"
    "\\[ E=mc^2 \\]\n",
    "attack": "a\x1b[31mred\x1b]8;;http://x\x07link\x1b]8;;\x07 \x9b2J \x00 &#27;[2J \r\n"
    "b\x7f\x08c\n```\n\x1b[2J\n```\n",
    "html": "<div onclick=x>a</div> <think>b</think> [red]c[/red] <script>d</script>\n",
    "lists": "1. one\n   - two **b**\n     - three\n       more\n   - [x] four\n10. ten\n\n"
    "* star\n+ plus\ntext\n",
    "quote": "> a\n> > b\n> ```\n> c > d\n> ```\n\n> e\nf\n",
    "long line": "word **bold** `code` " * 400 + "\nend\n",
    "odd": "***\n---\n# \n#no\n######  six ##\n\n\n\n|\n|-\n`` ` ``\n*a\nb*\n~~~\nnever closed | x\n",
}
PRICES = ["$5", "$5 and $6", "from $5 to $10.", "US$5, A$6", r"\$x\$", "`$x$`", "$ x $", "a$b"]


def printed(pieces: Sequence[str], size: Callable[[int], tuple[int, int]] = lambda _: (80, 24)) -> str:
    """Feed pieces to a screen whose size depends on the number of the piece, and return what is written."""
    fed: list[str] = []
    stdout = StringIO()
    answer = MarkdownWriter(LiveRegion(stdout, lambda: os.terminal_size(size(len(fed)))))
    for piece in pieces:
        answer.feed(piece)
        fed.append(piece)
    answer.close()
    return stdout.getvalue()


def scrollback(written: str, columns: int = 80, rows: int = 24) -> list[str]:
    screen = pyte.HistoryScreen(columns, rows, history=100_000, ratio=0.5)
    pyte.Stream(screen).feed(written.replace("\n", "\r\n"))
    top = ["".join(line[x].data for x in range(columns)) for line in screen.history.top]
    return "\n".join(line.rstrip() for line in [*top, *screen.display]).rstrip().split("\n")


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("width", [20, 80])
def test_the_scrollback_is_one_render_of_the_whole(name: str, width: int) -> None:
    def size(_: int) -> tuple[int, int]:
        return width, 24

    whole = scrollback(printed([ANSWERS[name]], size), width)
    for step in (1, 3, 17):
        assert scrollback(printed(cut(ANSWERS[name], step), size), width) == whole


@pytest.mark.parametrize("name", ANSWERS)
def test_no_word_is_lost_or_doubled(name: str) -> None:
    text = " ".join(scrollback(printed(cut(ANSWERS[name], 2)), 80))
    for word in set(re.findall(r"[a-z]{4,}", ANSWERS[name])) - {
        "frac",
        "alpha",
        "http",
        "link",
        "x" * 300,
        "y" * 300,
    }:
        assert text.count(word) >= 1, word


@pytest.mark.parametrize("name", ANSWERS)
def test_resizing_tears_nothing(name: str) -> None:
    pieces = cut(ANSWERS[name], 2)

    def size(at: int) -> tuple[int, int]:
        return ((80, 24), (40, 24), (120, 24))[3 * at // (len(pieces) + 1)]

    resized = " ".join(scrollback(printed(pieces, size), 120))
    calm = " ".join(scrollback(printed(pieces), 80))
    if name not in ("long word", "wide", "table"):  # broken within words, at other places
        assert re.findall(r"\w{3,}", resized) == re.findall(r"\w{3,}", calm)
    assert Counter(re.findall(r"\w", resized)) == Counter(re.findall(r"\w", calm))


def test_escapes_are_ours_alone() -> None:
    ours = re.compile(r"\x1b\[[\d;]*m|\x1b\[\d+A|\x1b\[[JK]|\x1b\[\?7[lh]|\r")
    for text in ANSWERS.values():
        for step in (1, 1000):
            left = ours.sub("", printed(cut(text, step)))
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", left), text


@examples(150)
@given(
    st.text(alphabet=" \n#*-`|$\\[]()>_~1.ab你🦜:&;\t", max_size=200),
    st.lists(st.integers(1, 9), max_size=40),
)
def test_any_text_in_any_pieces(text: str, steps: list[int]) -> None:
    pieces, at = [], 0
    for step in [*steps, len(text) + 1]:
        pieces.append(text[at : at + step])
        at += step
    assert scrollback(printed(pieces)) == scrollback(printed([text]))


def test_what_it_looks_like() -> None:
    assert scrollback(printed([ANSWERS["lists"]])) == [
        "1. one",
        "   ◦ two b",
        "     ▪ three",
        "       more",
        "   ◦ ☑ four",
        "10. ten",
        "",
        "• star",
        "• plus",
        "text",
    ]
    assert scrollback(printed([ANSWERS["formulae"]])) == [
        "    a/b",
        "    x²",
        "Inline α₁ and $5 or $6, y=2.",
        "    E=mc²",
    ]
    assert scrollback(printed(["a [b](http://c) <http://d> http://e\n| x | y |\n|--|--:|\n| 1 | 2 |\n"])) == [
        "a b (http://c) http://d http://e",
        "x  y",
        "────",
        "1  2",
    ]


@pytest.mark.parametrize("marker", ["1. ", "-  ", "  10) ", "> * "])
def test_a_fence_on_the_line_of_its_item_ends_where_it_ends(marker: str) -> None:
    margin = marker if marker.startswith("> ") else " " * len(marker)
    margin = margin.replace("*", " ")
    lines = [f"{marker}```bash", f"{margin}ls *a* _b_", f"{margin}```", "", "Then **bold**."]
    shown = scrollback(printed(["\n".join(lines) + "\n"]))
    assert shown[0].endswith(" ```bash")
    assert shown[1].endswith("ls *a* _b_")
    assert shown[2].endswith("```")
    assert shown[-1] == "Then bold."


@pytest.mark.parametrize("text", PRICES)
def test_a_price_stays_a_price(text: str) -> None:
    assert replace_formulae(text, lambda _: "FORMULA") == text


def test_twice_the_text_is_twice_the_work() -> None:
    def bytes_for(times: int) -> int:
        return len(printed(cut(FENCES * times + "word " * 50 * times, 4)))

    assert bytes_for(40) < 2.3 * bytes_for(20)
