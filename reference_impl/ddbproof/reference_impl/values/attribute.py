"""Attribute values in wire form: `{"S": "text"}`, `{"N": "1"}`, `{"L": [...]}` and so on.

Values keep the form in which JSON brings them; binary values stay base64 text. `normalise_value` checks a
value and rewrites it in place into one canonical spelling: numbers in canonical text, sets sorted, base64
re-encoded. After that, equality of values is equality of Python objects, and everything else in this
package relies on it.

Sources: Developer Guide, "Naming rules and data types" (types, sets, 32 levels of nesting) and "DynamoDB
item sizes" (names and values; 3 bytes for a list or map and 1 for each of its elements). The sentences of
the errors are the ones DynamoDB answers with; where only AWS's emulator shows one, a comment says so.

Not here: the limit of 400 KB for an item (the operation knows what it writes) and key rules (`keys`).
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ddbproof.reference_impl.errors import SerializationError, ValidationError
from ddbproof.reference_impl.values import numbers

Value = dict[str, Any]
Item = dict[str, Value]

MAXIMUM_LEVELS = 32
TYPES = ("S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS")
ORDERED_TYPES = frozenset({"S", "N", "B"})

_CONTAINER_BYTES = 3
_ELEMENT_BYTES = 1
_INVALID = "One or more parameter values were invalid: "
_NO_NAME = "Empty attribute name"  # seen in AWS's emulator
_NO_TYPE = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
_TWO_TYPES = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: "
    "Attributes in the item have nested levels beyond supported limit"
)


def normalise_item(item: Item) -> int:
    """Check every value of `item`, make it canonical in place, and return the item's size in bytes.

    The size counts attribute names and values. Raises `ValidationError`, or `SerializationError` where a
    value has the wrong JSON type.
    """
    size_bytes = 0
    for name, value in item.items():
        if not name:
            raise ValidationError(_NO_NAME)
        size_bytes += len(name) if name.isascii() else len(name.encode())
        if value.__class__ is dict and len(value) == 1:
            text = value.get("S")
            if text.__class__ is str and text.isascii():
                size_bytes += len(text)  # by far the most frequent value
                continue
        size_bytes += normalise_value(value)
    return size_bytes


def normalise_value(value: Value, level: int = 1) -> int:
    """Check one value, make it canonical in place, and return its size in bytes.

    `level` is the value's depth in the item, 1 for a top-level attribute.
    """
    if value.__class__ is not dict:
        raise SerializationError("Unexpected value type in payload")
    if level > MAXIMUM_LEVELS:
        raise ValidationError(TOO_DEEP)
    if len(value) != 1:
        # A member that is null counts as not given.
        for member in [name for name, content in value.items() if content is None]:
            del value[member]
        if len(value) != 1:
            raise ValidationError(_TWO_TYPES if value else _NO_TYPE)
    [(kind, content)] = value.items()
    if kind == "S" and content.__class__ is str and content.isascii():
        return len(content)
    if kind == "L":
        return _CONTAINER_BYTES + sum(
            _ELEMENT_BYTES + normalise_value(element, level + 1) for element in _list(content)
        )
    if kind == "M":
        return _normalise_map(content, level)
    normalise = _NORMALISERS.get(kind)
    if normalise is None:
        # An unknown member is ignored by the JSON protocol, which leaves a value without a type.
        raise ValidationError(_NO_TYPE)
    canonical, size_bytes = normalise(content)
    if canonical is not content:
        value[kind] = canonical
    return size_bytes


def _normalise_map(content: Any, level: int) -> int:
    if content.__class__ is not dict:
        raise SerializationError("Unexpected field type: a map was expected")
    size_bytes = _CONTAINER_BYTES
    for name, element in content.items():
        if not name:
            raise ValidationError(_NO_NAME)
        size_bytes += _ELEMENT_BYTES + _text_size(name) + normalise_value(element, level + 1)
    return size_bytes


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _string(content: Any) -> str:
    if not isinstance(content, str):
        raise SerializationError(f"{_json_type(content)} cannot be converted to String")
    return content


def _list(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise SerializationError("Unexpected field type: a list was expected")
    return content


def _json_type(content: Any) -> str:
    """The name by which AWS's decoder calls a JSON value. The sentences around it are from memory."""
    if isinstance(content, bool):
        return "TRUE_VALUE" if content else "FALSE_VALUE"
    for kind, name in _JSON_TYPES:
        if isinstance(content, kind):
            return name
    return "NULL_VALUE"


_JSON_TYPES: tuple[tuple[type, str], ...] = (
    (int, "NUMBER_VALUE"),
    (float, "NUMBER_VALUE"),
    (str, "STRING_VALUE"),
    (dict, "START_OBJECT"),
    (list, "START_ARRAY"),
)


# Each of the following answers the canonical content and its size in bytes.


def _string_content(content: Any) -> tuple[str, int]:
    text = _string(content)
    return text, _text_size(text)


def _number_content(content: Any) -> tuple[str, int]:
    return numbers.canonical(_string(content))


def _binary_content(content: Any) -> tuple[str, int]:
    data = _decode(content)
    return _encode(data), len(data)


def _boolean_content(content: Any) -> tuple[bool, int]:
    if not isinstance(content, bool):
        raise SerializationError(f"{_json_type(content)} cannot be converted to Boolean")
    return content, 1


def _null_content(content: Any) -> tuple[bool, int]:
    if not _boolean_content(content)[0]:
        raise ValidationError(_INVALID + "Null attribute value types must have the value of true")
    return True, 1


