"""Global tables in eventual mode: does a write arrive, do replicas agree, who is not concerned?

Lag is lawful: everything is polled with a bound. A target that keeps one copy for all Regions would pass a
naive test, so a Region without a replica is looked at too. Where a replica is only the ground a test stands
on, not getting one says nothing about its claim. What one Region promises its own clients, and the mode
itself, are in test_eventual_mode. Not here: strong mode, isolation of a Region.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ddbproof.conformance.kit import Inconclusive, claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import REPLICATION_PATIENCE_SECONDS, RegionHandle, TableHandle

VERSION = "2019.11.21"


def arrives(table: TableHandle, key: str, value: str | None) -> bool:
    """True once the table shows `value` under `key`; None means no item."""
    return table.region.patience.until(
        f"replication to {table.region.name}",
        lambda: table.get(key) == value,
        seconds=REPLICATION_PATIENCE_SECONDS,
    )


def need_arrival(table: TableHandle, key: str, value: str) -> None:
    """What a test stands on but does not judge: that a write from another Region is here."""
    if not arrives(table, key, value):
        raise Inconclusive(f"could not prepare: a write did not reach {table.region.name}")


@claim("ME-01")
def test_a_write_reaches_the_replica(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """What is put, overwritten and deleted in one Region appears so in the other."""
    table = here.new_table()
    replica = table.add_replica(elsewhere, judged=True)
    table.put("a", "one")
    assert arrives(replica, "a", "one"), f"a new item of {here.name} did not reach {elsewhere.name}"
    table.put("a", "two")
    assert arrives(replica, "a", "two"), f"an overwritten item of {here.name} did not reach {elsewhere.name}"
    table.delete("a")
    assert arrives(replica, "a", None), f"a delete in {here.name} did not reach {elsewhere.name}"


@claim("GT-04")
def test_a_replica_takes_writes_of_its_own(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """A write made through the replica can be read there and comes back to the Region it was made from."""
    table = here.new_table()
    replica = table.add_replica(elsewhere, judged=True)
    replica.put("a", "from there")
    found = replica.get("a")
    assert found == "from there", f"a write answered 200 in {elsewhere.name} reads back as {found} there"
    assert arrives(table, "a", "from there"), f"a write in {elsewhere.name} did not reach {here.name}"


@claim("GT-02")
def test_replicas_share_the_key_schema_and_whole_items(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """The replica has the same name, the same keys, and items with all their attributes."""
    table = here.new_table(sort_type="N")
    replica = table.add_replica(elsewhere, judged=True)
    schemas = table.describe().get("KeySchema"), replica.describe().get("KeySchema")
    assert schemas[0] == schemas[1], f"the replicas have different key schemas: {schemas}"
    key: dict[str, Any] = {"pk": {"S": "a"}, "sk": {"N": "-1.5"}}
    item: dict[str, Any] = {
        **key,
        "text": {"S": "é"},
        "number": {"N": "3"},
        "bytes": {"B": b"\x00\xff"},
        "list": {"L": [{"BOOL": True}, {"NULL": True}]},
        "map": {"M": {"set": {"SS": ["x"]}}},
    }
    table.client.put_item(TableName=table.name, Item=item)

    def seen_there() -> Any:
        return replica.client.get_item(TableName=replica.name, Key=key, ConsistentRead=True).get("Item")

    until(lambda: seen_there() == item, seconds=REPLICATION_PATIENCE_SECONDS)
    found = seen_there()
    assert found == item, f"an item written in {here.name} is {found} in {elsewhere.name}"


@claim("ME-08", "GT-21")
def test_a_table_with_data_becomes_a_global_table_with_that_data(
    here: RegionHandle, elsewhere: RegionHandle
) -> None:
    """Adding a replica to a table that holds items brings the items to the new replica."""
    table = here.new_table()
    wanted = {f"item-{number}": f"value-{number}" for number in range(12)}
    for key, value in wanted.items():
        table.put(key, value)
    replica = table.add_replica(elsewhere, judged=True)
    until(lambda: replica.contents() == wanted, seconds=REPLICATION_PATIENCE_SECONDS)
    found = replica.contents()
    assert found == wanted, f"of {len(wanted)} items written before, the new replica holds {len(found)}"
    assert table.contents() == wanted, "adding a replica changed the source's items"


@claim("ME-02", consistency=True)
def test_concurrent_writes_in_two_regions_converge(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """After writes to the same items at the same time in two Regions, both show the same for every item."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    keys = [f"item-{number}" for number in range(8)]

    def write(where: TableHandle, word: str) -> None:
        for round_number in range(3):
            for key in keys:
                where.put(key, f"{word}-{round_number}")

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(write, table, "here"), pool.submit(write, replica, "there")]:
            future.result()

    def agree() -> bool:
        contents = table.contents()
        return len(contents) == len(keys) and contents == replica.contents()

    converged = until(agree, seconds=REPLICATION_PATIENCE_SECONDS)
    left, right = table.contents(), replica.contents()
    apart = sorted(key for key in keys if left.get(key) != right.get(key))
    assert converged, (
        f"{REPLICATION_PATIENCE_SECONDS:.0f} seconds after the last write, {here.name} and {elsewhere.name} "
        f"disagree on {len(apart)} of {len(keys)} items, for example {apart[:1]}: "
        f"{left.get(apart[0]) if apart else left} and {right.get(apart[0]) if apart else right}"
    )
    # Each Region wrote its rounds in order, so the latest version is the last one of either.
    last = {"here-2", "there-2"}
    assert set(left.values()) <= last, f"an overwritten value survived: {sorted(set(left.values()) - last)}"


