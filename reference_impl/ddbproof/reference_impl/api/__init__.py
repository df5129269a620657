"""Operations: one module per family, each function validates, acts and answers.

`OPERATIONS` is the whole of what this endpoint can do. An operation that is not in it is refused by name
(`NotBuiltError`); nothing is answered with a success that did not happen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ddbproof.reference_impl.api import (
    backups,
    batches,
    items,
    reads,
    recovery,
    restores,
    streams,
    tables,
    tags,
    time_to_live,
    transactions,
)
from ddbproof.reference_impl.api.call import Call

Operation = Callable[[Call, dict[str, Any]], dict[str, Any]]

OPERATIONS: dict[str, Operation] = {
    "BatchGetItem": batches.batch_get_item,
    "BatchWriteItem": batches.batch_write_item,
    "CreateBackup": backups.create_backup,
    "CreateTable": tables.create_table,
    "DeleteBackup": backups.delete_backup,
    "DeleteItem": items.delete_item,
    "DeleteTable": tables.delete_table,
    "DescribeBackup": backups.describe_backup,
    "DescribeContinuousBackups": recovery.describe_continuous_backups,
    "DescribeStream": streams.describe_stream,
    "DescribeTable": tables.describe_table,
    "DescribeTimeToLive": time_to_live.describe_time_to_live,
    "GetItem": items.get_item,
    "GetRecords": streams.get_records,
    "GetShardIterator": streams.get_shard_iterator,
    "ListBackups": backups.list_backups,
    "ListStreams": streams.list_streams,
    "ListTables": tables.list_tables,
    "ListTagsOfResource": tags.list_tags_of_resource,
    "PutItem": items.put_item,
    "Query": reads.query,
    "RestoreTableFromBackup": restores.restore_table_from_backup,
    "RestoreTableToPointInTime": restores.restore_table_to_point_in_time,
    "Scan": reads.scan,
    "TagResource": tags.tag_resource,
    "TransactGetItems": transactions.transact_get_items,
    "TransactWriteItems": transactions.transact_write_items,
    "UntagResource": tags.untag_resource,
    "UpdateContinuousBackups": recovery.update_continuous_backups,
    "UpdateItem": items.update_item,
    "UpdateTable": tables.update_table,
    "UpdateTimeToLive": time_to_live.update_time_to_live,
}

METADATA_OPERATIONS = frozenset(
    {
        "CreateBackup",
        "CreateTable",
        "DeleteBackup",
        "DeleteTable",
        "RestoreTableFromBackup",
        "RestoreTableToPointInTime",
        "TagResource",
        "UntagResource",
        "UpdateContinuousBackups",
        "UpdateTable",
        "UpdateTimeToLive",
    }
)
"""Those that change which tables and backups there are, and how these are set up."""
