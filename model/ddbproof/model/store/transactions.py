"""Transactions: what a request for many items may be answered, and what the store is after it.

A transaction is done completely or not at all (TX-02), over all its tables (TX-11). It is cancelled if one of its
conditions does not hold, with a reason for each action in their order (TX-05): None where nothing was wrong. Whether
all that was wrong is told or only a part is said nowhere. Two actions on one item are refused, as a request that is not
valid or as a transaction that is cancelled: the documentation has both.

A client token counts for ten minutes from the end of the first request that used it (TX-04). In that time a repetition
succeeds and changes nothing, and another request is refused. Of a token whose transaction was *cancelled* the
documentation says less: a repetition may be tried again or be told the same, another request may be taken as new or
not. A request that was refused otherwise has not used its token here.

Elsewhere a transaction is no transaction. Other Regions get its changes one by one (ME-15), for which nothing has to be
said here: a transaction's changes are changes like others. Backups may have a part of it within their band (TX-06,
BK-03), and restores while it propagates (RS-08), `history.seen_by_restore`.

The answer to a transaction tells nothing of what its items held. Where that was not known and matters, two stores have one
answer; then `tells_all` is False, and whoever drives an endpoint had better not ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Literal

from ddbproof.model.store.answers import DONE, Refused, Shown, Value
from ddbproof.model.store.operations import Condition, Outcome, Outcomes, Store

TOKEN_MILLISECONDS = 600_000

Kind = Literal["put", "add", "delete", "check"]


@dataclass(frozen=True, slots=True)
class Action:
    """What a transaction does with one item: put `number`, add it, delete the item, or nothing but check the condition.

    Two requests are the same if their actions are equal, so conditions have to compare by what they say.
    """

    kind: Kind
    table: str
    key: str
    number: int = 0
    condition: Condition | None = None

    def holds(self, held: Value) -> bool:
        """Whether the condition holds, if there is one."""
        return self.condition is None or self.condition(held)

    def after(self, held: Value) -> Value:
        """What the item is once the transaction is done."""
        match self.kind:
            case "put":
                return self.number
            case "add":
                return (held or 0) + self.number
            case "delete":
                return None
            case _:
                return held


@dataclass(frozen=True, slots=True)
class Token:
    """What a client token stands for since the instant `ended`: a transaction that was done, or some that were cancelled."""

    requests: frozenset[tuple[Action, ...]]
    ended: int
    done: bool


def transact_write(store: Store, region: str, actions: Sequence[Action], token: str = "") -> Outcomes:
    """TransactWriteItems in a Region, with a client token if there is one; shows nothing."""
    request = tuple(actions)
    first_time = _first_time(store, region, request, token)
    known = store.tokens.get((region, token)) if token else None
    error = store.promises.clock_error
    if known is None or store.now > known.ended + TOKEN_MILLISECONDS + error:
        return first_time
    remembered = _remembered(store, region, request, token, known)
    if known.done and store.now < known.ended + TOKEN_MILLISECONDS - error:
        # Which comes first, the token or what is wrong with the request, nobody says.
        return remembered + _refused_at_once(store, region, request)
    return _each_once([*first_time, *remembered])


def transact_get(store: Store, region: str, items: Sequence[tuple[str, str]]) -> Outcomes:
    """TransactGetItems: a tuple of what the items held at one moment, in the order of the request (TX-07, TX-08).

    `items` are pairs of table and key, each there once.
    """
    if any((region, table) not in store.tables for table, _ in items):
        return (Outcome(Refused("ResourceNotFoundException"), store),)
    nothing: tuple[Value, ...] = ()
    found = [(nothing, store)]
    for table, key in items:
        found = [
            ((*shown, value), after)
            for shown, before in found
            for value, after in before.values(region, table, key)
        ]
    return tuple(Outcome(Shown(shown), after) for shown, after in found)


def tells_all(outcomes: Outcomes) -> bool:
    """True if the answer tells which store it leaves."""
    return all(
        one.after == other.after
        for one, other in combinations(outcomes, 2)
        if isinstance(one.answer, Shown) and one.answer == other.answer
    )


def _first_time(store: Store, region: str, request: tuple[Action, ...], token: str) -> Outcomes:
    """The outcomes of a request that is not known from its token."""
    outcomes = list(_refused_at_once(store, region, request))
    refused = bool(outcomes)
    for held in product(*(_values(store, region, action) for action in request)):
        failing = [
            number
            for number, (action, value) in enumerate(zip(request, held, strict=True))
            if not action.holds(value)
        ]
        if failing:
            cancelled = store if refused else _with_token(store, region, request, token, done=False)
            outcomes += [Outcome(_cancelled(reasons), cancelled) for reasons in _reasons(request, failing)]
        elif not refused:
            outcomes.append(Outcome(DONE, _done(store, region, request, held, token)))
    return _each_once(outcomes)


def _remembered(store: Store, region: str, request: tuple[Action, ...], token: str, known: Token) -> Outcomes:
    """The outcomes of a request that is answered from what its token stands for."""
    outcomes = []
    if request in known.requests:
        if known.done:
            return (Outcome(DONE, store),)
        again = _with_token(store, region, request, token, done=False)
        outcomes.append(Outcome(Refused("TransactionCanceledException"), again))
    if known.requests - {request}:
        outcomes.append(Outcome(Refused("IdempotentParameterMismatchException"), store))
    return tuple(outcomes)


def _refused_at_once(store: Store, region: str, request: tuple[Action, ...]) -> Outcomes:
    """The refusals of a request that does not depend on what the items hold."""
    codes = []
    if any((region, action.table) not in store.tables for action in request):
        codes.append("ResourceNotFoundException")
    if len({(action.table, action.key) for action in request}) < len(request):
        codes += ["ValidationException", "TransactionCanceledException"]
    return tuple(Outcome(Refused(code), store) for code in codes)


def _values(store: Store, region: str, action: Action) -> list[Value]:
    """What an action may find; nothing where there is no table."""
    if (region, action.table) not in store.tables:
        return [None]
    return [value for value, _ in store.values(region, action.table, action.key)]


def _reasons(request: tuple[Action, ...], failing: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """Every list of reasons that tells of one failing action or more, and of no other."""
    for count in range(len(failing), 0, -1):
        for told in combinations(failing, count):
            yield tuple(
                "ConditionalCheckFailed" if number in told else "None" for number in range(len(request))
            )


def _cancelled(reasons: tuple[str, ...]) -> Refused:
    return Refused("TransactionCanceledException", reasons)


def _done(store: Store, region: str, request: tuple[Action, ...], held: Sequence[Value], token: str) -> Store:
    """The store with the changes of all actions. Deleting what is not there is none (ST-02)."""
    for action, old in zip(request, held, strict=True):
        new = action.after(old)
        if action.kind != "check" and not (old is None and new is None):
            store = store.changed(region, action.table, action.key, new, transactional=True)
    return _with_token(store, region, request, token, done=True)


def _with_token(store: Store, region: str, request: tuple[Action, ...], token: str, *, done: bool) -> Store:
    """The store that knows what a token stands for; of cancelled transactions it knows all that used it."""
    if not token:
        return store
    known = store.tokens.get((region, token))
    others: frozenset[tuple[Action, ...]] = frozenset()
    if known is not None and not known.done and not done:
        others = known.requests
    standing = Token(others | {request}, store.now, done)
    return replace(store, tokens={**store.tokens, (region, token): standing})


def _each_once(outcomes: Sequence[Outcome]) -> Outcomes:
    found: list[Outcome] = []
    for outcome in outcomes:
        if outcome not in found:
            found.append(outcome)
    return tuple(found)
