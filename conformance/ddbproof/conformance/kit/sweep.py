"""Leaves nothing behind: removes everything whose name begins with the run's prefix, in every Region.

Goes by what the endpoint itself lists, not by what a test remembers having made, so it also finds what an
interrupted or failed test left half done. What cannot be removed is returned, to be told. A SYSTEM backup
that the target will not delete is told and not waited for: it goes by itself after 35 days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ddbproof.conformance.kit.polling import until

SWEEP_SECONDS = 60.0


def sweep(
    clients: Iterable[tuple[str, Any]],
    prefix: str,
    *,
    seconds: float = SWEEP_SECONDS,
    left: list[str] | None = None,
) -> tuple[str, ...]:
    """Removes tables and backups of the run; returns what is left, as sentences.

    `left` is kept up to date meanwhile, for a caller who is interrupted.
    """
    regions = list(clients)
    left = [] if left is None else left
    lasting: set[str] = set()

    def once() -> bool:
        left[:] = [
            *(line for name, client in regions for line in _sweep_tables(name, client, prefix)),
            *(line for _, client in regions for line in _sweep_backups(client, prefix, lasting)),
        ]
        return not left

    until(once, seconds=seconds)
    return (*left, *sorted(lasting))


def _sweep_tables(region: str, client: Any, prefix: str) -> Iterator[str]:
    try:
        names = [
            name for page in client.get_paginator("list_tables").paginate() for name in page["TableNames"]
        ]
    except (ClientError, BotoCoreError) as error:
        yield f"tables in {region} cannot be listed: {error}"
        return
    for name in names:
        if not name.startswith(prefix):
            continue
        try:
            if client.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
                client.update_table(TableName=name, DeletionProtectionEnabled=False)
            client.delete_table(TableName=name)
        except (ClientError, BotoCoreError) as error:
            if not _is(error, "ResourceNotFoundException"):
                yield f"table {name} in {region}: {error}"
                continue
        # It is gone when it is no longer listed, which the next round sees.
        yield f"table {name} in {region} is still being deleted"


def _sweep_backups(client: Any, prefix: str, lasting: set[str]) -> Iterator[str]:
    arguments: dict[str, Any] = {"BackupType": "ALL"}
    while True:
        try:
            page = client.list_backups(**arguments)
        except (ClientError, BotoCoreError):
            # A target without backups has none of ours.
            return
        for summary in page.get("BackupSummaries", []):
            if not str(summary.get("TableName", "")).startswith(prefix):
                continue
            arn = summary["BackupArn"]
            try:
                client.delete_backup(BackupArn=arn)
            except (ClientError, BotoCoreError) as error:
                if summary.get("BackupType") == "SYSTEM":
                    lasting.add(f"SYSTEM backup {arn}: {error}")
                elif not _is(error, "BackupNotFoundException"):
                    yield f"backup {arn}: {error}"
        start = page.get("LastEvaluatedBackupArn")
        if not start or start == arguments.get("ExclusiveStartBackupArn"):
            return
        arguments["ExclusiveStartBackupArn"] = start


def _is(error: Exception, code: str) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == code
