"""What must hold while something is broken: a Region cut off, an endpoint killed.

These tests harm the endpoint, so they run where somebody says how (the control interface of the reference
endpoint, a target that we launched, the user's own commands) and with nothing else beside them. Zones are in
`test_zones`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ddbproof.conformance.kit import Inconclusive, claim, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.faults import Faults
from ddbproof.conformance.kit.tables import REPLICATION_PATIENCE_SECONDS, RegionHandle, TableHandle

LEAKING_SECONDS = 3.0
WRITES_BEFORE_THE_KILL = 40


def replicated(here: RegionHandle, elsewhere: RegionHandle) -> tuple[TableHandle, TableHandle]:
    """A table and its replica, between which replication has been seen to work."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    table.put("before", "isolation")
    if not until(lambda: replica.get("before") == "isolation", seconds=REPLICATION_PATIENCE_SECONDS):
        raise Inconclusive("could not prepare: a write did not reach the replica")
    return table, replica


def need_isolation(replica: TableHandle, key: str, clock: EndpointClock) -> None:
    """What the test stands on: that a write made elsewhere does not get through."""
    clock.pass_seconds(LEAKING_SECONDS)
    if replica.get(key) is not None:
        raise Inconclusive(f"{replica.region.name} was cut off, and a write reached it nevertheless")


@claim("ME-10", consistency=True)
def test_a_region_that_is_cut_off_goes_on_taking_writes(
    here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock, faults: Faults
) -> None:
    """While a Region is cut off, writes on both sides are accepted and can be read where they were made."""
    table, replica = replicated(here, elsewhere)
    faults.isolate(elsewhere.name)
    table.put("here", "during")
    need_isolation(replica, "here", clock)
    replica.put("elsewhere", "during")
    replica.put("before", "overwritten")
    found = replica.get("elsewhere"), replica.get("before")
    assert found == ("during", "overwritten"), (
        f"two writes in {elsewhere.name} were answered 200 while it was cut off; they read back as {found}"
    )
    found_here = table.get("here")
    assert found_here == "during", f"a write in {here.name} reads back as {found_here}"


@claim("ME-11", consistency=True)
def test_regions_agree_again_after_one_was_cut_off(
    here: RegionHandle, elsewhere: RegionHandle, clock: EndpointClock, faults: Faults
) -> None:
    """When the Region is back, every change of both sides is on both; of one item, the later change."""
    table, replica = replicated(here, elsewhere)
    table.put("deleted", "before")
    if not until(lambda: replica.get("deleted") == "before", seconds=REPLICATION_PATIENCE_SECONDS):
        raise Inconclusive("could not prepare: a write did not reach the replica")
    faults.isolate(elsewhere.name)
    table.put("here", "during")
    table.put("both", "earlier")
    need_isolation(replica, "here", clock)
    clock.pass_seconds(3)
    replica.put("elsewhere", "during")
    replica.put("both", "later")
    replica.delete("deleted")
    faults.heal(elsewhere.name)
    wanted = {"before": "isolation", "here": "during", "elsewhere": "during", "both": "later"}
    until(lambda: table.contents() == replica.contents() == wanted, seconds=REPLICATION_PATIENCE_SECONDS)
    for side in (table, replica):
        found = side.contents()
        assert found == wanted, (
            f"{REPLICATION_PATIENCE_SECONDS:.0f} seconds after the Region was back, {side.region.name} holds "
            f"{found}, not {wanted}"
        )


@claim("RC-01", consistency=True)
def test_what_was_acknowledged_survives_a_kill(here: RegionHandle, faults: Faults) -> None:
    """Every write answered 200 before the endpoint was killed is there when it has started again."""
    faults.need_durable_restart()
    table = here.new_table()
    acknowledged: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        killing = None
        number = 0
        while killing is None or not killing.done():
            if number == WRITES_BEFORE_THE_KILL:
                killing = pool.submit(faults.kill_and_start)
            key = f"write-{number}"
            if table.try_put(key, "acknowledged"):
                acknowledged.append(key)
            number += 1
        killing.result()
    found = table.contents()
    lost = [key for key in acknowledged if found.get(key) != "acknowledged"]
    assert not lost, (
        f"of {len(acknowledged)} acknowledged writes {len(lost)} are gone after the endpoint was killed, "
        f"the first of them number {acknowledged.index(lost[0]) + 1}"
    )
