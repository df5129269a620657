"""One order of all requests explains what each has seen, also while partitions merge (`test_endpoint_zones_lists`)."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import pytest
from merges_by_hand import Streamless
from test_endpoint_zones_lists import SECOND, Lists, mortal_coordinators
from zones_by_hand import TABLE

from ddbproof.reference_impl.errors import ConfigurationError

RUNS = 16


class MergedLists(Lists):
    """Neither of the two tables ever had a stream; every other fault is that two partitions merge."""

    def opened(self, **options: Any) -> Streamless:
        return Streamless(**options)

    def fault(self) -> None:
        if self.chance.random() < 0.5:
            super().fault()
            return
        with contextlib.suppress(ConfigurationError):  # there is one only, or not now
            self.zones.fault("merge", self.chance.choice([TABLE, SECOND]), partition=0)


def run(seed: int) -> None:
    """One run. Raises AssertionError if something is wrong."""
    with mortal_coordinators(random.Random(f"coordinators {seed}")) as end:
        MergedLists(seed).run(end)


@pytest.mark.parametrize("seed", range(RUNS))
def test_one_order_explains_what_was_seen_while_partitions_merged(seed: int) -> None:
    """TX-02, TX-03, TX-04, TX-07: whatever dies or fails meanwhile."""
    run(seed)
