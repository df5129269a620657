"""Coordinators die, partitions go away and split under transactions: all of one is done, or nothing.

A coordinator is made to die at a durable step, before it is done or just after: what the client of a real one would see
is no answer. Nobody takes up what it has left until somebody finds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from zones_by_hand import ACCOUNT, ELECTED_SECONDS, HEALED_SECONDS, OTHER, REGION, TABLE, A, B, C, Zones

from ddbproof.model.kernel import transactions
from ddbproof.reference_impl.cluster.coordinator import Coordinator
from ddbproof.reference_impl.cluster.ledger import Ledger
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.errors import CallerError
from ddbproof.reference_impl.replication import transacting
from ddbproof.reference_impl.replication.splitting import Splitting
from ddbproof.reference_impl.values.keys import KeySchema, encode_key

CHECKED, PUT, UPDATED, DELETED, NEW = KEYS = ["checked", "put", "updated", "deleted", "new"]
BEFORE = {CHECKED: 1, PUT: 1, UPDATED: 1, DELETED: 1}
AFTER = {CHECKED: 1, PUT: 2, UPDATED: 2, NEW: 2}
# The ledger has a record, five items are held, it is decided, five items are told, it is finished.
HELD_AT, DECIDED_AT, STEPS = 1, 6, 13


class CoordinatorDiedError(Exception):
    """Nobody answers any more."""


def filled(partitions: int = 8) -> Zones:
    zones = Zones(partitions=partitions)
    assert all(zones.put(key, value) for key, value in BEFORE.items())
    return zones


def key_of(name: str) -> dict[str, Any]:
    return {"TableName": TABLE, "Key": {"pk": {"S": name}}}


def encoded(name: str) -> bytes:
    return encode_key(KeySchema("pk", "S"), {"pk": {"S": name}})


def actions() -> list[dict[str, Any]]:
    two, one = {":two": {"N": "2"}}, {":one": {"N": "1"}}
    is_one = {"ConditionExpression": "n = :one", "ExpressionAttributeValues": one}
    return [
        {"ConditionCheck": {**key_of(CHECKED), **is_one}},
        {"Put": {"TableName": TABLE, "Item": {"pk": {"S": PUT}, "n": {"N": "2"}}, **is_one}},
        {
            "Update": {
                **key_of(UPDATED),
                "UpdateExpression": "SET n = :two",
                "ExpressionAttributeValues": two,
            }
        },
        {"Delete": key_of(DELETED)},
        {"Put": {"TableName": TABLE, "Item": {"pk": {"S": NEW}, "n": {"N": "2"}}}},
    ]


def transact(zones: Zones, **parameters: Any) -> None:
    zones.call("TransactWriteItems", TransactItems=actions(), **parameters)


def outcome(zones: Zones, **parameters: Any) -> str:
    try:
        transact(zones, **parameters)
    except CallerError as refused:
        return refused.code
    return "done"


def read_together(zones: Zones) -> dict[str, int]:
    answer = zones.call("TransactGetItems", TransactItems=[{"Get": key_of(key)} for key in KEYS])
    items = zip(KEYS, answer["Responses"], strict=True)
    return {key: int(found["Item"]["n"]["N"]) for key, found in items if "Item" in found}


@contextmanager
def at_step(wanted: int, do: Callable[[], None], *, after: bool = False) -> Iterator[None]:
    """Do something just before, or after, the durable step of a coordinator that has this number."""
    count = -1

    def stepping(right: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            mine = count
            if mine == wanted and not after:
                do()
            made = right(*arguments, **named)
            if mine == wanted and after:
                do()
            return made

        return step

    with (
        patch.object(Ledger, "change", stepping(Ledger.change)),
        patch.object(PartitionedTable, "prepare", stepping(PartitionedTable.prepare)),
        patch.object(PartitionedTable, "settle", stepping(PartitionedTable.settle)),
    ):
        yield
    assert count >= wanted, f"there was no step {wanted}"


def die() -> None:
    raise CoordinatorDiedError


def died(zones: Zones, step: int, *, after: bool, **parameters: Any) -> Zones:
    """A coordinator that died at a step."""
    with at_step(step, die, after=after), pytest.raises(CoordinatorDiedError):
        transact(zones, **parameters)
    return zones


def store(zones: Zones) -> PartitionedTable:
    region = zones.endpoint.cluster.regions[REGION]
    record = region.find_table(ACCOUNT, TABLE)
    assert record is not None
    found = region.store(record.table_id)
    assert isinstance(found, PartitionedTable)
    return found


def test_a_transaction_takes_as_many_durable_steps_as_these_tests_think() -> None:
    """Otherwise they would leave some out."""
    with pytest.raises(AssertionError, match="there was no step"), at_step(STEPS, die):
        transact(filled())


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(STEPS))
def test_a_coordinator_that_dies_has_done_all_or_nothing(step: int, *, after: bool) -> None:
    """TX-02, TX-07: what it decided, and nothing if it had not; whoever reads the items together sees one of the two."""
    committed = step > DECIDED_AT or (step == DECIDED_AT and after)
    zones = died(filled(), step, after=after)
    assert read_together(zones) == (AFTER if committed else BEFORE)
    assert zones.scan() == (AFTER if committed else BEFORE)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(STEPS))
def test_a_write_finds_what_a_dead_coordinator_has_left(step: int, *, after: bool) -> None:
    """TX-05: it is not in anybody's way for ever; and the write comes after it."""
    committed = step > DECIDED_AT or (step == DECIDED_AT and after)
    zones = died(filled(), step, after=after)
    assert zones.put(DELETED, 7)
    assert read_together(zones) == {**(AFTER if committed else BEFORE), DELETED: 7}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", range(STEPS))
