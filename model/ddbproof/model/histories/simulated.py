"""Histories of a store that is always right: what tests and measurements begin with.

Each client does one thing after the other. Every operation takes effect at one instant between its invoke and its
return; in the order of these instants they are run against a dictionary. Some answers are lost: such an operation
took effect or not, nobody was told, and the client goes on under a new name.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from msgspec import UNSET, structs

from ddbproof.model.histories.operations import FOREVER, Operation, Step, Transaction, Value

_SHORTEST, _LONGEST = 1_000, 10_000
_NEW_NAME = 1_000_000


@dataclass(frozen=True, slots=True)
class Mix:
    """What clients do. Shares are of all operations; the rest are reads."""

    clients: int = 20
    keys: int = 1
    writes: float = 0.3
    conditional: float = 0.2
    deletes: float = 0.0
    lost_answers: float = 0.0
    old_items: bool = True
    """Writes ask for the old item."""
    items: int = 3
    """How many items a transaction has at most."""


@dataclass(slots=True)
class _Call:
    effect: float
    invoke: int
    returned: int
    process: int
    lost: bool = False


def operations(count: int, mix: Mix | None = None, seed: int = 0) -> list[Operation]:
    """Operations on single items, in the order of their invokes."""
    wanted = mix or Mix()
    chance = random.Random(seed)  # noqa: S311
    names = [f"k{number}" for number in range(wanted.keys)]
    items: dict[str, Value] = {}
    past: dict[str, Value] = {}
    made = []
    for fresh, call in enumerate(_calls(count, wanted, chance), 1):
        key, dice = chance.choice(names), chance.random()
        before = items.get(key)
        one = Operation(call.process, key, "read", call.invoke, before, call.returned)
        if dice < wanted.writes:
            one = structs.replace(one, kind="write", value=fresh)
        elif dice < wanted.writes + wanted.conditional:
            expected = before if chance.random() < 0.6 else past.get(key)
            outcome = "ok" if expected == before else "fail"
            one = structs.replace(one, kind="cas", value=fresh, expected=expected, outcome=outcome)
        elif dice < wanted.writes + wanted.conditional + wanted.deletes:
            one = structs.replace(one, kind="delete", value=None)
        applied = one.kind != "read" and one.outcome == "ok"
        if call.lost and one.kind != "read":
            applied = applied and chance.random() < 0.5
            one = structs.replace(one, outcome="info", returned=FOREVER)
        elif wanted.old_items and one.kind != "read":
            one = structs.replace(one, seen=before)
        if applied:
            past[key], items[key] = before, one.value
        made.append(one)
    return sorted(made, key=lambda one: one.invoke)


def transactions(count: int, mix: Mix | None = None, seed: int = 0) -> list[Transaction]:
    """Transactions shaped like DynamoDB's, which only write or only read; writes know what they replace."""
    wanted = mix or Mix(keys=100)
    chance = random.Random(seed)  # noqa: S311
    names = [f"k{number}" for number in range(wanted.keys)]
    items: dict[str, Value] = {}
    made = []
    fresh = 0
    for call in _calls(count, wanted, chance):
        keys = sorted({chance.choice(names) for _ in range(chance.randint(1, wanted.items))})
        applied = True
        if chance.random() >= wanted.writes + wanted.conditional:
            steps = [Step(key, "read", items.get(key)) for key in keys]
        else:
            steps = []
            for key in keys:
                fresh += 1
                steps.append(Step(key, "write", fresh, items.get(key) if wanted.old_items else UNSET))
            if call.lost:
                applied = chance.random() < 0.5
        if applied:
            items.update((step.key, step.value) for step in steps)
        one = Transaction(call.process, tuple(steps), call.invoke, call.returned)
        if call.lost and steps[0].kind == "write":
            one = structs.replace(one, outcome="info", returned=FOREVER)
        made.append(one)
    return sorted(made, key=lambda one: one.invoke)


def _calls(count: int, mix: Mix, chance: random.Random) -> Iterator[_Call]:
    """Who calls when, in the order in which the calls take effect."""
    calls = []
    for client in range(mix.clients):
        now, process = chance.randrange(_LONGEST), client
        for _ in range(client, count, mix.clients):
            now += 1 + chance.randrange(_SHORTEST)
            returned = now + chance.randrange(_SHORTEST, _LONGEST)
            call = _Call(chance.uniform(now, returned), now, returned, process)
            if chance.random() < mix.lost_answers:
                call = replace(call, lost=True)
                process += _NEW_NAME
            calls.append(call)
            now = returned
    calls.sort(key=lambda call: call.effect)
    return iter(calls)
