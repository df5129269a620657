"""Transactions: what an item's partition, the ledger and a coordinator may do, for writes and for reads of many items.

Sources: TX-02 and TX-11 (all of a transaction or nothing, wherever its items are; no two actions on one item), TX-03
(serializable among each other and with reads and writes of single items), TX-04 (client tokens), TX-05 (a conflict is
an error), TX-07 (a transactional read is one snapshot), TX-09 (condition checks). The protocol follows "Distributed
Transactions at Scale in Amazon DynamoDB" (USENIX ATC 2023): a transaction is sent whole, gets one timestamp, and is
*prepared* at every item's partition; when all have accepted, the *ledger* is told that it is committed, and then
every partition is told. One version of each item is kept, and nothing waits: what is in the way is an error.

An item accepts a transaction if that is later than the item's latest write or check, if no other is pending, and if
its condition holds. Until it is committed or cancelled there, no write gets in; reads of the single item go on and see
the version before. A write of a single item takes a timestamp after the item's latest. So the timestamps along an
item's versions rise whatever clocks say: a clock that is wrong makes transactions fail, and nothing else.

The ledger has one record for each client token, and its state changes once from *running*: whoever carries a decision
out has read it there. Several coordinators may be at it at the same time. A record may go when every item has answered
that it knows the decision, and ten minutes after that. Who finds a transaction pending of which there is no record
takes it to be cancelled: if it had been committed, no item could have it pending any more.

Read transactions write nothing: each item is looked at twice, and if no version has changed and nothing is pending at
the second look, the versions were all there at one moment in between. That the first look refuses, too, what is pending
only saves a second that would be in vain.

Ours, as far as we know the paper, which we have second-hand: a partition keeps of items that it has forgotten not only
the highest timestamp but the highest version as well. Else an item that was made and deleted between the looks would seem
untouched. Timestamps of another partition come along when items move. A cancelled transaction keeps its token for the
ten minutes, as a committed one does. Another body under a token that is running is told of the mismatch.

What the caller brings: conditions are evaluated on the version that stands (`read`), attributes are kept by number
(`value`), and a transaction's number is never given twice and leads to its token. Beside `backup`: a partition
prepares in both, its log there and the item here; the timestamp then has to suit both, for which `write` takes the
log's `commit_timestamp` as its clock, and a coordinator asks `backup.may_decide` before it decides to commit. `backup`
allows a partition one prepared transaction at a time, and no later write meanwhile; here only the items themselves are
held, so beside it less gets through, and nothing else changes.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.refusal import require

TOKEN_MILLISECONDS = 600_000

# What an action does to its item.
CHECK, PUT, DELETE = 0, 1, 2
# What a partition answers when it is asked to prepare.
ACCEPTED, CONFLICT, CONDITION_FALSE = 1, 2, 3
# The state of a record in the ledger.
ABSENT, RUNNING, COMMITTED, CANCELLED = 0, 1, 2, 3
# What a client is told of its request.
BEGUN, IN_PROGRESS, MISMATCH, SUCCEEDED, FAILED = 1, 2, 3, 4, 5


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What a transaction asks of one item: its own number and timestamp, and what it does with the item."""

    transaction: int
    instant_milliseconds: int
    action: int
    value: int


class Item(msgspec.Struct, frozen=True, gc=False):
    """An item as its partition keeps it; `kept` is false where the partition knows nothing of it.

    An item that was deleted or only checked may be kept without being there (`exists`). `latest_milliseconds` is the
    timestamp of its latest write or check; `pending` is what is prepared on it, if `held`.
    """

    kept: bool
    exists: bool
    value: int
    version: int
    latest_milliseconds: int
    held: bool
    pending: Asked


class Shown(msgspec.Struct, frozen=True, gc=False):
    """What a reader gets of an item."""

    exists: bool
    value: int


class Forgotten(msgspec.Struct, frozen=True, gc=False):
    """The highest version and timestamp of the items that a partition has forgotten."""

    version: int
    latest_milliseconds: int


