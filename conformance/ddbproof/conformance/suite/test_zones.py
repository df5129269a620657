"""The three Availability Zones of a Region: one of them fails, or two.

These tests run where somebody says how to take a zone down (the control interface of the reference endpoint, the
user's own commands). Leaders may be anywhere, so every zone has its turn, and keys are many enough to lie in several
partitions. Requests that fail are lawful for as long as a leader's lease and an election may take; what is
judged is what was acknowledged, what comes afterwards, and that nothing is answered wrongly.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ddbproof.conformance.kit import Inconclusive, claim
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.faults import ZONES, Faults
from ddbproof.conformance.kit.tables import UNANSWERED, RegionHandle, TableHandle

KEYS = [f"item-{number}" for number in range(16)]
# A lease is about two seconds, an election less; a monitor may need some more to notice.
RECOVERED_SECONDS = 10.0
HEALED_SECONDS = 30.0


def at_once(step: Callable[[str], Any]) -> dict[str, Any]:
    """A step for every key, all at the same time: what fails is tried again by the client, which takes a while."""
    with ThreadPoolExecutor(len(KEYS)) as pool:
        return dict(zip(KEYS, pool.map(step, KEYS), strict=True))


def put_all(table: TableHandle, value: str) -> dict[str, bool]:
    """Write every item; says of each key whether that was answered 200."""
    return at_once(lambda key: table.try_put(key, value))


def read_all(table: TableHandle) -> dict[str, Any]:
    """Read every item, strongly consistently; `UNANSWERED` where no answer could be had."""
    return at_once(table.try_get)


@claim("REP-07", consistency=True)
def test_no_acknowledged_write_is_lost_with_a_zone(
    here: RegionHandle, clock: EndpointClock, faults: Faults
) -> None:
    """Each zone in turn goes down while items are written; whatever was answered 200 is read afterwards."""
    faults.need_zones()
    table = here.new_table()
    for zone in ZONES:
        before = put_all(table, f"before-{zone}")
        with faults.without_zones(here.name, zone):
            during = put_all(table, f"during-{zone}")
            clock.pass_seconds(RECOVERED_SECONDS)
            found = read_all(table)
        clock.pass_seconds(HEALED_SECONDS, at_most_seconds=HEALED_SECONDS)
        for key in KEYS:
            # A write that was not answered may have been made all the same.
            lawful = {f"during-{zone}"} if during[key] else {f"during-{zone}", f"before-{zone}"}
            if found[key] is UNANSWERED or not (before[key] or during[key]):
                continue
            assert found[key] in lawful, (
                f"{key} was written with zone {zone} of {here.name} up ({before[key]}) and down ({during[key]}), "
                f"and a strongly consistent read without the zone returned {found[key]}"
            )


@claim("REP-08")
def test_writes_and_strong_reads_go_on_without_a_zone(
    here: RegionHandle, clock: EndpointClock, faults: Faults
) -> None:
    """Some seconds after any one zone went down every item can be written and read."""
    faults.need_zones()
    table = here.new_table()
    for zone in ZONES:
        with faults.without_zones(here.name, zone):
            clock.pass_seconds(RECOVERED_SECONDS)
            written = put_all(table, f"without-{zone}")
            refused = [key for key, done in written.items() if not done]
            assert not refused, (
                f"{RECOVERED_SECONDS:.0f} seconds after zone {zone} of {here.name} went down, "
                f"{len(refused)} of {len(KEYS)} writes were refused"
            )
            unread = [key for key, value in read_all(table).items() if value is UNANSWERED]
            assert not unread, (
                f"{RECOVERED_SECONDS:.0f} seconds after zone {zone} of {here.name} went down, "
                f"{len(unread)} of {len(KEYS)} strongly consistent reads were refused"
            )
        clock.pass_seconds(HEALED_SECONDS, at_most_seconds=HEALED_SECONDS)


@claim("REP-09", consistency=True)
def test_nothing_is_acknowledged_or_read_wrongly_without_two_zones(
    here: RegionHandle, clock: EndpointClock, faults: Faults
) -> None:
    """With two zones down writes and strongly consistent reads are refused; afterwards all is as it was."""
    faults.need_zones()
    table = here.new_table()
    if not all(put_all(table, "before").values()):
        raise Inconclusive("could not prepare: a write was refused before anything was broken")
    with faults.without_zones(here.name, *ZONES[:2]):
        clock.pass_seconds(RECOVERED_SECONDS)
        written = put_all(table, "during")
        acknowledged = [key for key, done in written.items() if done]
        assert not acknowledged, (
            f"with two of three zones of {here.name} down, {len(acknowledged)} of {len(KEYS)} writes were answered 200"
        )
        answered = read_all(table)
        shown = [key for key, value in answered.items() if value is not UNANSWERED]
        assert not shown, (
            f"with two of three zones of {here.name} down, {len(shown)} of {len(KEYS)} strongly consistent reads "
            f"were answered, the first with {answered[shown[0]]}"
        )
    clock.pass_seconds(HEALED_SECONDS, at_most_seconds=HEALED_SECONDS)
    found = read_all(table)
    wrong = {key: value for key, value in found.items() if value not in ("before", "during")}
    assert not wrong, f"after all zones of {here.name} were back, items read {wrong}"
