"""The ledger of transactions of a Region: for each, what was decided, and which items have to know.

It is a replication group of its own, with a replica in three Availability Zones, like any partition; the first transaction
makes it. A transaction has one record, under its client token, or a name of its own if it has none. What may become of a record
says `model.kernel.transactions`; here it is kept, and dropped after its ten minutes.

A record is durable when `change` returns. When that raises UnavailableError it may be durable or not: whoever reads the ledger
next finds out.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable

import msgspec

from ddbproof.model.kernel import transactions
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.zones import Fleet

_CLOCK_ERROR_MILLISECONDS = 0  # an endpoint has one clock
_DROPPED_AT_ONCE = 4


class Named(msgspec.Struct, frozen=True, array_like=True):
    """An item that a transaction names, in the order of the request."""

    table_id: str
    key: bytes


class Ledgered(msgspec.Struct, frozen=True, array_like=True):
    """A transaction's record with what the kernel does not look at.

    `read_units` are what reading its items costs, by table, for answers to repetitions; `reasons` the code of each action,
    once it is cancelled.
    """

    record: transactions.Record
    named: tuple[Named, ...]
    read_units: tuple[tuple[str, float], ...] = ()
    reasons: tuple[str, ...] = ()

    def become(self, record: transactions.Record, reasons: tuple[str, ...] = ()) -> Ledgered:
        """The same transaction, further on."""
        return Ledgered(record, self.named, self.read_units, reasons or self.reasons)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Ledgered).decode


def token_key(account: str, token: str) -> bytes:
    """Where the record of a client token is: tokens belong to one account in one Region."""
    return b"token " + hashlib.sha256(f"{account} {token}".encode()).digest()


def number_key(transaction: int) -> bytes:
    """Where the record of a transaction without a token is."""
    return b"number" + transaction.to_bytes(8, "big")


class Ledger:
    """See above. Whatever is asked of it may raise UnavailableError. `now` gives the present instant."""

    def __init__(self, fleet: Fleet, seed: str, now: Callable[[], int], *, recording: bool) -> None:
        self._fleet = fleet
        self._seed = seed
        self._now = now
        self._recording = recording
        self._groups: TableGroups | None = None
        self._finished: deque[bytes] = deque()  # where records are that may be dropped one day, oldest first

    @property
    def is_there(self) -> bool:
        """True once there has been a transaction."""
        return self._groups is not None

    @property
    def groups(self) -> TableGroups:
        """The replication group, as it is now."""
        if self._groups is None:
            self._groups = TableGroups(
                self._fleet,
                lambda *_: None,
                f"{self._seed} ledger",
                self._now(),
                1,
                recording=self._recording,
            )
        self._groups.attend(self._now())
        return self._groups

    def get(self, key: bytes) -> Ledgered | None:
        """The record there, if there is one: a strongly consistent read."""
        groups = self.groups
        leading = groups.serving(key)
        groups.settle(leading, leading.shown(key))
        image = leading.state.fold.items.get(key)
        return None if image is None else _decode(image.item)

    def record(self, key: bytes) -> transactions.Record:
        """The kernel's record there, or that there is none."""
        found = self.get(key)
        return transactions.NO_RECORD if found is None else found.record

    def answer(self, key: bytes, content: int) -> tuple[int, Ledgered | None]:
        """What a request under a token comes to, by the kernel; with the record, if it says something of that request."""
        found = self.get(key)
        answer = self.answer_to(transactions.NO_RECORD if found is None else found.record, content)
        return answer, None if answer == transactions.BEGUN else found

    def answer_to(self, record: transactions.Record, content: int) -> int:
        """The same of a record that was read."""
        return transactions.answer(record, content, self._now(), _CLOCK_ERROR_MILLISECONDS)

    def change(self, key: bytes, step: Callable[[Ledgered | None], Ledgered]) -> Ledgered:
        """Let a record become what `step` makes of it, durably; returns that.

        What it is given may not be durable yet, and is when this returns. What `step` raises is raised, and nothing done.
        """
        groups = self.groups
        leading = groups.serving(key)
        image = leading.state.fold.items.get(key)
        ledgered = step(None if image is None else _decode(image.item))
        item = _encode(ledgered)
        if ledgered.record.finished:
            self._finished.append(key)  # now: what is written may be durable without anybody being told
        groups.write(leading, leading.change(key, item, len(item)))
        return ledgered

    def drop_old(self) -> None:
        """Drop some records whose ten minutes are over."""
        for _ in range(min(_DROPPED_AT_ONCE, len(self._finished))):
            key = self._finished[0]
            record = self.record(key)
            # A token may have come to stand for another transaction, which has a later place of its own.
            if record.finished:
                if not transactions.has_lapsed(record, self._now(), _CLOCK_ERROR_MILLISECONDS):
                    return
                transactions.drop(record, self._now(), _CLOCK_ERROR_MILLISECONDS)
                groups = self.groups
                leading = groups.serving(key)
                groups.write(leading, leading.change(key, None, 0))
            self._finished.popleft()