def test_a_repetition_learns_what_became_of_the_first(step: int, *, after: bool) -> None:
    """TX-04: by its token; it does nothing anew, unless nothing had begun."""
    committed = step > DECIDED_AT or (step == DECIDED_AT and after)
    begun = step > 0 or after
    token = {"ClientRequestToken": "token"}
    zones = died(filled(), step, after=after, **token)
    done = committed or not begun
    assert outcome(zones, **token) == ("done" if done else "TransactionCanceledException")
    assert zones.scan() == (AFTER if done else BEFORE)


def test_a_condition_is_evaluated_on_what_a_dead_coordinator_has_decided() -> None:
    """RC-08, TX-03: a write that finds the item held comes after the transaction, and so does what it is made of."""
    writes: dict[str, dict[str, Any]] = {
        "PutItem": {"Item": {"pk": {"S": UPDATED}, "n": {"N": "7"}}},
        "DeleteItem": {"Key": {"pk": {"S": UPDATED}}},
        "UpdateItem": {"Key": {"pk": {"S": UPDATED}}},
    }
    one: dict[str, Any] = {":one": {"N": "1"}}
    is_one: dict[str, Any] = {"ConditionExpression": "n = :one", "ExpressionAttributeValues": one}
    for operation, parameters in writes.items():
        zones = died(filled(), DECIDED_AT, after=True)
        with pytest.raises(CallerError) as refused:
            zones.call(operation, TableName=TABLE, **parameters, **is_one)
        assert refused.value.code == "ConditionalCheckFailedException"
        assert read_together(zones) == AFTER


def test_an_update_is_of_what_a_dead_coordinator_has_decided() -> None:
    """TX-03: nothing that the transaction wrote is lost by an update that comes after it."""
    zones = died(filled(), DECIDED_AT, after=True)
    update = {"UpdateExpression": "ADD n :five", "ExpressionAttributeValues": {":five": {"N": "5"}}}
    answer = zones.call("UpdateItem", **{**key_of(UPDATED), **update, "ReturnValues": "ALL_NEW"})
    assert answer["Attributes"]["n"] == {"N": "7"}
    assert read_together(zones) == {**AFTER, UPDATED: 7}


@pytest.mark.parametrize("step", range(HELD_AT + 1, DECIDED_AT + 1))
def test_a_held_item_is_read_as_it_stands(step: int) -> None:
    """TX-03: a read of the single item waits for nobody."""
    zones = died(filled(), step, after=False)
    assert encoded(CHECKED) in store(zones).groups.serving(encoded(CHECKED)).state.pending
    for consistent in (True, False):
        assert {key: zones.read(key, consistent=consistent) for key in BEFORE} == BEFORE
    assert encoded(CHECKED) in store(zones).groups.serving(encoded(CHECKED)).state.pending


def test_what_changes_under_a_transaction_cancels_it() -> None:
    """TX-05: its condition held of a version that stands no more when it comes to hold the item."""
    zones = filled()

    def write() -> None:
        store(zones).write(encoded(PUT), b'{"pk":{"S":"put"},"n":{"N":"5"}}', 9)

    with at_step(0, write), pytest.raises(CallerError) as refused:
        transact(zones)
    assert refused.value.code == "TransactionCanceledException"
    codes = [reason["Code"] for reason in refused.value.extra["CancellationReasons"]]
    assert codes == ["None", "TransactionConflict", "None", "None", "None"]
    assert read_together(zones) == {**BEFORE, PUT: 5}


