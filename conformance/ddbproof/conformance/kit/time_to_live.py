"""Time to live as a test handles it: a table with it on, times to expire at, and the wait for a deletion.

When an expired item is deleted is promised nowhere. A test therefore never waits for a certain item: it puts a
witness, an item that has expired already, and waits until that one is gone. What is still there then was looked
at and kept. Where no witness is deleted within the bounds, nothing can be said, and no test passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ddbproof.conformance.kit.outcomes import Inconclusive, NotTestableHere, Violation
from ddbproof.conformance.kit.tables import RegionHandle, TableHandle, preparing

ATTRIBUTE = "until"
# Where the clock can be moved: together more than a week, which is more than the "few days" of one page and the
# 48 hours of another. The first steps are short, so that the records of a stream are still there.
STEPS_SECONDS = (600.0, 3600.0, 6 * 3600.0, 24 * 3600.0, 48 * 3600.0, 96 * 3600.0)
# Elsewhere; there are endpoints that look for expired items every ten seconds.
REAL_SECONDS = 15.0
STEP_PATIENCE_SECONDS = 1.0


class ExpiringTable:
    """A table whose items expire by their attribute `until`."""

    def __init__(self, table: TableHandle) -> None:
        self.table = table
        self._clock = table.region.clock

    def put(self, key: str, until: dict[str, Any] | None) -> None:
        """Put an item with that value of the attribute, None for none."""
        self.table.put(key, "x", **({} if until is None else {ATTRIBUTE: until}))

    def expiring_in(self, seconds: int) -> dict[str, Any]:
        """A time that many seconds from now by the endpoint's clock; in the past if negative."""
        return {"N": str(self._clock.now() + seconds)}

    def wait_for_a_deletion(
        self, *, judged: bool = False, meanwhile: Callable[[], object] = lambda: None
    ) -> str:
        """Put a witness and return its key once it has been deleted. `meanwhile` is called again and again.

        Without a deletion in time: Violation where just that is judged, otherwise Inconclusive; and
        NotTestableHere where the endpoint's clock cannot be moved, since taking longer is lawful.
        """
        key = self.table.region.names.key()
        self.put(key, self.expiring_in(-60))
        patience = self.table.region.patience

        def gone() -> bool:
            meanwhile()
            return self.table.get(key) is None

        if not self._clock.can_move:
            if patience.until("the deletion of an expired item", gone, seconds=REAL_SECONDS):
                return key
            raise NotTestableHere(
                f"no expired item was deleted within {REAL_SECONDS:.0f} seconds, which is lawful, and this "
                "target's clock cannot be moved"
            )
        for seconds in STEPS_SECONDS:
            self._clock.pass_seconds(seconds)
            if patience.until("the deletion of an expired item", gone, seconds=STEP_PATIENCE_SECONDS):
                return key
        days = sum(STEPS_SECONDS) / 86_400
        problem = f"an item that had expired was still there {days:.0f} days later"
        raise Violation(problem) if judged else Inconclusive(f"could not prepare: {problem}")


def expiring_table(region: RegionHandle, **more: Any) -> ExpiringTable:
    """A new table with time to live on; `more` goes to `new_table`. Raises as `new_table` does."""
    table = region.new_table(**more)
    with preparing():
        set_time_to_live(table, enabled=True)
    return ExpiringTable(table)


def set_time_to_live(table: TableHandle, *, enabled: bool, attribute: str = ATTRIBUTE) -> dict[str, Any]:
    """UpdateTimeToLive; its answer."""
    answer: dict[str, Any] = table.client.update_time_to_live(
        TableName=table.name,
        TimeToLiveSpecification={"Enabled": enabled, "AttributeName": attribute},
    )
    return answer


def time_to_live(table: TableHandle) -> dict[str, Any]:
    """TimeToLiveDescription; empty if the target gives none."""
    answer = table.client.describe_time_to_live(TableName=table.name)
    description: dict[str, Any] = answer.get("TimeToLiveDescription", {})
    return description


def is_on(table: TableHandle) -> bool:
    """Whether it is described as on, or about to be, by the attribute `until`."""
    description = time_to_live(table)
    return (
        description.get("TimeToLiveStatus") in ("ENABLING", "ENABLED")
        and description.get("AttributeName") == ATTRIBUTE
    )
