"""What a Query or a Scan reads: a table, or one of its indexes.

Claims: RC-05 (a global index is never read strongly; tables and local indexes are if asked). Developer Guide, "Using Global
Secondary Indexes" and "Local Secondary Indexes": a global index answers with what is projected and nothing else; a
local one fetches from the table what a request asks for beyond that, at the price of reading the items.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ddbproof.reference_impl.api.call import Call
from ddbproof.reference_impl.api.index_descriptions import index_status
from ddbproof.reference_impl.cluster.global_index import IndexRow
from ddbproof.reference_impl.cluster.records import IndexRecord, TableRecord
from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.storage.items import Image
from ddbproof.reference_impl.values.attribute import Item
from ddbproof.reference_impl.values.keys import KeySchema, encode_key, validate_key

_INVALID = "One or more parameter values were invalid: "


@dataclass(frozen=True, slots=True)
class ReadSource:
    """The table of `record`, or its `index`; `schema` are the keys that order what is read.

    `projected` are the attributes that the index has, None for all of the item's.
    """

    record: TableRecord
    schema: KeySchema
    index: IndexRecord | None = None
    projected: frozenset[str] | None = None

    @property
    def key_attributes(self) -> tuple[str, ...]:
        """The attributes that name what was read last (LastEvaluatedKey)."""
        if self.index is None:
            return self.schema.attributes
        return tuple(dict.fromkeys((*self.schema.attributes, *self.record.key_schema.attributes)))

    def position(self, key: Item) -> bytes:
        """Where an ExclusiveStartKey stands. Raises ValidationError unless it has exactly the key attributes."""
        if self.index is None:
            validate_key(self.schema, key)
            return encode_key(self.schema, key)
        if set(key) != set(self.key_attributes):
            raise ValidationError("The provided key element does not match the schema")
        for schema in (self.schema, self.record.key_schema):
            validate_key(schema, {name: key[name] for name in schema.attributes})
        return encode_key(self.schema, key) + encode_key(self.record.key_schema, key)

    def range(
        self, call: Call, start: bytes, end: bytes | None, *, reverse: bool, consistent: bool
    ) -> Iterator[tuple[bytes, Image]] | Iterator[tuple[bytes, IndexRow]]:
        """What has a key with start <= key < end, in order, or against it."""
        store = call.region.store(self.record.table_id)
        if self.index is None:
            return store.range(start, end, reverse=reverse, consistent=consistent)
        index = call.region.indexes(self.record.table_id).by_name[self.index.name]
        return index.range(start, end, reverse=reverse, consistent=consistent)

    def fetches(self, select: str | None, named: set[str]) -> bool:
        """True if the items themselves are needed for attributes that are not projected; `named` by ProjectionExpression.

        Raises ValidationError where a global index would need them.
        """
        if self.projected is None or self.index is None:
            return False
        missing = sorted(named - self.projected)
        if self.index.local:
            return select == "ALL_ATTRIBUTES" or bool(missing)
        if select == "ALL_ATTRIBUTES":
            raise ValidationError(
                f"{_INVALID}Select type ALL_ATTRIBUTES is not supported for global secondary index "
                f"{self.index.name} because its projection type is not ALL"
            )
        if missing:
            raise ValidationError(
                f"{_INVALID}Global secondary index {self.index.name} does not project [{', '.join(missing)}]"
            )
        return False

    def check_filter(self, named: set[str]) -> None:
        """Raises ValidationError for a filter on attributes that the index does not have."""
        missing = [] if self.projected is None else sorted(named - self.projected)
        if missing and self.index is not None:
            raise ValidationError(
                f"{_INVALID}Secondary index {self.index.name} does not project one or more filter attributes: "
                f"[{', '.join(missing)}]"
            )


def source_of(call: Call, record: TableRecord, parameters: dict[str, Any]) -> ReadSource:
    """What a request reads. Raises ValidationError for an index that there is not, or that cannot be read so."""
    name = parameters.get("IndexName")
    if name is None:
        return ReadSource(record, record.key_schema)
    index = record.index(name)
    if index is None or index.gone_at_milliseconds is not None:
        raise ValidationError(f"The table does not have the specified index: {name}")
    if not index.local:
        if parameters.get("ConsistentRead"):
            raise ValidationError("Consistent reads are not supported on global secondary indexes")
        if index_status(call, record, index) == "CREATING":
            raise ValidationError(f"Cannot read from backfilling global secondary index: {name}")
    projection = call.region.indexes(record.table_id).by_name[name].projection
    return ReadSource(record, index.key_schema, index, projection.attributes)
