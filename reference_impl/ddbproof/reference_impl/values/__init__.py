"""Attribute values: numbers, wire-form values, keys and their byte order."""

from ddbproof.reference_impl.values.attribute import (
    compare,
    depth_of,
    equal,
    item_size,
    normalise_item,
    normalise_value,
    size_of,
    type_of,
)
from ddbproof.reference_impl.values.keys import (
    KeySchema,
    encode_key,
    encode_partition_prefix,
    encode_sort,
    extract_key,
    partition_hash,
    successor,
    validate_index_key,
    validate_item_key,
    validate_key,
)

__all__ = [
    "KeySchema",
    "compare",
    "depth_of",
    "encode_key",
    "encode_partition_prefix",
    "encode_sort",
    "equal",
    "extract_key",
    "item_size",
    "normalise_item",
    "normalise_value",
    "partition_hash",
    "size_of",
    "successor",
    "type_of",
    "validate_index_key",
    "validate_item_key",
    "validate_key",
]
