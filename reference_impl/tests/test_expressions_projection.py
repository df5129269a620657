"""Projections: which parts of an item come back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import Bindings, compile_projection

ITEM: dict[str, Any] = {
    "n": {"N": "5"},
    "l": {"L": [{"N": "0"}, {"M": {"x": {"S": "p"}, "y": {"S": "q"}}}, {"N": "2"}]},
    "m": {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"S": "q"}, "w": {"S": "r"}}}}},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n", {"n": {"N": "5"}}),
        ("n, absent", {"n": {"N": "5"}}),
        ("m.x, m.y.z", {"m": {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"S": "q"}}}}}}),
        ("l[2], l[0]", {"l": {"L": [{"N": "0"}, {"N": "2"}]}}),
        ("l[1].y", {"l": {"L": [{"M": {"y": {"S": "q"}}}]}}),
        ("l[9]", {}),
        ("l[0].x, m[0], n.x", {}),
        ("absent.x, absent2[0]", {}),
    ],
)
def test_a_projection_keeps_what_it_names_and_no_more(text: str, expected: dict[str, Any]) -> None:
    """Structure stays, list elements close ranks in order, what is absent adds nothing."""
    assert compile_projection(text).apply(ITEM, Bindings()) == expected


MEET = "Invalid ProjectionExpression: Two document paths {} with each other; must remove or rewrite one of these paths; "


@pytest.mark.parametrize(
    ("text", "verb", "paths"),
    [
        ("n, n", "overlap", "path one: [n], path two: [n]"),
        ("n, #n", "overlap", "path one: [n], path two: [n]"),
        ("m, m.x", "overlap", "path one: [m], path two: [m, x]"),
        ("m.y.z, m.y", "overlap", "path one: [m, y, z], path two: [m, y]"),
        ("m.x, m[0]", "conflict", "path one: [m, x], path two: [m, [0]]"),
    ],
)
def test_paths_may_not_meet(text: str, verb: str, paths: str) -> None:
    """Also when a placeholder hides it."""
    bindings = Bindings({"#n": "n"} if "#n" in text else None)
    with pytest.raises(ValidationError) as caught:
        bindings.check(compile_projection(text))
    assert caught.value.message == MEET.format(verb) + paths


def test_the_attributes_of_a_projection_are_top_level_names() -> None:
    """A query of an index needs them."""
    assert compile_projection("#a.b, c[0]").attributes(Bindings({"#a": "x"})) == {"x", "c"}


def is_part(part: Any, whole: Any) -> bool:
    """Whether `part` can be had from `whole` by leaving out attributes and elements."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(name in whole and is_part(part[name], whole[name]) for name in part)
    if isinstance(part, list) and isinstance(whole, list):
        rest = iter(whole)
        return all(any(is_part(element, candidate) for candidate in rest) for element in part)
    return bool(part == whole)


leaves = st.one_of(
    st.integers(0, 9).map(lambda n: {"N": str(n)}), st.sampled_from([{"S": "x"}, {"BOOL": True}])
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda elements: {"L": elements}),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(lambda content: {"M": content}),
    ),
    max_leaves=8,
)
paths = st.lists(st.sampled_from([".a", ".b", ".c", "[0]", "[1]"]), max_size=3).flatmap(
    lambda steps: st.sampled_from("abc").map(lambda first: first + "".join(steps))
)


@given(st.dictionaries(st.sampled_from("abc"), values), st.lists(paths, min_size=1, max_size=4))
def test_a_projection_is_a_part_of_the_item_and_projecting_again_whole_attributes_changes_nothing(
    item: dict[str, Any], chosen: list[str]
) -> None:
    """Nothing is invented; an attribute named in full comes back in full."""
    try:
        part = compile_projection(", ".join(chosen)).apply(item, Bindings())
    except ValidationError as error:
        assert "with each other" in error.message  # noqa: PT017  # chosen paths may meet
        return
    assert is_part(part, item)
    for path in chosen:
        if path in item:
            assert part[path] == item[path]
