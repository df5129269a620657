"""A history judged by the checker that suits it.

register      linearizable, item by item, by zones; what these cannot judge is unknown
wgl           the same by search, within a budget; any values, deletes
transactions  serializable, strongly session serializable, strictly serializable
auto          transactions if there are any; otherwise register, and wgl for the items that it cannot judge
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from ddbproof.model.histories import register, register_fast, transactions, wgl
from ddbproof.model.histories.operations import History, Ok, Operation, Value, Verdict, Violation
from ddbproof.model.histories.vacuity import Evidence, evidence

MODELS = ("auto", "register", "wgl", "transactions")
# From here on numpy is quicker, what it takes to fill its arrays included.
_MANY = 5_000


class NotSuited(Exception):
    """The checker asked for cannot judge this kind of history."""


class Judged(msgspec.Struct, frozen=True):
    """What came of a history: the promises that were looked at, the weakest first, and what it is worth."""

    model: str
    promises: dict[str, Verdict]
    evidence: Evidence

    @property
    def verdict(self) -> Verdict:
        """Of all promises: a violation of the weakest that is violated, or an unknown, or ok."""
        for kind in (Violation, object):
            for one in self.promises.values():
                if isinstance(one, kind) and not isinstance(one, Ok):
                    return one
        return next(iter(self.promises.values()))


def judge(history: History, model: str = "auto", budget: int = wgl.DEFAULT_BUDGET) -> Judged:
    """Judge a history; `NotSuited` if that checker is not for it."""
    if model == "auto":
        model = "transactions" if history.transactions else "register and wgl"
    if model != "transactions" and history.transactions:
        raise NotSuited(f"{model} judges operations on single items, and here are transactions")
    with _no_collection():
        return Judged(model, _promises(history, model, budget), evidence(history))


def up_to(judged: Judged, promise: str) -> Judged:
    """Without the promises that are stronger than this one."""
    names = list(judged.promises)
    kept = names[: names.index(promise) + 1]
    return msgspec.structs.replace(judged, promises={name: judged.promises[name] for name in kept})


def _promises(history: History, model: str, budget: int) -> dict[str, Verdict]:
    if model == "transactions":
        if history.conflict is not None:
            return dict.fromkeys(("serializable", "session", "strict"), history.conflict)
        many = history.transactions or transactions.single(history.operations)
        found = transactions.check(many, history.initial, history.orders)
        return {"serializable": found.serializable, "session": found.session, "strict": found.strict}
    operations, initial = history.operations, history.initial
    if model == "wgl":
        return {"linearizable": wgl.check(operations, initial, budget)}

    def search(operations: Sequence[Operation], positions: Sequence[int], first: Value) -> Verdict:
        return wgl.check_key(operations, positions, first, budget)

    return {"linearizable": _zones(operations, initial, None if model == "register" else search)}


def _zones(
    operations: Sequence[Operation], initial: Mapping[str, Value], otherwise: register.Judge | None
) -> Verdict:
    check = register_fast.check if len(operations) >= _MANY else register.check
    return check(operations, initial, otherwise)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing here makes rings of objects, and looking for some takes half of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
