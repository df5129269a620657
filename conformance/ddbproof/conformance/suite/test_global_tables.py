"""Global tables in eventual mode: does a write arrive, do replicas agree, who is not concerned?

Lag is lawful: everything is polled with a bound. A target that keeps one copy for all Regions would pass a
naive test, so a Region without a replica is looked at too. Not here: strong mode, isolation of a Region.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ddbproof.conformance.kit import claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.tables import REPLICATION_PATIENCE_SECONDS, RegionHandle, TableHandle


def arrives(table: TableHandle, key: str, value: str | None) -> bool:
    """True once the table shows `value` under `key`."""
    return until(lambda: table.get(key) == value, seconds=REPLICATION_PATIENCE_SECONDS)


@claim("ME-01", "GT-02", "GT-04")
def test_a_write_in_either_region_reaches_the_other(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """Puts and deletes of each replica appear in the other, with the same key schema and item."""
    table = here.new_table()
    replica = table.add_replica(elsewhere, judged=True)
    table.put("from-here", "one")
    assert arrives(replica, "from-here", "one"), f"a write in {here.name} did not reach {elsewhere.name}"
    replica.put("from-there", "two")
    assert arrives(table, "from-there", "two"), f"a write in {elsewhere.name} did not reach {here.name}"
    table.delete("from-there")
    assert arrives(replica, "from-there", None), f"a delete in {here.name} did not reach {elsewhere.name}"
    schemas = table.describe()["KeySchema"], replica.describe()["KeySchema"]
    assert schemas[0] == schemas[1], f"the replicas have different key schemas: {schemas}"
    assert table.contents() == replica.contents(), "the replicas hold different items"


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
    replica = table.add_replica(elsewhere, judged=True)
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
    last = {"here-2", "there-2"}
    assert set(left.values()) <= last, f"an overwritten value survived: {sorted(set(left.values()) - last)}"


@claim("ME-02", consistency=True)
def test_the_later_write_survives(here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock) -> None:
    """Of two writes seconds apart in two Regions, both Regions keep the later one."""
    table = here.new_table()
    replica = table.add_replica(elsewhere, judged=True)
    table.put("a", "earlier")
    clock.pass_seconds(3)
    replica.put("a", "later")
    assert arrives(table, "a", "later"), f"the later write did not replace the earlier one in {here.name}"
    clock.pass_seconds(3)
    found = replica.get("a")
    assert found == "later", f"the later write was lost in its own Region, which shows {found}"


@claim("ME-18", consistency=True)
def test_a_delete_and_a_write_at_the_same_time_converge(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """Whichever wins, both Regions agree afterwards, and the item does not come and go."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    keys = [f"item-{number}" for number in range(6)]
    for key in keys:
        table.put(key, "base")
    for key in keys:
        assert arrives(replica, key, "base"), f"a write in {here.name} did not reach {elsewhere.name}"
    with ThreadPoolExecutor(2) as pool:
        for key in keys:
            for future in [pool.submit(table.delete, key), pool.submit(replica.put, key, "written")]:
                future.result()

    converged = until(lambda: table.contents() == replica.contents(), seconds=REPLICATION_PATIENCE_SECONDS)
    assert converged, f"after a delete and a write at the same time {here.name} and {elsewhere.name} disagree"
    settled = table.contents()
    clean = set(settled.values()) <= {"written"}
    assert clean, f"a value that was deleted or overwritten came back: {settled}"


@claim("GT-03", consistency=True)
def test_a_region_without_a_replica_sees_nothing(
    here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock
) -> None:
    """Without a replica there is no such table elsewhere, and a table of the same name stays separate."""
    table = here.new_table()
    table.put("a", "here")
    other = elsewhere.table(table.name)
    assert other.status() is None, (
        f"a table made in {here.name} without replicas can be seen in {elsewhere.name}: "
        "the target has one namespace for all Regions"
    )
    elsewhere.client.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    other.wait_until_active()
    other.put("b", "elsewhere")
    clock.pass_seconds(3)
    assert table.contents() == {"a": "here"}, f"a write in {elsewhere.name} shows in {here.name}"
    assert other.contents() == {"b": "elsewhere"}, f"a write in {here.name} shows in {elsewhere.name}"


@claim("GT-03", consistency=True)
def test_a_third_region_is_not_concerned(
    here: RegionHandle, elsewhere: RegionHandle, third: RegionHandle
) -> None:
    """A global table of two Regions leaves a third one without the table."""
    table = here.new_table()
    table.add_replica(elsewhere)
    table.put("a", "one")
    assert third.table(table.name).status() is None, (
        f"a global table of {here.name} and {elsewhere.name} can be seen in {third.name}"
    )


@claim("GT-08", "GT-01")
def test_describe_table_shows_the_replicas(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """DescribeTable lists the other replica as ACTIVE, with GlobalTableVersion 2019.11.21, on both sides."""
    table = here.new_table()
    replica = table.add_replica(elsewhere, judged=True)

    def is_listed(side: TableHandle, other: RegionHandle) -> bool:
        return other.name in side.replica_regions()

    for side, other in ((table, elsewhere), (replica, here)):
        shown = until(partial(is_listed, side, other), seconds=REPLICATION_PATIENCE_SECONDS)
        assert shown, f"DescribeTable in {side.region.name} does not list an ACTIVE replica in {other.name}"
        version = side.describe().get("GlobalTableVersion")
        assert version == "2019.11.21", f"GlobalTableVersion in {side.region.name} is {version}"
    refused(
        here.client.update_table,
        "ValidationException",
        "ReplicaAlreadyExistsException",
        "ResourceInUseException",
        what=f"a second replica in {elsewhere.name}",
        TableName=table.name,
        ReplicaUpdates=[{"Create": {"RegionName": elsewhere.name}}],
    )


@claim("GT-10")
def test_a_table_of_the_same_name_blocks_a_replica(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """A replica cannot be added where a table of that name exists, and that table keeps its items."""
    table = here.new_table()
    table.put("a", "here")
    other = elsewhere.table(table.name)
    elsewhere.client.create_table(
        TableName=table.name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    other.wait_until_active()
    other.put("b", "elsewhere")
    refused(
        here.client.update_table,
        "ValidationException",
        "ResourceInUseException",
        "TableAlreadyExistsException",
        "ReplicaAlreadyExistsException",
        what=f"a replica in {elsewhere.name}, where a table of that name exists,",
        TableName=table.name,
        ReplicaUpdates=[{"Create": {"RegionName": elsewhere.name}}],
    )
    found = other.contents()
    assert found == {"b": "elsewhere"}, f"the refused replica changed the existing table: it holds {found}"


@claim("GT-11")
def test_the_billing_mode_is_the_same_on_all_replicas(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """A change of capacity mode on one replica is carried over to the other."""
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
    assert arrives(replica, "a", "one"), f"a write in {here.name} did not reach {elsewhere.name}"
    here.client.update_table(
        TableName=table.name, ReplicaUpdates=[{"Delete": {"RegionName": elsewhere.name}}]
    )
    assert replica.wait_until_gone(), f"the removed replica can still be described in {elsewhere.name}"
    table.wait_until_active()
    assert table.contents() == {"a": "one"}, "removing a replica changed the items of the remaining table"
