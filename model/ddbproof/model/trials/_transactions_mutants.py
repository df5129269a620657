"""Wrong kernels of the system `transactions`, each to be killed by a trace, and another right one."""

from __future__ import annotations

from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.transactions import (
    ABSENT,
    CANCELLED,
    CHECK,
    CONFLICT,
    NO_RECORD,
    NOTHING,
    PUT,
    RUNNING,
    Asked,
    Forgotten,
    Item,
    Record,
    Shown,
)
from ddbproof.model.kernel.transactions import ACCEPTED as YES
from ddbproof.model.kernel.transactions import BEGUN as NEW
from ddbproof.model.kernel.transactions import COMMITTED as FOR_GOOD
from ddbproof.model.kernel.transactions import CONDITION_FALSE as NOT_SO
from ddbproof.model.kernel.transactions import FAILED as NO_LUCK
from ddbproof.model.kernel.transactions import IN_PROGRESS as WAIT
from ddbproof.model.kernel.transactions import MISMATCH as OTHER_BODY
from ddbproof.model.kernel.transactions import SUCCEEDED as LUCK
from ddbproof.model.systems.transactions import system


@system.mutant("transactions.verdict")
def older_ones_are_accepted(item: Item, forgotten: Forgotten, asked: Asked, condition_holds: bool) -> int:
    """An item accepts a transaction that is older than its latest write."""
    if item.held:
        return YES if item.pending.transaction == asked.transaction else CONFLICT
    return YES if condition_holds else NOT_SO


@system.mutant("transactions.verdict")
def takes_the_place_of_what_is_pending(
    item: Item, forgotten: Forgotten, asked: Asked, condition_holds: bool
) -> int:
    """An item that has a transaction pending accepts a later one."""
    latest = item.latest_milliseconds if item.kept else forgotten.latest_milliseconds
    if asked.instant_milliseconds <= latest:
        return CONFLICT
    return YES if condition_holds else NOT_SO


@system.mutant("transactions.write")
def a_single_write_ignores_what_is_pending(
    item: Item, forgotten: Forgotten, action: int, value: int, now_milliseconds: int
) -> Item:
    """A write of a single item gets in while a transaction is pending."""
    require(action != CHECK)
    version = item.version if item.kept else forgotten.version
    latest = item.latest_milliseconds if item.kept else forgotten.latest_milliseconds
    instant = max(now_milliseconds, latest + 1)
    return Item(True, action == PUT, value, version + 1, instant, item.held, item.pending)


@system.mutant("transactions.write")
def a_single_write_takes_the_clocks_word(
    item: Item, forgotten: Forgotten, action: int, value: int, now_milliseconds: int
) -> Item:
    """A write of a single item is stamped by the clock, although the item has a later timestamp."""
    require(not item.held)
    require(action != CHECK)
    version = item.version if item.kept else forgotten.version
    return Item(True, action == PUT, value, version + 1, now_milliseconds, False, NOTHING)


@system.mutant("transactions.decision")
def recovery_takes_it_to_be_cancelled(record: Record, transaction: int) -> int:
    """Whoever takes over tells the items to cancel what is not decided, and does not tell the ledger."""
    return FOR_GOOD if record.state == FOR_GOOD and record.transaction == transaction else CANCELLED


@system.mutant("transactions.decision")
def recovery_takes_it_to_be_committed(record: Record, transaction: int) -> int:
    """Whoever takes over commits what is not decided."""
    if record.transaction != transaction or record.state in (ABSENT, CANCELLED):
        return CANCELLED
    return FOR_GOOD


@system.mutant("transactions.decided")
def decided_again(record: Record, transaction: int, state: int) -> Record:
    """The later of two decisions counts."""
    require(record.state != ABSENT and record.transaction == transaction)
    return Record(state, transaction, record.content, record.instant_milliseconds, False, 0)


@system.mutant("transactions.decide_to_commit")
def commits_what_was_refused(record: Record, transaction: int, named: int, accepted: int) -> Record:
    """A coordinator commits with the answers that it has."""
    require(record.state == RUNNING and record.transaction == transaction)
    return Record(FOR_GOOD, transaction, record.content, record.instant_milliseconds, False, 0)


@system.mutant("transactions.commit")
def committed_twice(item: Item, forgotten: Forgotten, transaction: int) -> Item:
    """The decision takes effect as often as it arrives."""
    if not item.held or item.pending.transaction != transaction:
        return item
    asked, version = item.pending, item.version if item.kept else forgotten.version
    exists = asked.action == PUT
    return Item(True, exists, asked.value, version + 1, asked.instant_milliseconds, True, asked)


@system.mutant("transactions.commit")
def a_check_leaves_no_trace(item: Item, forgotten: Forgotten, transaction: int) -> Item:
    """A check that is committed does not move the item's timestamp on."""
    if not item.held or item.pending.transaction != transaction:
        return item
    asked, version = item.pending, item.version if item.kept else forgotten.version
    if asked.action == CHECK:
        return Item(
            item.kept, item.exists, item.value, item.version, item.latest_milliseconds, False, NOTHING
        )
    exists = asked.action == PUT
    return Item(True, exists, asked.value, version + 1, asked.instant_milliseconds, False, NOTHING)


