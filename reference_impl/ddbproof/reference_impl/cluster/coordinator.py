"""The coordinator of a Region's transactions: begins them, decides, and finishes what was left behind.

The protocol is `model.kernel.transactions`, after the paper of 2023: the ledger has a record before any item is held; the
decision is what the ledger says; every item is told, and only then the client is answered. A coordinator is a request. When it
cannot go on, since too little of a partition or of the ledger is there, the request fails with UnavailableError, which says
nothing about the outcome, as if its machine had died; whoever finds the transaction pending later takes it up: the ledger says what
was decided, and if nothing was, it is cancelled. Transactions that were left behind are tried again every half second, too.

The instant of a transaction is later than the present and than all that stands of its items, so that only what happens in
between is in its way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from ddbproof.model.kernel import transactions
from ddbproof.model.kernel.refusal import NotAllowed
from ddbproof.reference_impl.cluster.ledger import Ledger, Ledgered, Named, number_key
from ddbproof.reference_impl.errors import InvariantError, TransactionConflictError, UnavailableError
from ddbproof.reference_impl.replication.entries import Prepared
from ddbproof.reference_impl.replication.transacting import instant_at

if TYPE_CHECKING:
    from ddbproof.reference_impl.cluster.scheduler import Scheduler
    from ddbproof.reference_impl.cluster.table_store import PartitionedTable

NO_REASON, CONFLICT_REASON = "None", "TransactionConflict"


class Step(NamedTuple):
    """What a transaction does with one item, an action of the kernel's; `seen` is the version that its condition holds for."""

    table_id: str
    key: bytes
    action: int
    item: bytes | None
    size_bytes: int
    seen: int


class Coordinator:
    """See above. `store` gives the data of a table, None once it is gone."""

    def __init__(
        self,
        ledger: Ledger,
        store: Callable[[str], PartitionedTable | None],
        scheduler: Scheduler,
    ) -> None:
        self.ledger = ledger
        self._store = store
        self._scheduler = scheduler
        self._numbers = count(1)

    def run(
        self,
        key: bytes | None,
        content: int,
        steps: Sequence[Step],
        read_units: tuple[tuple[str, float], ...],
    ) -> tuple[str, ...]:
        """Do all of it or nothing; returns the reason for each action if it is cancelled, nothing if it is done.

        `key` is where the ledger has the record of the request's client token, which may begin; `content` stands for the
        request's body. Raises UnavailableError when nobody knows yet which of the two it will be.
        """
        number = next(self._numbers)
        key = key or number_key(number)
        try:
            return self._run(key, number, content, steps, read_units)
        except UnavailableError:
            self._scheduler.at(self._scheduler.now_milliseconds, lambda _: self.finish(key, number))
            raise

    def _run(
        self,
        key: bytes,
        number: int,
        content: int,
        steps: Sequence[Step],
        read_units: tuple[tuple[str, float], ...],
    ) -> tuple[str, ...]:
        now_milliseconds = self._scheduler.now_milliseconds
        instant = max(instant_at(now_milliseconds), *(self._latest(step) + 1 for step in steps))
        named = tuple(Named(step.table_id, step.key) for step in steps)
        names = 0
        for one in named:
            names = transactions.name_item(names, one in named[:names])

        def begin(found: Ledgered | None) -> Ledgered:
            record = transactions.NO_RECORD if found is None else found.record
            if self.ledger.answer_to(record, content) != transactions.BEGUN:
                raise UnavailableError("the token stands for a transaction that nobody knew of a moment ago")
            return Ledgered(transactions.begin(number, content, instant), named, read_units)

        self.ledger.drop_old()
        self.ledger.change(key, begin)
        reasons = self._prepare(key, number, instant, steps)
        self.ledger.change(key, lambda found: _decided(found, number, reasons))
        self.finish(key, number)
        return reasons if CONFLICT_REASON in reasons else ()

    def _latest(self, step: Step) -> int:
        store = self._store(step.table_id)
        return 0 if store is None else store.latest_instant(step.key)

    def _prepare(self, key: bytes, number: int, instant: int, steps: Sequence[Step]) -> tuple[str, ...]:
        """Have every item held, or all up to the first that refuses; the reason for each action."""
        reasons = [NO_REASON] * len(steps)
        for place, step in enumerate(steps):
            prepared = Prepared(number, key, step.key, step.action, instant, step.item, step.size_bytes)
            if self._ask(step, prepared) != transactions.ACCEPTED:
                reasons[place] = CONFLICT_REASON
                break
        return tuple(reasons)

    def _ask(self, step: Step, prepared: Prepared) -> int:
        """What the item's partition answers; a table that is gone is in the way like an item that is held."""
        store = self._store(step.table_id)
        try:
            return transactions.CONFLICT if store is None else store.prepare(prepared, step.seen)
        except TransactionConflictError:
            return transactions.CONFLICT

    def finish(self, key: bytes, number: int) -> None:
        """See a transaction to its end, whoever began it; one that is not decided is cancelled.

        Raises UnavailableError when that cannot be done now.
        """
        found = self.ledger.get(key)
        if found is None or not transactions.is_of(found.record, number) or found.record.finished:
            return
        if transactions.decision(found.record, number) == transactions.RUNNING:
            reasons = (CONFLICT_REASON,) * len(found.named)
            found = self.ledger.change(key, lambda newest: _decided(newest, number, reasons))
        told, now_milliseconds = 0, self._scheduler.now_milliseconds
        away: UnavailableError | None = None
        for named in found.named:
            try:
                self._tell(named, number, found.record)
                told += 1
            except UnavailableError as error:
                # The others need not wait for it, and it may wait for them: one of two that merge does, while the other holds an item.
                away = error
        if away is not None:
            raise away

        def finished(newest: Ledgered | None) -> Ledgered:
            ledgered = _known(newest)
            record = transactions.finish(ledgered.record, number, len(ledgered.named), told, now_milliseconds)
            return ledgered.become(record)

        self.ledger.change(key, finished)

    def recover(self, table_id: str, prepared: Prepared) -> None:
        """Somebody has found an item held: nobody is at it any more. Raises UnavailableError when it has to stay so."""
        self.finish(prepared.ledger_key, prepared.transaction)
        if not transactions.is_of(self.ledger.record(prepared.ledger_key), prepared.transaction):
            # There is no record any more, or none came to be: had it been committed, no item could have it pending.
            self._tell(Named(table_id, prepared.key), prepared.transaction, transactions.NO_RECORD)

    def _tell(self, named: Named, number: int, record: transactions.Record) -> None:
        decision = transactions.decision(record, number)
        if decision == transactions.RUNNING:
            raise InvariantError("items are told what is not decided")
        store = self._store(named.table_id)
        if store is not None:
            store.settle(named.key, number, committed=decision == transactions.COMMITTED)


def _decided(found: Ledgered | None, number: int, reasons: tuple[str, ...]) -> Ledgered:
    """The record with the decision that the reasons come to."""
    ledgered = _known(found)
    try:
        if CONFLICT_REASON in reasons:
            record = transactions.decide_to_cancel(ledgered.record, number)
        else:
            accepted = reasons.count(NO_REASON)
            record = transactions.decide_to_commit(ledgered.record, number, len(ledgered.named), accepted)
    except NotAllowed:
        raise UnavailableError("somebody else has decided on the transaction") from None
    return ledgered.become(record, reasons)


def _known(found: Ledgered | None) -> Ledgered:
    if found is None:
        raise InvariantError("the record of a transaction that is not finished is gone")
    return found