def test_what_changes_between_two_looks_is_not_read_as_one() -> None:
    """TX-07: the caller is told of a conflict."""
    zones = filled()
    right = PartitionedTable.is_unchanged

    def changed(self: PartitionedTable, key: bytes, version: int) -> bool:
        if key == encoded(PUT):
            assert zones.put(PUT, 5)
        return right(self, key, version)

    with patch.object(PartitionedTable, "is_unchanged", changed), pytest.raises(CallerError) as refused:
        read_together(zones)
    codes = [reason["Code"] for reason in refused.value.extra["CancellationReasons"]]
    assert codes == ["None", "TransactionConflict", "None", "None", "None"]


@pytest.mark.parametrize("step", range(STEPS))
def test_zones_that_fail_under_a_transaction_leave_no_half(step: int) -> None:
    """TX-02, REP-09: nobody knows until they are back, and then it is all or nothing, without anybody asking for it."""
    zones = filled()

    def fail() -> None:
        zones.fault("zone_down", A)
        zones.fault("zone_down", B)

    with at_step(step, fail):
        assert zones.tried("TransactWriteItems", TransactItems=actions()) is None
    zones.mend()
    assert zones.scan() == (AFTER if step > DECIDED_AT else BEFORE)
    for key in KEYS:
        assert not store(zones).groups.serving(encoded(key)).state.pending


@pytest.mark.parametrize("zone", [A, B, C])
@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_zone_that_fails_under_a_transaction_is_waited_for(step: int, zone: str) -> None:
    """REP-08: who leads next knows what is held, and the ledger what was decided."""
    zones = filled()
    with at_step(step, lambda: zones.fault("zone_down", zone)):
        zones.tried("TransactWriteItems", TransactItems=actions())
    zones.wait(2 * ELECTED_SECONDS)
    assert read_together(zones) in (BEFORE, AFTER)


@pytest.mark.parametrize("zone", [A, B, C])
@pytest.mark.parametrize("step", range(1, STEPS))
def test_a_zone_that_is_cut_off_under_a_transaction_loses_no_half(step: int, zone: str) -> None:
    """TX-02: what a leader had sent when it was cut off was not durable, and nothing was built on it."""
    zones = filled()
    zones.fault("messages", REGION, delay_milliseconds=[20, 20])
    with at_step(step, lambda: zones.fault("isolate_zone", zone)):
        zones.tried("TransactWriteItems", TransactItems=actions())
    zones.wait(2 * ELECTED_SECONDS)
    zones.mend()
    assert read_together(zones) in (BEFORE, AFTER)


def test_messages_that_come_late_or_never_do_not_keep_transactions_from_being_done() -> None:
    """REP-02: two of three is enough, and what was lost is sent again."""
    zones = filled()
    zones.fault("messages", REGION, lost=0.1, doubled=0.1, delay_milliseconds=[0, 30])
    done = sum(
        zones.tried(
            "TransactWriteItems",
            TransactItems=[
                {"Put": {"TableName": TABLE, "Item": {"pk": {"S": key}, "n": {"N": str(number)}}}}
                for key in (PUT, NEW)
            ],
        )
        is not None
        for number in range(20)
    )
    assert done > 10
    zones.mend()
    assert zones.read(PUT) == zones.read(NEW)


def test_a_partition_is_not_split_while_it_holds_an_item() -> None:
    """TX-02, PART-05: and goes on as soon as that is settled; the children know what was checked."""
    zones = filled(partitions=1)
    died(zones, DECIDED_AT, after=True)
    zones.fault("split", TABLE)
    zones.wait(5)
    assert len(zones.groups().map) == 1
    assert read_together(zones) == AFTER
    zones.wait(HEALED_SECONDS)
    assert len(zones.groups().map) == 2
    assert zones.scan() == AFTER
    leading = store(zones).groups.serving(encoded(CHECKED))
    assert leading.state.checked[encoded(CHECKED)] > transacting.instant_at(0)


def test_a_change_of_another_region_waits_for_a_held_item() -> None:
    """ME-02: and arrives when the item is free."""
    zones = Zones(partitions=2)
    zones.call("UpdateTable", TableName=TABLE, ReplicaUpdates=[{"Create": {"RegionName": OTHER}}])
    zones.wait(5)
    assert all(zones.put(key, value) for key, value in BEFORE.items())
    zones.wait(5)
    died(zones, DECIDED_AT, after=False)
    zones.wait(1)
    put = {"TableName": TABLE, "Item": {"pk": {"S": PUT}, "n": {"N": "9"}}}
    zones.call("PutItem", region=OTHER, **put)
    with patch.object(Coordinator, "finish", lambda *_: None):
        zones.wait(5)
        assert zones.read(PUT) == 1
    zones.wait(5)
    assert zones.read(PUT) == zones.read(PUT, region=OTHER) == 9


