"""Units per second: bursts, what an on-demand table takes, warm throughput, and what one partition serves.

Sources: CA-03 (up to 300 seconds of unused capacity are kept for bursts), CA-04 (a new on-demand table takes 4,000
write or 12,000 read units a second, later double its previous peak; beyond that within 30 minutes it may throttle),
CA-05 (warm throughput only increases), PART-16 and PART-07 (a partition serves 3,000 read and 1,000 write units a second,
were it for one item alone). How AWS counts is unpublished. We count by whole seconds and say what AWS leaves open: unused capacity is
kept from the moment it is unused, and "previous" means before the present half hour of the table, counted from its
creation.

A function takes what was used in the second so far and refuses what would be too much; `reads` sees to it that nothing
happens then.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.refusal import require

BURST_SECONDS = 300
NEW_TABLE_WRITE_UNITS = 4_000
NEW_TABLE_READ_UNITS = 12_000
PEAK_TIMES = 2
HALF_HOUR_SECONDS = 1_800
PARTITION_WRITE_UNITS = 1_000
PARTITION_READ_UNITS = 3_000


class Bucket(msgspec.Struct, frozen=True, gc=False):
    """Provisioned units a second, units used in this second, and unused ones kept from earlier seconds."""

    rate: int
    used: int
    kept: int


class Demand(msgspec.Struct, frozen=True, gc=False):
    """An on-demand table: what it takes at least, the most used in a second before this half hour and in it, its begin."""

    least: int
    previous_peak: int
    peak: int
    began_seconds: int


# Provisioned.


def spend(bucket: Bucket, units: int) -> Bucket:
    """Use units in this second. Raises NotAllowed beyond the rate and what was kept."""
    require(bucket.used + units <= bucket.rate + bucket.kept)
    return Bucket(bucket.rate, bucket.used + units, bucket.kept)


def next_second(bucket: Bucket, rate: int) -> Bucket:
    """A second is over; from the next on the rate may be another."""
    unused = bucket.rate - bucket.used
    return Bucket(rate, 0, instants.lower(bucket.kept + unused, BURST_SECONDS * rate))


# On demand.


def new_table(writes: bool, now_seconds: int) -> Demand:
    """A table that has just been created, for its writes or for its reads."""
    if writes:
        return Demand(NEW_TABLE_WRITE_UNITS, 0, 0, now_seconds)
    return Demand(NEW_TABLE_READ_UNITS, 0, 0, now_seconds)


def takes(demand: Demand, units: int) -> bool:
    """True if so many units in a second are not too many."""
    return units <= instants.higher(demand.least, PEAK_TIMES * demand.previous_peak)


def after_second(demand: Demand, used: int, now_seconds: int) -> Demand:
    """A second in which so much was used is over; it is `now_seconds`."""
    peak = instants.higher(demand.peak, used)
    if now_seconds - demand.began_seconds < HALF_HOUR_SECONDS:
        return Demand(demand.least, demand.previous_peak, peak, demand.began_seconds)
    return Demand(demand.least, instants.higher(demand.previous_peak, peak), 0, now_seconds)


# Warm throughput, and one partition.


def warmer(units: int, asked: int) -> int:
    """The warm throughput after it was asked for. Raises NotAllowed for less than it is."""
    require(asked >= units)
    return asked


def serves(used: int, units: int, writes: bool) -> bool:
    """True if a partition that has served so many units in this second serves more, whatever items they are for."""
    if writes:
        return used + units <= PARTITION_WRITE_UNITS
    return used + units <= PARTITION_READ_UNITS