@claim("ME-02", consistency=True)
def test_the_later_write_survives(here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock) -> None:
    """Of two writes seconds apart in two Regions, both Regions keep the later one."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    table.put("a", "earlier")
    clock.pass_seconds(3)
    replica.put("a", "later")
    assert arrives(table, "a", "later"), f"the later write did not replace the earlier one in {here.name}"
    clock.pass_seconds(3)
    found = replica.get("a")
    assert found == "later", f"the later write was lost in its own Region, which shows {found}"


@claim("ME-18", consistency=True)
def test_the_later_of_a_delete_and_a_write_survives(
    here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock
) -> None:
    """A delete undoes an earlier write of the other Region, and a later write there brings the item back."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    replica.put("a", "first")
    need_arrival(table, "a", "first")
    clock.pass_seconds(3)
    table.delete("a")
    assert arrives(replica, "a", None), f"a delete in {here.name} did not reach {elsewhere.name}"
    clock.pass_seconds(3)
    replica.put("a", "again")
    assert arrives(table, "a", "again"), (
        f"a write that came after a delete did not bring the item back in {here.name}"
    )
    found = replica.get("a")
    assert found == "again", f"a write that came after a delete was lost in its own Region: it shows {found}"


@claim("ME-18", consistency=True)
def test_a_delete_and_a_write_at_the_same_time_converge(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """Whichever wins, both Regions agree afterwards, and what was overwritten does not come back."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    keys = [f"item-{number}" for number in range(6)]
    for key in keys:
        table.put(key, "base")
    for key in keys:
        need_arrival(replica, key, "base")
    with ThreadPoolExecutor(2) as pool:
        for key in keys:
            for future in [pool.submit(table.delete, key), pool.submit(replica.put, key, "written")]:
                future.result()

    def settled() -> bool:
        contents = table.contents()
        return set(contents.values()) <= {"written"} and contents == replica.contents()

    if not until(settled, seconds=REPLICATION_PATIENCE_SECONDS):
        left, right = table.contents(), replica.contents()
        assert left == right, (
            f"after a delete in {here.name} and a write in {elsewhere.name} at the same time, "
            f"they show {left} and {right}"
        )
        raise AssertionError(f"a value that was deleted or overwritten came back: {left}")


@claim("GT-03", consistency=True)
def test_a_region_without_a_replica_sees_nothing(
    here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock
) -> None:
    """Without a replica there is no such table elsewhere, and a table of the same name stays separate."""
    table = here.new_table()
    table.put("a", "here")
    assert elsewhere.table(table.name).status() is None, (
        f"a table made in {here.name} without replicas can be seen in {elsewhere.name}: "
        "the target has one namespace for all Regions"
    )
    other = elsewhere.new_table(name=table.name)
    other.put("b", "elsewhere")
    clock.pass_seconds(3)
    assert table.contents() == {"a": "here"}, f"a write in {elsewhere.name} shows in {here.name}"
    assert other.contents() == {"b": "elsewhere"}, f"a write in {here.name} shows in {elsewhere.name}"


@claim("GT-03", consistency=True)
def test_a_third_region_is_not_concerned(
    here: RegionHandle, elsewhere: RegionHandle, third: RegionHandle, clock: EndpointClock
) -> None:
    """A global table of two Regions leaves a third one without the table, and a table of its name alone."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    assert third.table(table.name).status() is None, (
        f"a global table of {here.name} and {elsewhere.name} can be seen in {third.name}"
    )
    other = third.new_table(name=table.name)
    table.put("a", "one")
    need_arrival(replica, "a", "one")
    clock.pass_seconds(3)
    found = other.contents()
    assert found == {}, f"a table of the same name in {third.name}, no replica, was given {found}"


