"""Keys: their rules, and an encoding whose byte order is DynamoDB's order.

An encoded key is

    hash of the partition key (8 bytes) | partition key, delimited | sort key, delimited

so that items of one partition key lie together, ordered by sort key, and partitions (ranges of hashes, and
within one hash of sort keys: PART-14, design section 3) are ranges of byte strings. Every part is escaped
and ends with a terminator: 0x00 becomes 0x00 0xFF, and 0x00 0x01 ends the part. No encoded part is a prefix
of another, order is kept, and an index entry is simply the index key followed by the table key.

Content bytes: strings are UTF-8, binaries are themselves, and numbers are

    negative  0x01 | complement of (exponent | digits) | 0xFF
    zero      0x02
    positive  0x03 | exponent + 130 | digits, two a byte, plus 1

Sources: Developer Guide, "Constraints" (partition key 1 to 2048 bytes, sort key 1 to 1024; PART-14), "Core
components" (order of sort keys: numbers by value, strings and binaries by bytes). The hash that DynamoDB
uses is not published; ours is BLAKE2b with 8 bytes, which is a choice and no claim.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.values.attribute import Item, Value, binary, type_of

HASH_BYTES = 8
MAXIMUM_PARTITION_KEY_BYTES = 2048
MAXIMUM_SORT_KEY_BYTES = 1024

_TERMINATOR = b"\x00\x01"
_COMPLEMENT = bytes(255 - byte for byte in range(256))
_EXPONENT_BIAS = 130
_INVALID = "One or more parameter values were invalid: "
_ABSENT: Value = {}
_NO_MATCH = "The provided key element does not match the schema"


class KeySchema(msgspec.Struct, frozen=True, gc=False):
    """Names and types (`S`, `N` or `B`) of the key attributes of a table or index."""

    partition_key: str
    partition_type: str
    sort_key: str | None = None
    sort_type: str | None = None

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the key attributes, partition key first."""
        return (self.partition_key,) if self.sort_key is None else (self.partition_key, self.sort_key)

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        """Name and type of each key attribute, partition key first."""
        if self.sort_key is None or self.sort_type is None:
            return ((self.partition_key, self.partition_type),)
        return ((self.partition_key, self.partition_type), (self.sort_key, self.sort_type))


# --- Encoding ----------------------------------------------------------------------------------------


def content_bytes(kind: str, value: Value) -> bytes:
    """The bytes of a canonical `S`, `N` or `B` value, in DynamoDB's order."""
    if kind == "S":
        return value["S"].encode()  # type: ignore[no-any-return]
    if kind == "N":
        return _encode_number(value["N"])
    return binary(value)


def _encode_number(text: str) -> bytes:
    """Bytes of a number in canonical text that sort as numbers do."""
    if text == "0":
        return b"\x02"
    whole, _, fraction = text.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    exponent = len(whole) - 1 if whole != "0" else -(len(fraction) - len(digits)) - 1
    digits = digits.rstrip("0")
    digits += "0" * (len(digits) % 2)
    pairs = bytes(int(digits[index : index + 2]) + 1 for index in range(0, len(digits), 2))
    body = bytes((exponent + _EXPONENT_BIAS,)) + pairs
    if text[0] == "-":
        return b"\x01" + body.translate(_COMPLEMENT) + b"\xff"
    return b"\x03" + body


def escape(content: bytes) -> bytes:
    """Content without its terminator: a prefix of the content stays a prefix."""
    return content.replace(b"\x00", b"\x00\xff") if 0 in content else content


def partition_hash(value_bytes: bytes) -> int:
    """The position of a partition key in the hash space: an unsigned number of 64 bits.

    `value_bytes` are the key's `content_bytes`.
    """
    return int.from_bytes(blake2b(value_bytes, digest_size=HASH_BYTES).digest(), "big")


def encode_partition_prefix(schema: KeySchema, value: Value) -> bytes:
    """The bytes with which every key of the item collection of this partition key begins."""
    kind = schema.partition_type
    content = value["S"].encode() if kind == "S" else content_bytes(kind, value)
    digest = blake2b(content, digest_size=HASH_BYTES).digest()
    return digest + (escape(content) if 0 in content else content) + _TERMINATOR


def encode_sort(kind: str, value: Value) -> bytes:
    """The encoded sort key, terminator included; `kind` is `S`, `N` or `B`."""
    return escape(content_bytes(kind, value)) + _TERMINATOR


def encode_key(schema: KeySchema, item: Item) -> bytes:
    """The encoded key of an item (or key) that holds valid key attributes."""
    prefix = encode_partition_prefix(schema, item[schema.partition_key])
    if schema.sort_key is None or schema.sort_type is None:
        return prefix
    return prefix + encode_sort(schema.sort_type, item[schema.sort_key])


def collection_of(key: bytes) -> bytes:
    """The bytes with which every key of the item collection begins that an encoded key belongs to.

    Whatever has no whole partition key, the end of a range of hashes for example, is its own beginning.
    """
    end = key.find(_TERMINATOR, HASH_BYTES)
    return key if end < 0 else key[: end + len(_TERMINATOR)]


