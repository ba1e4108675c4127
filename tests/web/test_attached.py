"""The files that a message begins with are told from what was typed, and come out as they went in."""

from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_chat.session.attachments import Attachment, composed
from qwen_chat.web.attached import parted

TEXTS = st.text(st.sampled_from("`a\n \t<中"), min_size=1, max_size=40).filter(str.strip)
NAMES = st.sampled_from(
    ["notes.md", "a b.c++", "Makefile", ".gitignore", "<img src=x>.txt", "日记.txt", "a: b:.py"]
)
FILES = st.lists(st.builds(Attachment, NAMES, TEXTS), max_size=4)
ENDED = st.text(st.sampled_from(printable + "`中"), max_size=40)


@given(FILES, ENDED.filter(lambda text: parted(text) == ((), text)))
def test_what_was_put_together_comes_apart(files: list[Attachment], question: str) -> None:
    found, said = parted(composed(question, files))
    assert said == question
    assert [file.name for file in found] == [file.name for file in files]
    # Whether its last line was ended is the one thing that a block does not tell.
    assert [file.text.removesuffix("\n") for file in found] == [
        file.text.removesuffix("\n") for file in files
    ]
    assert composed(said, found) == composed(question, files)


@pytest.mark.parametrize(
    "text",
    [
        "What does notes.md say?",
        "The error:\n```\nno such file\n```\n\nWhat now?",
        "See main.py:\n```\nprint()\n```\n\nWhat now?",  # a file's fence says that it is Python
        "main.py:\n````py\nprint()\n````\n\nWhat now?",  # and is no longer than it must be
        "main.py:\n```py\nprint()\n```\nWhat now?",
        "main.py:\n```py\nprint()\n",
        "\nmain.py:\n```py\nprint()\n```\n\n",
    ],
)
def test_what_was_typed_stays_where_it_is(text: str) -> None:
    assert parted(text) == ((), text)


def test_a_file_within_a_message_stays_there() -> None:
    block = Attachment("main.py", "print()\n").block
    assert parted(f"Look:\n{block}") == ((), f"Look:\n{block}")
    assert parted(f"{block}Look:\n\n{block}") == ((Attachment("main.py", "print()\n"),), f"Look:\n\n{block}")
