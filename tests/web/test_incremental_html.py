"""An answer drawn while it is written: nothing is sent twice, and the end is what a whole drawing gives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from thorough import examples

from qwen_chat.export.markdown_html import to_body
from qwen_chat.text import strip_controls
from qwen_chat.web.incremental_html import GrowingText, Patch, SentState

ANSWER = """# Tides

The *moon* pulls, and the sea 🌊 **follows** 潮汐.

1. first

   - nested
2. second

```python
def high(water: int) -> int:

    return water * 2
```

| a | b |
|---|--:|
| 1 | 2 |

> quoted
> on

$$
x^2

+ 1
$$

The end.
"""


class Page:
    """What a browser would have after all patches."""

    def __init__(self) -> None:
        self.closed = ""
        self.open = ""
        self.bytes = 0

    def apply(self, patch: Patch | None) -> None:
        if patch is None:
            return
        self.closed += patch.closed
        units = "" if patch.closed else self.open.encode("utf-16-le")[: 2 * patch.keep].decode("utf-16-le")
        self.open = units + patch.add
        self.bytes += len(patch.closed) + len(patch.add)


def grown(text: str, size: int) -> Page:
    growing, sent, page = GrowingText(), SentState(), Page()
    for at in range(0, len(text), size):
        growing.feed(text[at : at + size])
        growing.draw()
        page.apply(growing.patch(sent))
    return page


@pytest.mark.parametrize("size", [1, 3, 7, 50, 10_000])
def test_the_pieces_make_the_whole(size: int) -> None:
    page = grown(ANSWER, size)
    assert page.closed + page.open == to_body(ANSWER)


def test_a_page_that_comes_late_has_the_same() -> None:
    growing, early, late = GrowingText(), SentState(), SentState()
    first, second = Page(), Page()
    for at in range(0, len(ANSWER), 5):
        growing.feed(ANSWER[at : at + 5])
        growing.draw()
        first.apply(growing.patch(early))
        if at > len(ANSWER) // 2:
            second.apply(growing.patch(late))
    assert (first.closed, first.open) == (second.closed, second.open)


def test_nothing_new_is_nothing_to_send() -> None:
    growing, sent = GrowingText(), SentState()
    growing.feed("hello")
    growing.draw()
    assert growing.patch(sent) is not None
    growing.draw()
    assert growing.patch(sent) is None


@examples(300)
@given(st.text(alphabet="ab `*_#>-|$()\n1.🌊潮<&\t", max_size=120), st.integers(1, 9))
def test_no_letter_is_lost_or_doubled(text: str, size: int) -> None:
    page = grown(text, size)
    assert letters(page.closed + page.open) == letters(to_body(strip_controls(text)))


def letters(html: str) -> list[str]:
    return [letter for letter in plain(html) if letter in "ab🌊潮"]


def plain(html: str) -> str:
    inside, out = False, []
    for letter in html:
        inside = letter == "<" or (inside and letter != ">")
        if not inside and letter != ">":
            out.append(letter)
    return "".join(out)


@pytest.mark.parametrize(
    "text",
    ["word " * 1_500, "- item **bold**\n" * 150, "```\n" + "line of code\n" * 600, ANSWER * 20],
    ids=["paragraph", "list", "code", "mixed"],
)
def test_bytes_grow_with_the_answer_not_with_its_square(text: str) -> None:
    half, whole = grown(text[: len(text) // 2], 40), grown(text, 40)
    assert whole.bytes < 2.6 * half.bytes