def successor(prefix: bytes) -> bytes | None:
    """The smallest byte string greater than every string that begins with `prefix`.

    None when there is none, that is when `prefix` is empty or all 0xFF.

    >>> successor(b"ab\\xff")
    b'ac'
    """
    trimmed = prefix.rstrip(b"\xff")
    if not trimmed:
        return None
    return trimmed[:-1] + bytes((trimmed[-1] + 1,))


# --- Rules -------------------------------------------------------------------------------------------


def extract_key(schema: KeySchema, item: Item) -> Item:
    """The key attributes of an item."""
    return {name: item[name] for name in schema.attributes}


def _has_plain_key(schema: KeySchema, item: Item) -> bool:
    """True if the key is the most frequent one, and nothing is wrong with it: short ASCII text, and no sort key."""
    if schema.sort_key is not None or schema.partition_type != "S":
        return False
    text = item.get(schema.partition_key, _ABSENT).get("S")
    return bool(text and text.isascii() and len(text) <= MAXIMUM_PARTITION_KEY_BYTES)


def validate_item_key(schema: KeySchema, item: Item) -> None:
    """Refuse an item to be put whose key attributes are missing, of the wrong type, empty or too long."""
    if _has_plain_key(schema, item):
        return
    for name, kind in schema.types:
        value = item.get(name)
        if value is None:
            raise ValidationError(f"{_INVALID}Missing the key {name} in the item")
        if kind not in value:
            raise ValidationError(
                f"{_INVALID}Type mismatch for key {name} expected: {kind} actual: {type_of(value)}"
            )
    _check_contents(schema, item)


def validate_key(schema: KeySchema, key: Item) -> None:
    """Refuse a key (of GetItem, UpdateItem, DeleteItem) that is not exactly the key attributes.

    AWS's emulator answers with other sentences here; these are the service's, as widely reported.
    """
    if len(key) == 1 and _has_plain_key(schema, key):
        return
    if len(key) != len(schema.types):
        raise ValidationError(_NO_MATCH)
    for name, kind in schema.types:
        value = key.get(name)
        if value is None or kind not in value:
            raise ValidationError(_NO_MATCH)
    _check_contents(schema, key)


def validate_index_key(schema: KeySchema, item: Item, index_name: str) -> bool:
    """Whether an item has an entry in an index: True when it holds every key attribute of the index.

    Raises `ValidationError` when an attribute that is there cannot be the index's key. The sentence on
    types is the service's, as widely reported, that on empty values its emulator's; on sizes those of table keys are used.
    """
    for name, kind in schema.types:
        value = item.get(name)
        if value is not None and kind not in value:
            raise ValidationError(
                f"{_INVALID}Type mismatch for Index Key {name} Expected: {kind} Actual: {type_of(value)} "
                f"IndexName: {index_name}"
            )
        if value is not None and not value[kind]:
            word = "string" if kind == "S" else "binary"
            raise ValidationError(
                "One or more parameter values are not valid. A value specified for a secondary index key is not "
                f"supported. The AttributeValue for a key attribute cannot contain an empty {word} value. "
                f"IndexName: {index_name}, IndexKey: {name}"
            )
    _check_contents(schema, item)
    return all(name in item for name in schema.attributes)


def _check_contents(schema: KeySchema, item: Item) -> None:
    partition_value = item.get(schema.partition_key)
    if partition_value is not None:
        check_partition_content(schema, partition_value)
    sort_value = None if schema.sort_key is None else item.get(schema.sort_key)
    if sort_value is not None:
        check_sort_content(schema, sort_value)


def check_partition_content(schema: KeySchema, value: Value) -> None:
    """Refuse an empty or too long partition key of the right type."""
    _check_not_empty(schema.partition_key, value)
    if _content_size(value) > MAXIMUM_PARTITION_KEY_BYTES:
        # The missing space is AWS's.
        raise ValidationError(f"{_INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes")


def check_sort_content(schema: KeySchema, value: Value) -> None:
    """Refuse an empty or too long sort key of the right type."""
    _check_not_empty(schema.sort_key or "", value)
    if _content_size(value) > MAXIMUM_SORT_KEY_BYTES:
        raise ValidationError(
            f"{_INVALID}Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
        )


def _content_size(value: Value) -> int:
    """Bytes of a key; an upper bound where that is cheaper. Numbers are always short enough."""
    text: str
    [(kind, text)] = value.items()
    if kind == "S":
        return len(text) if text.isascii() else len(text.encode())
    return len(binary(value)) if kind == "B" else 0


def _check_not_empty(name: str, value: Value) -> None:
    [(kind, content)] = value.items()
    if not content:
        word = "string" if kind == "S" else "binary"
        raise ValidationError(
            "One or more parameter values are not valid. The AttributeValue for a key attribute "
            f"cannot contain an empty {word} value. Key: {name}"
        )