@claim("GT-08")
def test_describe_table_shows_the_replicas(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """DescribeTable lists the other replica as ACTIVE, with GlobalTableVersion 2019.11.21, on both sides."""
    table = here.new_table()
    replica = table.add_replica(elsewhere, judged=True)

    def lists(side: TableHandle, other: RegionHandle) -> bool:
        return side.replica_states().get(other.name) == "ACTIVE"

    for side, other in ((table, elsewhere), (replica, here)):
        shown = until(lambda s=side, o=other: lists(s, o), seconds=REPLICATION_PATIENCE_SECONDS)  # type: ignore[misc]
        assert shown, f"DescribeTable in {side.region.name} does not list an ACTIVE replica in {other.name}"
        version = side.describe().get("GlobalTableVersion")
        assert version == VERSION, f"GlobalTableVersion in {side.region.name} is {version}, not {VERSION}"


@claim("GT-01", "AP-12")
def test_a_region_has_one_replica_at_most(
    here: RegionHandle, elsewhere: RegionHandle, seen: dict[str, str]
) -> None:
    """A second replica in the same Region is refused, and DescribeTable goes on listing one there."""
    table = here.new_table()
    table.add_replica(elsewhere)
    # Which code the refusal has is published nowhere (AP-12).
    seen["code that refuses a second replica"] = refused(
        here.client.update_table,
        what=f"a second replica in {elsewhere.name}",
        TableName=table.name,
        ReplicaUpdates=[{"Create": {"RegionName": elsewhere.name}}],
    )
    listed = [replica.get("RegionName") for replica in table.describe().get("Replicas", [])]
    number = listed.count(elsewhere.name)
    assert number == 1, f"DescribeTable lists {number} replicas in {elsewhere.name}"


@claim("GT-10")
def test_a_table_of_the_same_name_blocks_a_replica(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """A replica cannot be added where a table of that name exists, and that table keeps its items."""
    table = here.new_table()
    table.put("a", "here")
    other = elsewhere.new_table(name=table.name)
    other.put("b", "elsewhere")
    refused(
        here.client.update_table,
        what=f"a replica in {elsewhere.name}, where a table of that name exists,",
        TableName=table.name,
        ReplicaUpdates=[{"Create": {"RegionName": elsewhere.name}}],
    )
    found = other.contents()
    assert found == {"b": "elsewhere"}, f"the refused replica changed the existing table: it holds {found}"


@claim("GT-11")
def test_a_new_replica_has_the_capacity_mode_of_its_source(
    here: RegionHandle, elsewhere: RegionHandle
) -> None:
    """The replica of an on-demand table is on-demand."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    mode = replica.describe().get("BillingModeSummary", {}).get("BillingMode")
    assert mode == "PAY_PER_REQUEST", f"the source is PAY_PER_REQUEST, its new replica is {mode}"


@claim("GT-17")
def test_removing_a_replica_removes_its_data_only(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """After ReplicaUpdates Delete the table is gone in that Region and whole in the other."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    table.put("a", "one")
    need_arrival(replica, "a", "one")
    here.client.update_table(
        TableName=table.name, ReplicaUpdates=[{"Delete": {"RegionName": elsewhere.name}}]
    )
    assert replica.wait_until_gone(), f"the removed replica can still be described in {elsewhere.name}"
    table.wait_until_active()
    assert table.contents() == {"a": "one"}, "removing a replica changed the items of the remaining table"


@claim("PI-20", "GT-14")
def test_recovery_of_one_replica_is_not_that_of_another(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """Enabling point-in-time recovery on one replica leaves it off on the other."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    table.enable_recovery()
    status = replica.recovery().get("PointInTimeRecoveryStatus")
    assert status == "DISABLED", f"enabled in {here.name} only, recovery of the replica is {status} too"


@claim("GT-14")
def test_deletion_protection_of_one_replica_is_not_that_of_another(
    here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock
) -> None:
    """Switching deletion protection on for one replica leaves it off for the other."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    here.client.update_table(TableName=table.name, DeletionProtectionEnabled=True)
    table.wait_until_active()
    clock.pass_seconds(3)
    assert not replica.describe().get("DeletionProtectionEnabled"), (
        f"switched on in {here.name} only, deletion protection is on for the replica too"
    )
