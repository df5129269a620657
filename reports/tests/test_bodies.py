"""Requests and answers can be read, and say no more and no less than was recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddbproof.reports.bodies import CHARACTERS_SHOWN, LINE_WIDTH, LINES_SHOWN, body

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


# A machine that is busy elsewhere makes values slowly.
unhurried = settings(suppress_health_check=[HealthCheck.too_slow])


@unhurried
@given(values)
def test_what_is_shown_is_what_was_recorded(value: Any) -> None:
    """Only white space is another."""
    shown = body(json.dumps(value))
    assert shown.note or json.loads(shown.text) == value


@unhurried
@given(values)
def test_lines_are_broken_where_they_are_too_long(value: Any) -> None:
    """A longer line holds no more than one member."""
    for line in body(json.dumps(value)).text.splitlines():
        assert len(line) <= LINE_WIDTH + 2 or not line.rstrip(",").endswith(("]", "}"))


def test_a_typed_value_stays_on_one_line() -> None:
    """An attribute and its type belong together."""
    text = json.dumps({"TableName": "a-table-with-a-long-name", "Item": {"pk": {"S": "a"}, "v": {"N": "1"}}})
    assert '  "Item": {"pk": {"S": "a"}, "v": {"N": "1"}}' in body(text).text.splitlines()


@pytest.mark.parametrize("number", ["1.0", "1e5", "-0", "123456789012345678901234567890", "0.10"])
def test_numbers_stay_as_they_were_written(number: str) -> None:
    """A parser would round or shorten them."""
    assert body(f'{{"v":{number}}}').text == f'{{"v": {number}}}'


@pytest.mark.parametrize(
    ("cut", "shown"),
    [
        ('{"Items":[{"pk":{"S":"a"}},{"pk":{"S":"bbb', '"S": "a"'),
        ('{"Count":2,"Items":[{"pk":{"S":"a\\"', '"Count": 2'),
        ('{"a":{"b":[1,2,3', "[1, 2]"),
        ('{"a"', "{}"),
        ("<html><body>gateway", "<html><body>gateway"),
        ("", ""),
    ],
)
def test_what_was_cut_is_shown_as_far_as_it_goes(cut: str, shown: str) -> None:
    """With how long it was; text that is no JSON stays as it is."""
    made = body(f"{cut}… (5230 characters)")
    assert shown in made.text
    assert "5230 characters" in made.note + made.text


def test_long_bodies_are_folded_and_huge_ones_bounded() -> None:
    """A page stays a page."""
    assert not body('{"a": 1}').is_long
    many = body(json.dumps([{"pk": {"S": f"{number:040}"}} for number in range(LINES_SHOWN)]))
    assert many.is_long
    huge = body("x" * 1_000_000)
    assert len(huge.text) == CHARACTERS_SHOWN
    assert "more characters in the results file" in huge.note


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"a":' * 5_000 + "1" + "}" * 5_000, "\ud800", "nul"]
)
def test_anything_can_be_shown(text: str) -> None:
    """Garbage is shown as garbage."""
    assert body(text).text == text[:CHARACTERS_SHOWN] or body(text).text.startswith("{")
