"""Attached files become fenced text and come out of it again; fences that a person typed stay text."""

from string import printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_chat.files.fenced import fence_file, join_files, split_files
from qwen_chat.message import Attachment

TEXTS = st.text(st.sampled_from("`a\n \t<中"), min_size=1, max_size=40).filter(str.strip)
NAMES = st.sampled_from(
    ["notes.md", "a b.c++", "Makefile", ".gitignore", "<img src=x>.txt", "日记.txt", "a: b:.py"]
)
FILES = st.lists(st.builds(Attachment, NAMES, TEXTS), max_size=4)
ENDED = st.text(st.sampled_from(printable + "`中"), max_size=40)


@given(FILES, ENDED.filter(lambda text: split_files(text) == ((), text)))
def test_files_come_out_as_they_went_in(files: list[Attachment], question: str) -> None:
    found, said = split_files(join_files(question, files))
    assert said == question
    assert [file.name for file in found] == [file.name for file in files]
    # A block does not tell whether the last line of the file had a line end.
    assert [file.text.removesuffix("\n") for file in found] == [
        file.text.removesuffix("\n") for file in files
    ]
    assert join_files(said, found) == join_files(question, files)


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
def test_typed_fences_stay_text(text: str) -> None:
    assert split_files(text) == ((), text)


def test_a_file_block_after_typed_text_stays_text() -> None:
    block = fence_file(Attachment("main.py", "print()\n"))
    assert split_files(f"Look:\n{block}") == ((), f"Look:\n{block}")
    assert split_files(f"{block}Look:\n\n{block}") == (
        (Attachment("main.py", "print()\n"),),
        f"Look:\n\n{block}",
    )


@given(st.text(st.sampled_from("ax.md:`\n "), max_size=60) | st.builds(join_files, ENDED, FILES))
def test_any_text_is_the_same_after_splitting(text: str) -> None:
    files, typed = split_files(text)
    assert join_files(typed, files) == text
