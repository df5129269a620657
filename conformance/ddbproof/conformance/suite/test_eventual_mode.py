"""The eventual mode as such: that it is the default and stays, what a Region promises its own clients, the lag.

Which writes arrive and who wins is in test_global_tables. The lag is measured and reported, never judged: no
bound is promised. Not here: strong mode.
"""

from __future__ import annotations

from datetime import UTC, datetime

from ddbproof.conformance.kit import claim, refused, until
from ddbproof.conformance.kit.tables import REPLICATION_PATIENCE_SECONDS, RegionHandle

ROUNDS = 8
MEASUREMENTS = 5


@claim("GT-07")
def test_the_mode_is_eventual_unless_asked_for_and_is_never_changed(
    here: RegionHandle, elsewhere: RegionHandle, seen: dict[str, str]
) -> None:
    """Made without MultiRegionConsistency, a global table is not STRONG, and cannot be made so later."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    sides = (table, replica)

    def modes() -> list[str]:
        return [str(side.describe().get("MultiRegionConsistency", "not shown")) for side in sides]

    assert "STRONG" not in modes(), f"made without MultiRegionConsistency, the global table shows {modes()}"
    seen["MultiRegionConsistency of an eventual global table"] = " and ".join(modes())
    # The member is valid only with replicas to create; which code refuses it otherwise is published nowhere.
    refused(
        here.client.update_table,
        what="changing a global table in eventual mode to MultiRegionConsistency STRONG",
        TableName=table.name,
        MultiRegionConsistency="STRONG",
    )
    assert "STRONG" not in modes(), f"the refused change of the mode shows: {modes()}"


@claim("ME-07", consistency=True)
def test_each_region_reads_and_checks_its_own_writes(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """Right after a write, a strongly consistent read and a condition in the same Region go by that write."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    for number in range(ROUNDS):
        for side in (table, replica):
            # An item of its own for each Region, so that nothing written elsewhere can be the later one.
            key = f"{side.region.name}-{number}"
            side.put(key, "written")
            found = side.get(key)
            assert found == "written", (
                f"right after a write in {side.region.name} a strongly consistent read there shows {found}"
            )
            refused(
                side.client.put_item,
                "ConditionalCheckFailedException",
                what=f"a put in {side.region.name} on condition that an item just written there is absent",
                TableName=side.name,
                Item={"pk": {"S": key}, "v": {"S": "overwritten"}},
                ConditionExpression="attribute_not_exists(pk)",
            )


@claim("ME-03")
def test_the_lag_of_replication_is_measured(
    here: RegionHandle, elsewhere: RegionHandle, seen: dict[str, str]
) -> None:
    """Each of several writes reaches the other Region; how long it takes is reported, as no bound is promised."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    lags_seconds = []
    for number in range(MEASUREMENTS):
        table.put("a", str(number))
        written = datetime.now(UTC)
        arrived = until(lambda n=number: replica.get("a") == str(n), seconds=REPLICATION_PATIENCE_SECONDS)  # type: ignore[misc]
        lags_seconds.append((datetime.now(UTC) - written).total_seconds())
        assert arrived, (
            f"write {number + 1} of {MEASUREMENTS} did not reach {elsewhere.name} in "
            f"{REPLICATION_PATIENCE_SECONDS:.0f} seconds"
        )
    seen["a write reached the other Region after"] = (
        f"{min(lags_seconds):.2f} to {max(lags_seconds):.2f} seconds"
    )
