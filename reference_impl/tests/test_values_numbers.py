"""Numbers: canonical text, range, exact arithmetic."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.values import numbers

PRECISE = "Attempting to store more than 38 significant digits in a Number"
LARGE = "Number overflow. Attempting to store a number with magnitude larger than supported range"
SMALL = "Number underflow. Attempting to store a number with magnitude smaller than supported range"

in_range = st.builds(
    lambda sign, digits, exponent: f"{sign}{digits}e{exponent - len(str(digits)) + 1}",
    st.sampled_from(["", "-"]),
    st.integers(1, 10**38 - 1),
    st.integers(-130, 125),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("0.000", "0"),
        ("0E+125", "0"),
        ("0e999999999999", "0"),
        ("007", "7"),
        ("+5", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1.50", "1.5"),
        ("-1.50e1", "-15"),
        ("1e5", "100000"),
        ("1e-7", "0.0000001"),
        ("1E0003", "1000"),
        ("1E+125", "1" + "0" * 125),
        ("-1E-130", "-0." + "0" * 129 + "1"),
        ("1" * 38 + "00", "1" * 38 + "00"),
        ("9" * 38 + "e88", "9" * 38 + "0" * 88),
    ],
)
def test_a_number_has_one_canonical_text(text: str, expected: str) -> None:
    """Plain notation, no superfluous zeros or signs."""
    assert numbers.canonical(text)[0] == expected


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 1), ("5", 2), ("12", 2), ("123", 3), ("-123", 4), ("1200", 2), ("0.0012", 2)],
)
def test_two_significant_digits_take_one_byte(text: str, size_bytes: int) -> None:
    """Plus one byte, plus one for a minus; zeros at either end are free."""
    assert numbers.canonical(text)[1] == size_bytes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1e126", LARGE),
        ("-1e126", LARGE),
        ("1e99999999999999999999", LARGE),
        ("1e-131", SMALL),
        ("-1e-99999999999999999999", SMALL),
        ("1" * 39, PRECISE),
        ("0." + "1" * 39, PRECISE),
        ("", "The parameter cannot be converted to a numeric value"),
        ("abc", "The parameter cannot be converted to a numeric value: abc"),
    ],
)
def test_what_dynamodb_refuses_is_refused_in_its_words(text: str, message: str) -> None:
    """Magnitude and precision have limits, and only numbers are numbers."""
    with pytest.raises(ValidationError) as caught:
        numbers.canonical(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "text", [" 5", "5\n", "NaN", "Infinity", "٣", "1_000", "0x10", "1e", ".", "-", "1.2.3", "--1"]
)
def test_python_accepts_more_than_dynamodb(text: str) -> None:
    """Spellings that Decimal or int would read are still no DynamoDB numbers."""
    with pytest.raises(ValidationError):
        numbers.canonical(text)


@given(in_range)
def test_canonical_text_keeps_the_value_and_is_a_fixed_point(text: str) -> None:
    """Nothing is rounded, and canonical text is canonical."""
    canonical, size_bytes = numbers.canonical(text)
    assert Decimal(canonical) == Decimal(text)
    assert numbers.canonical(canonical) == (canonical, size_bytes)
    assert numbers.size_bytes(canonical) == size_bytes <= 21


@given(st.integers(-(10**36), 10**36), st.integers(-(10**36), 10**36), st.integers(-60, 60))
def test_sum_and_difference_are_exact(first: int, second: int, scale: int) -> None:
    """(a + b) - b is a, in any scale."""
    left, _ = numbers.canonical(f"{first}e{scale}")
    right, _ = numbers.canonical(f"{second}e{scale}")
    total = numbers.add(left, right)
    assert Decimal(total) == Decimal(f"{first + second}e{scale}")
    assert numbers.subtract(total, right) == left


@pytest.mark.parametrize(("first", "second"), [("1e125", "1"), ("1", "1e-130"), ("9e125", "9e125")])
def test_a_result_that_does_not_fit_is_refused_not_rounded(first: str, second: str) -> None:
    """More than 38 digits, or too large."""
    with pytest.raises(ValidationError):
        numbers.add(numbers.canonical(first)[0], numbers.canonical(second)[0])
