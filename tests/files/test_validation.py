"""Values that do not fit are named by their path, in plain words."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qwen_chat.files.validation import InvalidValueError, Meta, Struct, convert, fits


class Item(Struct):
    name: Annotated[str, Meta(min_length=1)]
    kind: Literal["a", "b"] | None = None
    counts: dict[str, list[Annotated[int, Meta(ge=0, le=9)]]] = {}  # noqa: RUF012 - msgspec copies it
    weight: float = 0
    on: bool | None = None
    items: "list[Item]" = []  # noqa: RUF012


class Strict(Struct, forbid_unknown_fields=True):
    name: str


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ([], "it must be an object"),
        ({}, "'name' is missing"),
        ({"name": 1}, "'name' must be text"),
        ({"name": ""}, "'name' must not be empty"),
        ({"name": "n", "kind": "c"}, "'kind' must be one of a, b"),
        ({"name": "n", "counts": {"x": [1, 10]}}, "'counts[...][1]' must be a whole number of at most 9"),
        ({"name": "n", "counts": {"x": [1.5]}}, "'counts[...][0]' must be a whole number"),
        ({"name": "n", "weight": "1"}, "'weight' must be a number"),
        ({"name": "n", "weight": True}, "'weight' must be a number"),
        ({"name": "n", "on": 1}, "'on' must be true or false"),
        ({"name": "n", "items": {}}, "'items' must be a list"),
        (
            {"name": "n", "items": [{"name": "m"}, {"name": "m", "kind": "z"}]},
            "'items[1].kind' must be one of a, b",
        ),
        ({"name": "n", "items": [{}]}, "'items[0].name' is missing"),
    ],
)
def test_faults(value: object, fault: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        convert(value, Item)
    assert str(caught.value) == fault


def test_an_unknown_field_is_named_where_none_may_be() -> None:
    with pytest.raises(InvalidValueError, match=r"'x\.nam' is unknown"):
        convert({"name": "a", "nam": "b"}, Strict, "x")


def test_what_fits_is_converted() -> None:
    assert convert({"name": "n", "weight": 1, "other": 2}, Item) == Item("n", weight=1.0)
    assert fits(["a"], list[str])
    assert not fits(["a", 1], list[str])


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "kind", "counts", "items", "on", "weight"]) | st.text(), inner
        )
    ),
    max_leaves=8,
)


@given(ANY)
def test_any_value_fits_or_is_explained_in_one_line(value: Any) -> None:
    try:
        convert(value, Item)
    except InvalidValueError as error:
        assert not {"`", "$", "\n"} & set(error.fault)  # noqa: PT017