def _string_set_content(content: Any) -> tuple[list[str], int]:
    members = [_string(member) for member in _list(content)]
    if not members:
        raise ValidationError(_INVALID + "An string set  may not be empty")  # AWS's two spaces
    if len(set(members)) != len(members):
        raise ValidationError(_INVALID + f"Input collection [{', '.join(members)}] contains duplicates.")
    return sorted(members), sum(map(_text_size, members))


def _number_set_content(content: Any) -> tuple[list[str], int]:
    members = [numbers.canonical(_string(member)) for member in _list(content)]
    if not members:
        raise ValidationError(_INVALID + "An number set  may not be empty")
    texts = {text for text, _ in members}
    if len(texts) != len(members):
        raise ValidationError("Input collection contains duplicates")
    return sorted(texts, key=Decimal), sum(size_bytes for _, size_bytes in members)


def _binary_set_content(content: Any) -> tuple[list[str], int]:
    members = [_decode(member) for member in _list(content)]
    if not members:
        raise ValidationError(_INVALID + "Binary sets should not be empty")
    if len(set(members)) != len(members):
        raise ValidationError(_INVALID + "Input collection of type BS contains duplicates.")
    return [_encode(member) for member in sorted(members)], sum(map(len, members))


def _decode(content: Any) -> bytes:
    text = _string(content)
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:  # binascii.Error, and text that is not ASCII
        raise SerializationError("Invalid Base64 encoding in a binary value") from None


def _encode(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


_NORMALISERS: dict[str, Callable[[Any], tuple[Any, int]]] = {
    "S": _string_content,
    "N": _number_content,
    "B": _binary_content,
    "BOOL": _boolean_content,
    "NULL": _null_content,
    "SS": _string_set_content,
    "NS": _number_set_content,
    "BS": _binary_set_content,
}


# --- Reading values that are already canonical -------------------------------------------------------


def type_of(value: Value) -> str:
    """The type of a value: `S`, `N`, `B`, `BOOL`, `NULL`, `L`, `M`, `SS`, `NS` or `BS`."""
    return next(iter(value))


def binary(value: Value) -> bytes:
    """The bytes of a `B` value."""
    return binascii.a2b_base64(value["B"])


def equal(first: Value, second: Value) -> bool:
    """Whether two canonical values have the same type and the same content; sets have no order."""
    return first == second


def compare(first: Value, second: Value) -> int | None:
    """-1, 0 or 1 by DynamoDB's order of strings (UTF-8 bytes), numbers and binaries (unsigned bytes).

    None when the types differ or have no order: then no ordering comparison holds.
    """
    kind = type_of(first)
    if kind not in ORDERED_TYPES or kind not in second:
        return None
    if first[kind] == second[kind]:
        return 0
    if kind == "S":  # code points sort as their UTF-8 bytes do
        return -1 if first["S"] < second["S"] else 1
    if kind == "N":
        return -1 if Decimal(first["N"]) < Decimal(second["N"]) else 1
    return -1 if binary(first) < binary(second) else 1


def size_of(value: Value) -> int | None:
    """What the function `size` answers: characters of a string, bytes of a binary, elements of a collection.

    None for numbers, booleans and nulls, which have no size: no comparison with it holds. The guide says
    "the length of the string"; AWS's emulator counts UTF-16 code units, and so do we.
    """
    [(kind, content)] = value.items()
    if kind == "S":
        return len(content) if content.isascii() else len(content.encode("utf-16-le")) // 2
    if kind == "B":
        return len(binary(value))
    if kind in {"L", "M", "SS", "NS", "BS"}:
        return len(content)
    return None


def set_union(first: Value, second: Value) -> Value:
    """The union of two canonical sets of one type."""
    [(kind, members)] = first.items()
    return {kind: sorted({*members, *second[kind]}, key=_SET_ORDER[kind])}


def set_difference(first: Value, second: Value) -> Value | None:
    """The members of `first` that are not in `second`, two canonical sets of one type; None for none."""
    [(kind, members)] = first.items()
    removed = set(second[kind])
    remaining = [member for member in members if member not in removed]
    return {kind: remaining} if remaining else None


_SET_ORDER: dict[str, Callable[[str], Any]] = {"SS": str, "NS": Decimal, "BS": binascii.a2b_base64}


def depth_of(value: Value) -> int:
    """Levels of nesting of a canonical value: 1 for a scalar, a set or an empty list."""
    [(kind, content)] = value.items()
    if kind == "L":
        return 1 + max(map(depth_of, content), default=0)
    if kind == "M":
        return 1 + max(map(depth_of, content.values()), default=0)
    return 1


def item_size(item: Item) -> int:
    """The size in bytes of an item whose values are canonical already."""
    return sum(_text_size(name) + _value_size(value) for name, value in item.items())


def _value_size(value: Value) -> int:
    [(kind, content)] = value.items()
    if kind == "S":
        return _text_size(content)
    if kind == "N":
        return numbers.size_bytes(content)
    if kind == "B":
        return _base64_size(content)
    if kind == "L":
        return _CONTAINER_BYTES + sum(_ELEMENT_BYTES + _value_size(element) for element in content)
    if kind == "M":
        return _CONTAINER_BYTES + _ELEMENT_BYTES * len(content) + item_size(content)
    if kind == "SS":
        return sum(map(_text_size, content))
    if kind == "NS":
        return sum(map(numbers.size_bytes, content))
    if kind == "BS":
        return sum(map(_base64_size, content))
    return 1


def _base64_size(text: str) -> int:
    return len(text) // 4 * 3 - text.count("=", -2)
