"""What the runs have reached: rules taken and refused, and distinct states of the specification.

A state is counted by what matters to the rules and not by its numbers, names or instants: how many Regions a
table has, whether it has an index, whether there is an item under each key and how many values it may have, what is on its way, the state
of its recovery, how many backups there are, and what client tokens stand for. A campaign that reaches no new states any more has seen what its
rules can show.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass, field

from ddbproof.conformance.fuzz.replay import Step
from ddbproof.model.store import Answer, Refused, Shown, Store

_MANY = 3


@dataclass(slots=True)
class Tally:
    """Counts over all runs of a campaign, and `shortest`: the fewest steps after which something went wrong.

    Once something has, shorter ways to it are looked for until `shrinking_seconds` have passed.
    """

    shrinking_seconds: float = 60.0
    runs: int = 0
    rules: Counter[str] = field(default_factory=Counter)
    refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    states: set[Hashable] = field(default_factory=set)
    shortest: tuple[Step, ...] | None = None
    _found_at: float = 0.0

    @property
    def steps(self) -> int:
        """How many steps all runs took."""
        return self.rules.total()

    def taken(self, rule: str, answer: Answer) -> None:
        """A rule asked the endpoint, and was answered."""
        self.rules[rule] += 1
        if isinstance(answer, Refused):
            self.refusals[rule, answer.code or "any code"] += 1

    def reached(self, store: Store, cut_off: Collection[str]) -> None:
        """A state was reached."""
        self.states.add(_shape(store, len(cut_off)))

    def disagreed(self, steps: Sequence[Step]) -> None:
        """Endpoint and specification disagreed about the last of these steps."""
        if self.shortest is None:
            self._found_at = time.monotonic()
        if self.shortest is None or len(steps) < len(self.shortest):
            self.shortest = tuple(steps)

    @property
    def enough(self) -> bool:
        """True when the search for a shorter way has taken its time."""
        return self.shortest is not None and time.monotonic() > self._found_at + self.shrinking_seconds


def _shape(store: Store, cut_off: int) -> Hashable:
    tables = sorted(_table_shape(store, region, name) for region, name in store.tables)
    system = sum(backup.expires is not None for backup in store.backups.values())
    tokens = sorted({token.done for token in store.tokens.values()})
    return (*tables, min(system, _MANY), min(len(store.backups) - system, _MANY), cut_off, *tokens)


def _table_shape(store: Store, region: str, name: str) -> tuple[Hashable, ...]:
    table = store.tables[region, name]
    history = store.histories[table.history]
    regions = store.regions(region, name)
    under_way = sum(change.everywhere is None for change in history.changes) if len(regions) > 1 else 0
    recovery = (0, False)
    if table.recovery is not None:
        window = store.window(region, name)
        recovery = (table.recovery.days, window is not None and window[0] > table.recovery.since)
    return (
        len(regions),
        table.protected,
        table.indexed,
        recovery,
        min(under_way, _MANY),
        *(_key_shape(store, region, name, key) for key in sorted({one.key for one in history.changes})),
    )


def _key_shape(store: Store, region: str, name: str, key: str) -> tuple[bool, int]:
    shown = [one.answer.what for one in store.get_item(region, name, key) if isinstance(one.answer, Shown)]
    return None in shown, min(len(shown), _MANY)
