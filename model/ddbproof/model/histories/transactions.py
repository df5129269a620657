"""Are transactions serializable, and strictly so? By what each read, and the order of an item's versions.

Every write has a value of its own, and mostly it is known what it replaced: from a condition on the version, from the
old item, from a read of the item in the same transaction, or from reads of whole lists. Then an item's versions form
a chain, and between transactions there are edges: who replaced whose version (ww), who read whose (wr), who replaced what
was read (rw). A cycle of these is not serializable. With what each process did in turn as further edges it is not strongly
session serializable, and with the order of real time (graph.py) not strictly serializable. No cycle: any order that
respects the edges is a serial one, so ok is certain.

Blind writes start a chain of their own. The first chain comes before all others, but the order of these is open: cycles
are looked for without one; if there are none, some likely orders are tried. If one of them gives no cycle, it is ok. Else
it is unknown, but that the order which time demands of two chains can give a cycle that is not strict. Appends to a list that no read shows come after all that were read, in any order (after Elle, Kingsbury and
Alvaro 2020).

An ambiguous transaction happened if anything it wrote was read or replaced; otherwise it is left out. What an ambiguous
or failed transaction read is not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from ddbproof.model.histories.cycles import argued, worst_cycle
from ddbproof.model.histories.graph import Edges, Reason, order_of, real_time, residue, sessions
from ddbproof.model.histories.operations import (
    BEFORE_ALL,
    FOREVER,
    Ok,
    Operation,
    Step,
    Transaction,
    Unknown,
    Value,
    Verdict,
    Violation,
    told_value,
)

Version: TypeAlias = tuple[str, Value]


class Judgement(msgspec.Struct, frozen=True):
    """The verdict for each of three promises; each includes the one before."""

    serializable: Verdict
    session: Verdict
    strict: Verdict


def check(
    transactions: Sequence[Transaction],
    initial: Mapping[str, Value] | None = None,
    orders: Mapping[str, Sequence[Value]] | None = None,
) -> Judgement:
    """Judge transactions; `orders` has the versions of items as reads of whole lists showed them."""
    versions = _Versions(transactions, initial or {}, orders or {})
    problem = versions.note()
    if problem is not None:
        return Judgement(problem, problem, problem)
    edges = versions.edges()
    judgement = _judged(edges, transactions, versions.live)
    if not versions.unordered or isinstance(judgement.strict, Violation):
        return _with_doubt(judgement, versions)
    spans = {head: _span(versions, head) for heads in versions.unordered.values() for head in heads}
    for ranks in _likely(versions, edges, spans):
        tried = _judged(edges.joined(versions.guessed(ranks)), transactions, versions.live)
        if isinstance(tried.strict, Ok):
            return tried
    # What time demands of the order of chains is certain, as far as the strict promise goes.
    in_time = _judged(edges.joined(versions.demanded(spans)), transactions, versions.live).strict
    if isinstance(in_time, Violation):
        judgement = msgspec.structs.replace(judgement, strict=_by_time(in_time))
    return _with_doubt(judgement, versions)


def _by_time(found: Violation) -> Violation:
    """A cycle in which the order of versions is one that time demands."""
    name = found.anomaly.removesuffix("-session").removesuffix("-realtime")
    let = (
        *found.let,
        "versions in the order that time demands: what was seen before the other was asked for is first",
    )
    return msgspec.structs.replace(found, anomaly=f"{name}-realtime", let=let)


def single(operations: Sequence[Operation]) -> list[Transaction]:
    """Operations on single items as transactions; one that was refused and told the item is a read."""
    made = []
    for one in operations:
        seen = one.expected if one.kind == "cas" else one.seen
        outcome, steps = (
            one.outcome,
            [Step(one.key, "write", None if one.kind == "delete" else one.value, seen)],
        )
        if one.kind == "read":
            steps = [Step(one.key, "read", one.value)]
        elif one.seen is not UNSET and one.outcome == "fail":
            outcome, steps = "ok", [Step(one.key, "read", one.seen)]
        elif one.seen is not UNSET:
            steps.insert(0, Step(one.key, "read", one.seen))
        made.append(Transaction(one.process, tuple(steps), one.invoke, one.returned, outcome))
    return made


def _judged(edges: Edges, transactions: Sequence[Transaction], live: Sequence[int]) -> Judgement:
    count = len(transactions)
    in_turn = edges.joined(sessions(transactions, live))
    in_time = in_turn.joined(real_time(transactions, live))
    good = Ok(count)
    if not residue(in_time, 2 * count):
        return Judgement(good, good, good)
    strict = worst_cycle(in_time, 2 * count, transactions) or good
    session = worst_cycle(in_turn, count, transactions) or good
    serializable = good if isinstance(session, Ok) else worst_cycle(edges, count, transactions) or good
    return Judgement(serializable, session, strict)


def _with_doubt(judgement: Judgement, versions: _Versions) -> Judgement:
    """What is ok only as far as the order of versions is known is unknown."""
    if not versions.unordered:
        return judgement
    key = next(iter(versions.unordered))
    doubt = Unknown(
        f"in which order {len(versions.unordered[key])} writes to {told_value(key)} took effect is not known: they "
        "say nothing of what they replaced"
    )
    verdicts = (judgement.serializable, judgement.session, judgement.strict)
    return Judgement(*(one if isinstance(one, Violation) else doubt for one in verdicts))


# -- versions ---------------------------------------------------------------------------------------------


class _Versions:
    """Who wrote, read and replaced which version."""

    def __init__(
        self,
        transactions: Sequence[Transaction],
        initial: Mapping[str, Value],
        orders: Mapping[str, Sequence[Value]],
    ) -> None:
        self.transactions = transactions
        self.initial = initial
        self.orders = orders
        self.writer: dict[Version, int] = {}
        self.given_up: dict[Version, int] = {}
        self.passing: dict[Version, int] = {}
        self.previous: dict[Version, Value] = {}
        self.following: dict[Version, Value] = {}
        self.readers: dict[Version, list[int]] = {}
        self.written: list[list[Version]] = [[] for _ in transactions]
        self.live: list[int] = []
        self.blind: dict[str, list[Version]] = {}
        self.unordered: dict[str, list[Version]] = {}
        self.certain = Edges()

    def note(self) -> Violation | Unknown | None:
        """Go through all transactions; what is wrong whatever the order of versions."""
        for number, one in enumerate(self.transactions):
            wrong = None if one.outcome == "fail" else _against_itself(one)
            if wrong is not None and one.outcome == "ok":
                then = f"T{number} {wrong}"
                return Violation("internal", (number,), self._named(number), (then,))
            if wrong is not None or one.outcome == "fail":
                self.given_up.update(
                    ((step.key, step.value), number) for step in one.steps if step.kind == "write"
                )
                continue
            problem = self._note_one(number, one)
            if problem is not None:
                return problem
        self._note_orders()
        return self._note_live() or self._note_chains()

    def _note_one(self, number: int, one: Transaction) -> Unknown | None:
        own: dict[str, Value] = {}
        base: dict[str, Value | UnsetType] = {}
        for step in one.steps:
            key, value = step.key, step.value
            version = (key, value)
            if step.kind == "read":
                if key not in own and one.outcome == "ok":
                    self.readers.setdefault(version, []).append(number)
                    base[key] = value
                continue
            if value is None:
                return Unknown(f"T{number} deletes {told_value(key)}: that leaves no value of its own")
            if version in self.writer or version in self.passing or value == self.initial.get(key):
                return Unknown(
                    f"T{number} writes {told_value(value)} to {told_value(key)}, which is not its own"
                )
            if key in own:
                self.passing[key, own[key]] = number
                del self.writer[key, own[key]]
            elif step.seen is not UNSET:
                base[key] = step.seen
            self.writer[version] = number
            own[key] = value
        for key, value in own.items():
            self.written[number].append((key, value))
            before = base.get(key, UNSET)
            if before is not UNSET and key not in self.orders:
                self.previous[key, value] = before
        return None

    def _note_orders(self) -> None:
        """Chains of lists: each element that its transaction left as the last comes after the last such."""
        for key, order in self.orders.items():
            before = self.initial.get(key)
            for value in order:
                if (key, value) in self.writer:
                    self.previous[key, value] = before
                    before = value
            for earlier, later in pairwise(order):
                first, second = (self._writer_of((key, value)) for value in (earlier, later))
                if first is not None and second is not None:
                    self.certain.add(first, second, Reason.REPLACED, (key, earlier, later))

    def _writer_of(self, version: Version) -> int | None:
        return self.writer.get(version, self.passing.get(version))

    def _note_live(self) -> Violation | None:
        """Which ambiguous transactions happened; nobody may find what was not written, or not for good."""
        happened = [one.outcome == "ok" for one in self.transactions]
        waiting: list[int] = []

        def found(version: Version, by: int) -> Violation | None:
            writer = self.writer.get(version)
            if writer is None:
                return None if version[1] == self.initial.get(version[0]) else self._phantom(version, by)
            if not happened[writer]:
                happened[writer] = True
                waiting.append(writer)
            return None

        for version, readers in self.readers.items():
            problem = found(version, readers[0])
            if problem is not None:
                return problem
        for key, order in self.orders.items():
            for value in order:
                reader = self.readers[key, order[-1]][0]
                problem = None if (key, value) in self.passing else found((key, value), reader)
                if problem is not None:
                    return problem
        waiting += [number for number, sure in enumerate(happened) if sure]
        while waiting:
            number = waiting.pop()
            for version in self.written[number]:
                if version in self.previous:
                    problem = found((version[0], self.previous[version]), number)
                    if problem is not None:
                        return problem
        self.live = [number for number, sure in enumerate(happened) if sure]
        return None

    def _note_chains(self) -> Violation | None:
        """Each version is replaced at most once; versions of which nothing is known start a chain."""
        for number in self.live:
            for version in self.written[number]:
                key, value = version
                if version not in self.previous:
                    self.blind.setdefault(key, []).append(version)
                    continue
                replaced = (key, self.previous[version])
                if replaced in self.following:
                    return self._lost_update(replaced, number)
                self.following[replaced] = value
        self.unordered = {
            key: heads for key, heads in self.blind.items() if len(heads) > 1 and key not in self.orders
        }
        return None

    # -- edges --------------------------------------------------------------------------------------------

    def edges(self) -> Edges:
        """What certainly comes before what."""
        edges = self.certain.joined()
        for version, readers in self.readers.items():
            writer = self.writer.get(version)
            if writer is not None:
                subject = (*version, None)
                edges.all += [
                    (writer, reader, Reason.READ, subject) for reader in readers if reader != writer
                ]
        for (key, before), after in self.following.items():
            self._replaced(edges, key, before, after)
        for key, heads in self.blind.items():
            last = self.tail((key, self.initial.get(key)))[1]
            for _, value in heads:
                self._replaced(edges, key, last, value)
        return edges

    def _replaced(self, edges: Edges, key: str, before: Value, after: Value) -> None:
        target, subject = self.writer[key, after], (key, before, after)
        source = self.writer.get((key, before))
        if source is not None:
            edges.add(source, target, Reason.REPLACED, subject)
        readers = self.readers.get((key, before), ())
        edges.all += [(reader, target, Reason.OVERTAKEN, subject) for reader in readers if reader != target]

    def tail(self, version: Version) -> Version:
        """The last version of a chain. (One that is a ring has a cycle of edges, and is never walked along.)"""
        key, value = version
        while (key, value) in self.following:
            value = self.following[key, value]
        return key, value

    def guessed(self, ranks: Mapping[Version, float]) -> Edges:
        """Edges for chains one after the other, in the order of the ranks of their heads."""
        edges = Edges()
        for key, heads in self.unordered.items():
            ordered = sorted(heads, key=lambda head: ranks[head])
            for earlier, later in pairwise(ordered):
                self._replaced(edges, key, self.tail(earlier)[1], later[1])
        return edges

    def demanded(self, spans: Mapping[Version, tuple[int, int]]) -> Edges:
        """Edges for neighbours of which one has an operation that returned before one of the other was invoked."""
        edges = Edges()
        for key, heads in self.unordered.items():
            for pair in pairwise(sorted(heads, key=lambda head: sum(spans[head]))):
                for earlier, later in (pair, pair[::-1]):
                    if spans[earlier][0] < spans[later][1]:
                        self._replaced(edges, key, self.tail(earlier)[1], later[1])
        return edges

    # -- what is wrong ------------------------------------------------------------------------------------

    def _named(self, *numbers: int) -> tuple[str, ...]:
        return tuple(f"T{number} = {self.transactions[number].told()}" for number in numbers)

    def _phantom(self, version: Version, by: int) -> Violation:
        key, value = version
        words = f"T{by} found {told_value(value)} in {told_value(key)}"
        for name, where, why in (
            ("G1a", self.given_up, "which wrote it, did not happen"),
            ("G1b", self.passing, "which wrote it, then wrote something else there"),
        ):
            culprit = where.get(version)
            if culprit is not None and culprit != by:
                then = f"{words}, but T{culprit}, {why}"
                return Violation(name, (culprit, by), self._named(culprit, by), (then,), key)
        return Violation("phantom", (by,), self._named(by), (f"{words}, which nobody wrote",), key)

    def _lost_update(self, replaced: Version, second: int) -> Violation:
        key, before = replaced
        first = self.writer[key, self.following[replaced]]
        mine = next(value for item, value in self.written[second] if item == key)
        links = [
            (first, second, Reason.OVERTAKEN, (key, before, mine)),
            (second, first, Reason.OVERTAKEN, (key, before, self.following[replaced])),
        ]
        found = argued("lost update", links, self.transactions)
        return msgspec.structs.replace(found, key=key)


def _against_itself(one: Transaction) -> str | None:
    """What a transaction found that contradicts what it had itself read or written, or was about to write."""
    if len({step.key for step in one.steps}) == len(one.steps):
        # As always with DynamoDB, no item twice.
        same = [step for step in one.steps if step.kind == "write" and step.seen == step.value]
        return (
            f"found {told_value(same[0].value)} in {told_value(same[0].key)} before it wrote that"
            if same
            else None
        )
    holds: dict[str, Value] = {}
    to_come = {(step.key, step.value) for step in one.steps if step.kind == "write"}
    for step in one.steps:
        reads = step.kind == "read"
        found = UNSET if reads and one.outcome == "info" else step.value if reads else step.seen
        if found is not UNSET:
            if holds.setdefault(step.key, found) != found:
                return (
                    f"found {told_value(found)} in {told_value(step.key)} after {told_value(holds[step.key])}"
                )
            if (step.key, found) in to_come:
                return f"found {told_value(found)} in {told_value(step.key)} before it wrote that"
        if not reads:
            holds[step.key] = step.value
            to_come.discard((step.key, step.value))
    return None


def _span(versions: _Versions, head: Version) -> tuple[int, int]:
    """The first return and the last invoke of all who wrote or read a version of this chain."""
    first, last = FOREVER, BEFORE_ALL
    key, value = head
    while True:
        for number in (versions.writer[key, value], *versions.readers.get((key, value), ())):
            one = versions.transactions[number]
            first, last = min(first, one.returned), max(last, one.invoke)
        if (key, value) not in versions.following:
            return first, last
        value = versions.following[key, value]


def _likely(
    versions: _Versions, edges: Edges, spans: Mapping[Version, tuple[int, int]]
) -> Iterable[dict[Version, float]]:
    """Orders of chains to try: by the middle of the time each was certainly there, and by what depends on what."""
    yield {head: sum(span) / 2 for head, span in spans.items()}
    count = len(versions.transactions)
    order = order_of(edges.joined(real_time(versions.transactions, versions.live)), 2 * count)
    if order is not None:
        place = {number: rank for rank, number in enumerate(order)}
        yield {head: place[versions.writer[head]] for head in spans}
