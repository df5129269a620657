"""What a secondary index makes of an item: its entry, or none.

An entry's key is the index's key followed by the table's (see `values.keys`): index keys need not be unique, and
entries of one index key have an order that does not change. An item without the index's key attributes has no entry (the
index is sparse), nor has one whose attributes could not be the key of an index that is added later. What the entry holds
is the projection: all attributes, the keys of table and index, or these and some others.

Source: Developer Guide, "Using Global Secondary Indexes" (attribute projections, synchronization), "Managing Global
Secondary Indexes" (detecting and correcting index key violations), "Local Secondary Indexes".
"""

from __future__ import annotations

import msgspec

from ddbproof.reference_impl.cluster.records import IndexRecord
from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.values.attribute import Item, item_size
from ddbproof.reference_impl.values.keys import KeySchema, encode_key, validate_index_key

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, dict[str, object]]).decode


class IndexEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry of an index: its encoded key, the projected item (canonical JSON), its size in bytes."""

    key: bytes
    item: bytes
    size_bytes: int


class Projection:
    """Makes entries of items; `index` of a table with keys of `table_schema`."""

    def __init__(self, index: IndexRecord, table_schema: KeySchema) -> None:
        self._index = index
        keys = (*index.key_schema.attributes, *table_schema.attributes)
        self.key_attributes = tuple(dict.fromkeys(keys))
        """The attributes that name an entry: those of a LastEvaluatedKey."""
        self.attributes: frozenset[str] | None = (
            None if index.projection_type == "ALL" else frozenset((*keys, *index.non_key_attributes))
        )
        """The attributes that an entry has, None for all."""

    def entry_of(self, key: bytes, item: bytes) -> IndexEntry | None:
        """The entry of a stored item with an encoded primary key; None if it has none."""
        found: Item = _decode(item)
        try:
            if not validate_index_key(self._index.key_schema, found, self._index.name):
                return None
        except ValidationError:
            return None
        entry_key = encode_key(self._index.key_schema, found) + key
        if self.attributes is None:
            return IndexEntry(entry_key, item, item_size(found))
        projected = {name: value for name, value in found.items() if name in self.attributes}
        return IndexEntry(entry_key, _encode(projected), item_size(projected))
