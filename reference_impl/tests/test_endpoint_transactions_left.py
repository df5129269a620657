"""What transactions that were left behind leave: in the ledger nothing for ever, and for others a conflict at most."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from test_endpoint_zones_transactions import (
    BEFORE,
    CHECKED,
    NEW,
    PUT,
    STEPS,
    UPDATED,
    at_step,
    encoded,
    filled,
    store,
    transact,
)
from zones_by_hand import REGION, TABLE, Zones

from ddbproof.model.kernel import transactions
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.ledger import Ledger
from ddbproof.reference_impl.errors import CallerError, UnavailableError
from ddbproof.reference_impl.replication.entries import Prepared


def ledger(zones: Zones) -> Ledger:
    return zones.endpoint.cluster.regions[REGION].transactions.ledger


def records(zones: Zones) -> int:
    return len(ledger(zones).groups.serving(b"").state.fold.items)


def test_a_record_whose_end_was_not_heard_of_is_dropped_like_any_other() -> None:
    """TX-04: ten minutes after the end, though nobody was told that the end is durable."""
    zones, right = filled(), TableGroups.write

    def unheard(self: TableGroups, *arguments: Any) -> None:
        right(self, *arguments)
        raise UnavailableError("the answer is lost")

    with ExitStack() as faults:

        def fail() -> None:
            faults.enter_context(patch.object(TableGroups, "write", unheard))

        with at_step(STEPS - 1, fail), pytest.raises(UnavailableError):
            transact(zones)
    assert records(zones) == 1
    zones.clock.advance(600)
    transact_one(zones)
    assert records(zones) == 1, "that of the second transaction"


def transact_one(zones: Zones) -> None:
    put = {"TableName": TABLE, "Item": {"pk": {"S": NEW}, "n": {"N": "3"}}}
    zones.call("TransactWriteItems", TransactItems=[{"Put": put}])


def test_an_item_that_comes_to_be_held_meanwhile_cancels_a_transaction() -> None:
    """TX-05: with a reason for each action; and what is held for it by then is let go."""
    zones = filled()

    def unavailable(*_: object) -> None:
        raise UnavailableError("too little of the ledger is there")

    def hold() -> None:
        """Somebody else holds the item, and what was decided of that cannot be known."""
        leading, key = store(zones).groups.serving(encoded(UPDATED)), encoded(UPDATED)
        instant = store(zones).latest_instant(key) + 1
        leading.append(Prepared(999, b"nobody", key, transactions.DELETE, instant))

    with (
        patch.object(store(zones), "_recover", unavailable),
        at_step(3, hold),
        pytest.raises(CallerError) as refused,
    ):
        transact(zones)
    assert refused.value.code == "TransactionCanceledException"
    codes = [reason["Code"] for reason in refused.value.extra["CancellationReasons"]]
    assert codes == ["None", "None", "TransactionConflict", "None", "None"]
    assert not store(zones).groups.serving(encoded(PUT)).state.pending.keys() & {
        encoded(CHECKED),
        encoded(PUT),
    }
    assert zones.scan() == BEFORE


def test_a_change_of_another_region_in_the_same_instant_is_a_change() -> None:
    """TX-05, ME-05: the version is another one, though it has the same timestamp and counter."""
    zones = filled()
    stood = store(zones).groups.serving(encoded(PUT)).state.fold.version_of(encoded(PUT))
    assert stood is not None

    def receive() -> None:
        version = msgspec.structs.replace(stood, region_number=stood.region_number + 1)
        assert store(zones).receive(encoded(PUT), b'{"pk":{"S":"put"},"n":{"N":"5"}}', 9, version)

    with at_step(0, receive), pytest.raises(CallerError) as refused:
        transact(zones)
    codes = [reason["Code"] for reason in refused.value.extra["CancellationReasons"]]
    assert codes == ["None", "TransactionConflict", "None", "None", "None"]
    assert zones.scan() == {**BEFORE, PUT: 5}