class Record(msgspec.Struct, frozen=True, gc=False):
    """The ledger's record for a client token. `content` is a digest of the body.

    `finished` says that every item knows the decision; from then on the ten minutes are counted.
    """

    state: int
    transaction: int
    content: int
    instant_milliseconds: int
    finished: bool
    finished_milliseconds: int


NOTHING = Asked(0, 0, CHECK, 0)
UNKNOWN_ITEM = Item(False, False, 0, 0, 0, False, NOTHING)
NEVER_FORGOT = Forgotten(0, 0)
NO_RECORD = Record(ABSENT, 0, 0, 0, False, 0)


# An item at its partition.


def version_of(item: Item, forgotten: Forgotten) -> int:
    """The version that stands; of an item that is not known, as high as it may have been."""
    if item.kept:
        return item.version
    return forgotten.version


def latest_of(item: Item, forgotten: Forgotten) -> int:
    """The timestamp of the latest write or check; of an item that is not known, as high as it may have been."""
    if item.kept:
        return item.latest_milliseconds
    return forgotten.latest_milliseconds


def read(item: Item) -> Shown:
    """What a read of the single item is answered, at once: the version that stands, whatever is pending."""
    return Shown(item.exists, item.value)


def is_pending(item: Item, transaction: int) -> bool:
    """True while the transaction is prepared here and neither committed nor cancelled here."""
    return item.held and item.pending.transaction == transaction


def verdict(item: Item, forgotten: Forgotten, asked: Asked, condition_holds: bool) -> int:
    """What a partition answers to a request to prepare. `condition_holds` is of the version that stands."""
    if item.held:
        if item.pending.transaction == asked.transaction:
            return ACCEPTED
        return CONFLICT
    if asked.instant_milliseconds <= latest_of(item, forgotten):
        return CONFLICT
    if not condition_holds:
        return CONDITION_FALSE
    return ACCEPTED


def prepare(item: Item, forgotten: Forgotten, asked: Asked, condition_holds: bool) -> Item:
    """The item is held for the transaction; to be durable before it is answered, and no harm if it comes twice.

    Raises NotAllowed unless the verdict is that it is accepted.
    """
    require(verdict(item, forgotten, asked, condition_holds) == ACCEPTED)
    return Item(item.kept, item.exists, item.value, item.version, item.latest_milliseconds, True, asked)


def commit(item: Item, forgotten: Forgotten, transaction: int) -> Item:
    """The decision to commit reaches the item, perhaps again: if the transaction is pending, it takes effect.

    A check leaves the version as it is and moves the timestamp on.
    """
    if not is_pending(item, transaction):
        return item
    asked, version = item.pending, version_of(item, forgotten)
    if asked.action == CHECK:
        return Item(True, item.exists, item.value, version, asked.instant_milliseconds, False, NOTHING)
    exists = asked.action == PUT
    return Item(True, exists, asked.value, version + 1, asked.instant_milliseconds, False, NOTHING)


def cancel(item: Item, transaction: int) -> Item:
    """The decision to cancel reaches the item, perhaps again, perhaps before it was asked to prepare."""
    if not is_pending(item, transaction):
        return item
    return Item(item.kept, item.exists, item.value, item.version, item.latest_milliseconds, False, NOTHING)


def write(item: Item, forgotten: Forgotten, action: int, value: int, now_milliseconds: int) -> Item:
    """A write of the single item, whose condition holds. Raises NotAllowed while a transaction is pending."""
    require(not item.held)
    require(action != CHECK)
    instant = instants.higher(now_milliseconds, latest_of(item, forgotten) + 1)
    return Item(True, action == PUT, value, version_of(item, forgotten) + 1, instant, False, NOTHING)


def forget(item: Item, forgotten: Forgotten) -> tuple[Item, Forgotten]:
    """Keep nothing of an item that is not there any more. Raises NotAllowed if it is, or if something is pending."""
    require(not item.exists)
    require(not item.held)
    higher = Forgotten(
        instants.higher(forgotten.version, version_of(item, forgotten)),
        instants.higher(forgotten.latest_milliseconds, latest_of(item, forgotten)),
    )
    return UNKNOWN_ITEM, higher


