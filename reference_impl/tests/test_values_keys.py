"""Keys: rules of key attributes, and an encoding whose byte order is DynamoDB's order (PART-14)."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.values import (
    KeySchema,
    encode_key,
    encode_partition_prefix,
    encode_sort,
    extract_key,
    normalise_item,
    partition_hash,
    successor,
    validate_index_key,
    validate_item_key,
    validate_key,
)
from ddbproof.reference_impl.values.numbers import canonical

SCHEMA = KeySchema("pk", "S", "sk", "N")
INVALID = "One or more parameter values were invalid: "
EMPTY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute "
    "cannot contain an empty string value. Key: "
)
NO_MATCH = "The provided key element does not match the schema"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
# Few distinct bytes, so that the escaped ones meet.
contents = st.lists(st.sampled_from([0, 1, 2, 254, 255]), max_size=6).map(bytes)
number_texts = st.builds(
    lambda digits, exponent: canonical(f"{digits}e{exponent}")[0],
    st.one_of(st.integers(-200, 200), st.integers(-(10**30), 10**30)),
    st.integers(-90, 90),
)


def binary(data: bytes) -> dict[str, Any]:
    return {"B": base64.b64encode(data).decode()}


def sign(first: Any, second: Any) -> int:
    return int(first > second) - int(first < second)


@given(number_texts, number_texts)
def test_encoded_numbers_sort_as_numbers(first: str, second: str) -> None:
    """Negative, zero, positive; any exponent; equal encodings only for equal numbers."""
    encoded = encode_sort("N", {"N": first}), encode_sort("N", {"N": second})
    assert sign(*encoded) == sign(Decimal(first), Decimal(second))


def test_the_extremes_of_numbers_keep_their_order() -> None:
    """From the largest negative to the largest positive number."""
    spellings = [
        "-9.9e125",
        "-1e125",
        "-11",
        "-10",
        "-1.1",
        "-1",
        "-1e-130",
        "0",
        "1e-130",
        "1",
        "1.01",
        "1.1",
        "9",
        "10",
        "100",
        "1e125",
        "9.9e125",
    ]
    encoded = [encode_sort("N", {"N": canonical(text)[0]}) for text in spellings]
    assert encoded == sorted(encoded)
    assert len(set(encoded)) == len(encoded)


@given(texts, texts)
def test_encoded_strings_sort_by_their_utf8_bytes(first: str, second: str) -> None:
    """The order of sort keys of type S."""
    encoded = encode_sort("S", {"S": first}), encode_sort("S", {"S": second})
    assert sign(*encoded) == sign(first.encode(), second.encode())


@given(contents, contents)
def test_encoded_binaries_sort_by_unsigned_bytes(first: bytes, second: bytes) -> None:
    """Also around the bytes that the encoding escapes."""
    encoded = encode_sort("B", binary(first)), encode_sort("B", binary(second))
    assert sign(*encoded) == sign(first, second)


@given(contents, contents, contents, contents)
def test_different_keys_have_different_encodings_and_none_begins_another(
    first_pk: bytes, first_sk: bytes, second_pk: bytes, second_sk: bytes
) -> None:
    """Parts delimit themselves: an index entry may be followed by the table key."""
    schema = KeySchema("pk", "B", "sk", "B")
    first = encode_key(schema, {"pk": binary(first_pk), "sk": binary(first_sk)})
    second = encode_key(schema, {"pk": binary(second_pk), "sk": binary(second_sk)})
    same = (first_pk, first_sk) == (second_pk, second_sk)
    assert first.startswith(second) == same


@given(texts, number_texts)
def test_every_key_of_a_collection_lies_behind_its_prefix(partition: str, sort: str) -> None:
    """And the prefix begins with the hash of the partition key."""
    key = encode_key(SCHEMA, {"pk": {"S": partition}, "sk": {"N": sort}})
    prefix = encode_partition_prefix(SCHEMA, {"S": partition})
    end = successor(prefix)
    assert key.startswith(prefix)
    assert end is not None
    assert prefix <= key < end
    assert int.from_bytes(key[:8], "big") == partition_hash(partition.encode())


@given(contents, contents)
def test_the_successor_is_the_least_string_above_all_with_the_prefix(prefix: bytes, other: bytes) -> None:
    """A string lies between prefix and successor exactly when it has the prefix."""
    end = successor(prefix)
    if end is None:
        assert set(prefix) <= {255}
    else:
        assert (prefix <= other < end) == other.startswith(prefix)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"sk": {"N": "1"}}, INVALID + "Missing the key pk in the item"),
        ({"pk": {"S": "a"}}, INVALID + "Missing the key sk in the item"),
        ({"pk": {"N": "1"}, "sk": {"N": "1"}}, INVALID + "Type mismatch for key pk expected: S actual: N"),
        ({"pk": {"S": "a"}, "sk": {"S": "1"}}, INVALID + "Type mismatch for key sk expected: N actual: S"),
        ({"pk": {"S": ""}, "sk": {"N": "1"}}, EMPTY + "pk"),
        (
            {"pk": {"S": "é" * 1025}, "sk": {"N": "1"}},
            INVALID + "Size of hashkey has exceeded the maximum size limit of2048 bytes",
        ),
    ],
)
def test_an_item_without_a_proper_key_is_refused(item: dict[str, Any], message: str) -> None:
    """Key attributes are there, have their type, and are neither empty nor too long."""
    with pytest.raises(ValidationError) as caught:
        validate_item_key(SCHEMA, item)
    assert caught.value.message == message


def test_a_sort_key_has_at_most_1024_bytes() -> None:
    """PART-14: partition key 1 to 2048 bytes, sort key 1 to 1024."""
    schema = KeySchema("pk", "S", "sk", "B")
    validate_item_key(schema, {"pk": {"S": "x" * 2048}, "sk": binary(b"y" * 1024)})
    with pytest.raises(ValidationError, match="has exceeded the size limit of 1024 bytes"):
        validate_item_key(schema, {"pk": {"S": "x"}, "sk": binary(b"y" * 1025)})
    with pytest.raises(ValidationError, match=r"cannot contain an empty binary value\. Key: sk"):
        validate_item_key(schema, {"pk": {"S": "x"}, "sk": binary(b"")})


@pytest.mark.parametrize(
    "key",
    [
        {},
        {"pk": {"S": "a"}},
        {"pk": {"S": "a"}, "other": {"N": "1"}},
        {"pk": {"S": "a"}, "sk": {"N": "1"}, "other": {"N": "1"}},
        {"pk": {"S": "a"}, "sk": {"S": "1"}},
    ],
)
def test_a_key_is_exactly_the_key_attributes(key: dict[str, Any]) -> None:
    """Neither fewer, nor more, nor of another type."""
    with pytest.raises(ValidationError) as caught:
        validate_key(SCHEMA, key)
    assert caught.value.message == NO_MATCH


def test_the_key_of_an_item_is_a_key() -> None:
    """`extract_key` and `validate_key` agree."""
    item: dict[str, Any] = {"pk": {"S": "a"}, "sk": {"N": "01"}, "other": {"S": "x"}}
    normalise_item(item)
    validate_item_key(SCHEMA, item)
    key = extract_key(SCHEMA, item)
    validate_key(SCHEMA, key)
    assert key == {"pk": {"S": "a"}, "sk": {"N": "1"}}
    assert encode_key(SCHEMA, key) == encode_key(SCHEMA, item)


def test_an_index_holds_only_items_with_its_whole_key() -> None:
    """An item without the attribute is left out; one with the wrong type is refused."""
    index = KeySchema("city", "S", "age", "N")
    assert validate_index_key(index, {"city": {"S": "a"}, "age": {"N": "1"}}, "by-city")
    assert not validate_index_key(index, {"city": {"S": "a"}}, "by-city")
    with pytest.raises(
        ValidationError, match="Type mismatch for Index Key age Expected: N Actual: S IndexName: by-city"
    ):
        validate_index_key(index, {"age": {"S": "1"}}, "by-city")
    with pytest.raises(ValidationError, match=r"empty string value\. IndexName: by-city, IndexKey: city"):
        validate_index_key(index, {"city": {"S": ""}}, "by-city")