def test_a_check_is_never_earlier_than_what_it_saw() -> None:
    """TX-03: a write that follows a check in the same millisecond has a later version, and so has the next check."""
    zones = filled(partitions=1)
    check = {"ConditionCheck": {**key_of(CHECKED), "ConditionExpression": "attribute_exists(pk)"}}
    latest = 0
    for value in range(2, 6):
        zones.call("TransactWriteItems", TransactItems=[check])
        assert zones.put(CHECKED, value)
        instant = store(zones).latest_instant(encoded(CHECKED))
        assert instant > latest + 1
        latest = instant


# --- Planted defects ---------------------------------------------------------------------------------


def items_held_unlooked() -> AbstractContextManager[Any]:
    """It is decided to commit when the first item is held."""
    right = Coordinator._prepare

    def prepare(self: Coordinator, key: bytes, number: int, instant: int, steps: Any) -> tuple[str, ...]:
        right(self, key, number, instant, steps[:1])
        return ("None",) * len(steps)

    return patch.object(Coordinator, "_prepare", prepare)


def undecided_committed() -> AbstractContextManager[Any]:
    """Whoever finds a transaction that is not decided commits it."""
    return patch.object(
        transactions, "decide_to_cancel", lambda record, number: transactions.decided(record, number, 2)
    )


def version_not_compared() -> AbstractContextManager[Any]:
    """A condition counts, whatever the item has become since it was evaluated."""
    return patch.object(transactions, "is_unchanged", lambda *_: True)


def split_over_held_items() -> AbstractContextManager[Any]:
    """A partition is closed while it holds items for a transaction."""
    right = Splitting.close_when_near

    def close(self: Splitting) -> None:
        state = self._leading.state
        pending, state.pending = state.pending, {}
        try:
            right(self)
        finally:
            state.pending = pending

    return patch.object(Splitting, "close_when_near", close)


def token_forgotten() -> AbstractContextManager[Any]:
    """A token of a transaction that is not finished counts for nothing."""
    right = transactions.answer

    def answer(record: transactions.Record, *arguments: int) -> int:
        found = right(record, *arguments)
        return transactions.BEGUN if found == transactions.IN_PROGRESS else found

    return patch.object(transactions, "answer", answer)


def check_without_a_trace() -> AbstractContextManager[Any]:
    """A check that is committed does not move the item's timestamp on."""
    right = transactions.commit

    def commit(item: transactions.Item, forgotten: transactions.Forgotten, number: int) -> transactions.Item:
        after = right(item, forgotten, number)
        if item.pending.action == transactions.CHECK:
            return transactions.Item(
                True, after.exists, 0, after.version, item.latest_milliseconds, False, transactions.NOTHING
            )
        return after

    return patch.object(transactions, "commit", commit)


def written_on_what_was_before() -> AbstractContextManager[Any]:
    """A write is evaluated on the item as a read shows it, before it is known what holds it."""
    return patch.object(
        PartitionedTable, "read_to_write", lambda self, key: PartitionedTable.read(self, key, consistent=True)
    )


DEFECTS: dict[Callable[[], AbstractContextManager[Any]], Callable[[], None]] = {
    items_held_unlooked: lambda: test_a_coordinator_that_dies_has_done_all_or_nothing(DECIDED_AT, after=True),
    undecided_committed: lambda: test_a_coordinator_that_dies_has_done_all_or_nothing(2, after=True),
    version_not_compared: test_what_changes_between_two_looks_is_not_read_as_one,
    split_over_held_items: test_a_partition_is_not_split_while_it_holds_an_item,
    token_forgotten: lambda: test_a_repetition_learns_what_became_of_the_first(STEPS - 1, after=False),
    written_on_what_was_before: test_an_update_is_of_what_a_dead_coordinator_has_decided,
    check_without_a_trace: test_a_check_is_never_earlier_than_what_it_saw,
}


@pytest.mark.parametrize("plant", [pytest.param(it, id=it.__name__) for it in DEFECTS])
def test_a_planted_defect_fails_a_test_that_passes_without_it(plant: Any) -> None:
    """By an assertion of the test, and not by any other end."""
    DEFECTS[plant]()
    with plant(), pytest.raises((AssertionError, pytest.fail.Exception)):
        DEFECTS[plant]()