def moved(forgotten: Forgotten, where_they_were: Forgotten) -> Forgotten:
    """What a partition has to know that takes items over from another, in a split or a merge."""
    return Forgotten(
        instants.higher(forgotten.version, where_they_were.version),
        instants.higher(forgotten.latest_milliseconds, where_they_were.latest_milliseconds),
    )


# Read transactions.


def first_look(item: Item, forgotten: Forgotten) -> int:
    """The version that a read transaction compares later. Raises NotAllowed while something is pending."""
    require(not item.held)
    return version_of(item, forgotten)


def is_unchanged(item: Item, forgotten: Forgotten, version: int) -> bool:
    """True if the item is still as the first look found it, and nothing is pending."""
    return not item.held and version_of(item, forgotten) == version


# A coordinator. Answers are counted in the order of the request, in which reasons are given, too.


def name_item(named: int, is_named: bool) -> int:
    """How many items a request names with one more. Raises NotAllowed if it names that item already."""
    require(not is_named)
    return named + 1


def have_all(named: int, answers: int) -> bool:
    """True if so many answers are those of all items."""
    return answers == named


# The ledger.


def has_lapsed(record: Record, now_milliseconds: int, clock_error_milliseconds: int) -> bool:
    """True if ten minutes have passed since the end, by two readings of clocks that may be off by the error."""
    until = record.finished_milliseconds + TOKEN_MILLISECONDS + 2 * clock_error_milliseconds
    return record.finished and now_milliseconds >= until


def answer(record: Record, content: int, now_milliseconds: int, clock_error_milliseconds: int) -> int:
    """What a request comes to whose client token has this record. BEGUN: it is new, and is to begin."""
    if record.state == ABSENT or has_lapsed(record, now_milliseconds, clock_error_milliseconds):
        return BEGUN
    if record.content != content:
        return MISMATCH
    if not record.finished:
        return IN_PROGRESS
    if record.state == COMMITTED:
        return SUCCEEDED
    return FAILED


def begin(transaction: int, content: int, instant_milliseconds: int) -> Record:
    """The record of a transaction whose request is to begin; to be durable before anything is asked to prepare."""
    return Record(RUNNING, transaction, content, instant_milliseconds, False, 0)


def is_of(record: Record, transaction: int) -> bool:
    """True if this is the transaction's record, and not that of another with the same token."""
    return record.state != ABSENT and record.transaction == transaction


def decided(record: Record, transaction: int, state: int) -> Record:
    """The record with the decision, COMMITTED or CANCELLED; of several that try at once one is allowed."""
    require(is_of(record, transaction))
    require(record.state == RUNNING)
    return Record(state, transaction, record.content, record.instant_milliseconds, False, 0)


def decide_to_commit(record: Record, transaction: int, named: int, accepted: int) -> Record:
    """All items have accepted. Raises NotAllowed if not, or if it is decided already."""
    require(have_all(named, accepted))
    return decided(record, transaction, COMMITTED)


def decide_to_cancel(record: Record, transaction: int) -> Record:
    """An item has refused, or whoever finds the transaction waits no longer. NotAllowed if it is decided already."""
    return decided(record, transaction, CANCELLED)


def decision(record: Record, transaction: int) -> int:
    """What items are to be told: COMMITTED or CANCELLED; RUNNING means that nothing is decided.

    `record` is what the ledger has under the transaction's token, or NO_RECORD.
    """
    if not is_of(record, transaction):
        return CANCELLED
    return record.state


def finish(record: Record, transaction: int, named: int, told: int, now_milliseconds: int) -> Record:
    """Every item has answered that it knows the decision; then the client is answered.

    Raises NotAllowed if nothing is decided, or if an answer is missing.
    """
    require(is_of(record, transaction))
    require(record.state != RUNNING)
    require(not record.finished)
    require(have_all(named, told))
    return Record(
        record.state, transaction, record.content, record.instant_milliseconds, True, now_milliseconds
    )


def drop(record: Record, now_milliseconds: int, clock_error_milliseconds: int) -> Record:
    """Nothing is kept of a token. Raises NotAllowed before its ten minutes are over."""
    require(has_lapsed(record, now_milliseconds, clock_error_milliseconds))
    return NO_RECORD
