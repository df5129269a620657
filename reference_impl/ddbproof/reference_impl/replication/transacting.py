"""What a partition's leader does for transactions, by `model.kernel.transactions`: it holds an item, and lets go of it.

The kernel sees an item by numbers. Its latest timestamp is an *instant*: the timestamp and counter of the item's `Version` in one
number, so that any number of writes in a millisecond have instants of their own and none claims a time that has not come. A
transaction's instant becomes the version of what it writes. The kernel's version is the instant with the Region that wrote, since
Regions may write in the same one. Nothing is ever forgotten of a key here, as a deletion leaves its version behind (`storage.items`).

Conditions are evaluated by whoever asks, on a version that it names; an item that has another one by now is in the way. That can
be: a write that nobody was told of may have been committed in the meantime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.replication.entries import Change, Prepared, Settled

if TYPE_CHECKING:
    from ddbproof.reference_impl.replication.leading import Leading
    from ddbproof.reference_impl.replication.state import GroupState

NEVER_FORGOT = transactions.NEVER_FORGOT
# Together with a millisecond of the year 3000 it has 63 bits.
_COUNTER_BITS = 18
_COUNTER_MASK = 2**_COUNTER_BITS - 1
_REGION_BITS = 16


def instant_of(version: Version) -> int:
    """A version's timestamp and counter as one number."""
    return (version.timestamp_milliseconds << _COUNTER_BITS) + version.counter


def instant_at(milliseconds: int) -> int:
    """The first instant of a millisecond."""
    return milliseconds << _COUNTER_BITS


def version_at(instant: int, region_number: int) -> Version:
    """The version that has an instant.

    >>> instant_of(version_at(instant_at(1_800_000_000_000) + 7, 0)) == instant_at(1_800_000_000_000) + 7
    True
    """
    return Version(instant >> _COUNTER_BITS, region_number, instant & _COUNTER_MASK)


def number_of(version: Version) -> int:
    """A version as one number, which no other version has: Regions may write in the same instant, and the higher one counts."""
    return (instant_of(version) << _REGION_BITS) + version.region_number


def item_of(state: GroupState, key: bytes) -> transactions.Item:
    """An item as the kernel sees it, by the newest that is appended."""
    version = state.fold.version_of(key)
    written = 0 if version is None else instant_of(version)
    checked = state.checked.get(key, 0)
    prepared = state.pending.get(key)
    pending = transactions.NOTHING
    if prepared is not None:
        pending = transactions.Asked(prepared.transaction, prepared.instant, prepared.action, 0)
    return transactions.Item(
        kept=written > 0 or checked > 0,
        exists=state.fold.items.get(key) is not None,
        value=0,
        version=0 if version is None else number_of(version),
        latest_milliseconds=max(written, checked),
        held=prepared is not None,
        pending=pending,
    )


def version_after_checks(
    state: GroupState, key: bytes, wall_milliseconds: int, region_number: int
) -> Version:
    """The version of a write of the single item, after its latest write or check. NotAllowed while it is held."""
    item = item_of(state, key)
    written = transactions.write(item, NEVER_FORGOT, transactions.PUT, 0, instant_at(wall_milliseconds))
    return version_at(written.latest_milliseconds, region_number)


def prepare(leading: Leading, prepared: Prepared, seen: int) -> int:
    """Hold an item for a transaction whose conditions were evaluated on the version `seen`; returns the kernel's verdict.

    It is held once all of the log is committed (`when_committed`). An item that is held for it already is accepted again.
    In a partition that only waits for the end of such holds, since it merges, others are in the way.
    """
    state, key = leading.state, prepared.key
    item = item_of(state, key)
    asked = transactions.Asked(prepared.transaction, prepared.instant, prepared.action, 0)
    holds = transactions.is_unchanged(item, NEVER_FORGOT, seen)
    verdict = transactions.verdict(item, NEVER_FORGOT, asked, holds)
    if verdict == transactions.ACCEPTED and not item.held:
        if leading.merge.takes_no_transactions:
            return transactions.CONFLICT
        transactions.prepare(item, NEVER_FORGOT, asked, holds)
        leading.append(prepared)
    return verdict


def settle(leading: Leading, key: bytes, transaction: int, region_number: int, *, committed: bool) -> None:
    """The decision on a transaction reaches one of its items, perhaps again; it is known there once the log is committed."""
    state = leading.state
    item, prepared = item_of(state, key), state.pending.get(key)
    if prepared is None or not transactions.is_pending(item, transaction):
        return
    if not committed:
        transactions.cancel(item, transaction)
        leading.settle(Settled(transaction, key))
        return
    after = transactions.commit(item, NEVER_FORGOT, transaction)
    if prepared.action == transactions.CHECK or not (item.exists or after.exists):
        # What was checked, or was to be deleted and is not there: nothing changes but the timestamp.
        leading.settle(Settled(transaction, key, None, after.latest_milliseconds))
        return
    change = Change(
        key,
        prepared.item if after.exists else None,
        prepared.size_bytes if after.exists else 0,
        version_at(after.latest_milliseconds, region_number),
        leading.replica.environment.wall_milliseconds(),
    )
    leading.settle(Settled(transaction, key, change))