@system.mutant("transactions.prepare")
def a_check_does_not_hold_the_item(
    item: Item, forgotten: Forgotten, asked: Asked, condition_holds: bool
) -> Item:
    """An item that is only checked is not held until the decision."""
    latest = item.latest_milliseconds if item.kept else forgotten.latest_milliseconds
    require(not item.held or item.pending.transaction == asked.transaction)
    require(item.held or (asked.instant_milliseconds > latest and condition_holds))
    held = item.held or asked.action != CHECK
    stands = asked if held else NOTHING
    return Item(item.kept, item.exists, item.value, item.version, item.latest_milliseconds, held, stands)


@system.mutant("transactions.forget")
def a_delete_forgets_the_timestamp(item: Item, forgotten: Forgotten) -> tuple[Item, Forgotten]:
    """Nothing is kept of the timestamp of an item that was deleted."""
    require(not item.exists and not item.held)
    version = item.version if item.kept else forgotten.version
    unknown = Item(False, False, 0, 0, 0, False, NOTHING)
    return unknown, Forgotten(max(forgotten.version, version), forgotten.latest_milliseconds)


@system.mutant("transactions.forget")
def a_delete_forgets_the_version(item: Item, forgotten: Forgotten) -> tuple[Item, Forgotten]:
    """A partition keeps the highest timestamp of deleted items, and versions begin anew."""
    require(not item.exists and not item.held)
    latest = item.latest_milliseconds if item.kept else forgotten.latest_milliseconds
    unknown = Item(False, False, 0, 0, 0, False, NOTHING)
    return unknown, Forgotten(forgotten.version, max(forgotten.latest_milliseconds, latest))


@system.mutant("transactions.moved")
def a_split_forgets_what_was_deleted(forgotten: Forgotten, where_they_were: Forgotten) -> Forgotten:
    """A partition that takes items over knows nothing of those that were deleted."""
    return forgotten


@system.mutant("transactions.is_unchanged")
def one_look_is_enough(item: Item, forgotten: Forgotten, version: int) -> bool:
    """The second look compares nothing."""
    return True


@system.mutant("transactions.is_unchanged")
def the_second_look_ignores_what_is_pending(item: Item, forgotten: Forgotten, version: int) -> bool:
    """Only versions are compared."""
    return (item.version if item.kept else forgotten.version) == version


@system.mutant("transactions.read")
def reads_what_is_pending(item: Item) -> Shown:
    """A read shows what is prepared."""
    if item.held and item.pending.action != CHECK:
        return Shown(item.pending.action == PUT, item.pending.value)
    return Shown(item.exists, item.value)


@system.mutant("transactions.has_lapsed")
def forgotten_too_early(record: Record, now_milliseconds: int, clock_error_milliseconds: int) -> bool:
    """A token counts until its transaction is finished."""
    return record.finished


@system.mutant("transactions.has_lapsed")
def one_clock_error_is_enough(record: Record, now_milliseconds: int, clock_error_milliseconds: int) -> bool:
    """The ten minutes are counted as if only one of the two readings could be off."""
    until = record.finished_milliseconds + 600_000 + clock_error_milliseconds
    return record.finished and now_milliseconds >= until


@system.mutant("transactions.finish")
def finished_before_all_know(
    record: Record, transaction: int, named: int, told: int, now_milliseconds: int
) -> Record:
    """The client is answered as soon as it is decided."""
    require(record.state in (FOR_GOOD, CANCELLED) and record.transaction == transaction)
    require(not record.finished)
    return Record(
        record.state, transaction, record.content, record.instant_milliseconds, True, now_milliseconds
    )


@system.mutant("transactions.answer")
def bodies_are_not_compared(
    record: Record, content: int, now_milliseconds: int, clock_error_milliseconds: int
) -> int:
    """Whatever comes with a known token is a repetition."""
    until = record.finished_milliseconds + 600_000 + 2 * clock_error_milliseconds
    if record.state == ABSENT or (record.finished and now_milliseconds >= until):
        return NEW
    if not record.finished:
        return WAIT
    return LUCK if record.state == FOR_GOOD else NO_LUCK


@system.mutant("transactions.answer")
def succeeds_before_it_is_finished(
    record: Record, content: int, now_milliseconds: int, clock_error_milliseconds: int
) -> int:
    """A repetition is told of the decision as soon as there is one."""
    until = record.finished_milliseconds + 600_000 + 2 * clock_error_milliseconds
    if record.state == ABSENT or (record.finished and now_milliseconds >= until):
        return NEW
    if record.content != content:
        return OTHER_BODY
    if record.state == RUNNING:
        return WAIT
    return LUCK if record.state == FOR_GOOD else NO_LUCK


@system.mutant("transactions.name_item")
def an_item_twice(named: int, is_named: bool) -> int:
    """Two actions of a request may name one item."""
    return named + 1


@system.mutant("transactions.drop", harmless=True)
def drops_a_little_later(record: Record, now_milliseconds: int, clock_error_milliseconds: int) -> Record:
    """A record is kept for a second more than it has to be."""
    until = record.finished_milliseconds + 601_000 + 2 * clock_error_milliseconds
    require(record.finished and now_milliseconds >= until)
    return NO_RECORD
