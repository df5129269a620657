"""A global secondary index: what a Query of it may be answered.

Every indexed table has one and the same index: its partition key is the table's, its sort key the number. So an item has one entry,
which moves when the number changes and goes when the item goes (IX-02), and a Query finds the entry of one item, or what was left of
it where it should have gone.

An index follows its table (IX-01). Once everything has settled it holds what the table holds. Until then it may show of an
item whatever that was since, one state or several or none: an entry that moves is deleted in one place and put in another, and nobody
says which comes first. It never shows what no item was. To a Region's index a change is like one from another Region, under way
until it has surely arrived (`history`), with the difference that nothing arrives at once.
"""

from __future__ import annotations

from ddbproof.model.store.answers import Among, Refused, Shown
from ddbproof.model.store.history import seen_by_index
from ddbproof.model.store.operations import Outcome, Outcomes, Store


def query_index(store: Store, region: str, name: str, key: str) -> Outcomes:
    """A Query for one item: its entry as a frozenset of (key, number), or `Among` those that it may have now."""
    table = store.tables.get((region, name))
    if table is None:
        return (Outcome(Refused("ResourceNotFoundException"), store),)
    if not table.indexed:
        return (Outcome(Refused("ValidationException"), store),)
    sight = seen_by_index(region, store.settled)
    candidates = store.histories[table.history].candidates(key, sight, store.promises.clock_error)
    if any(change is not None and sight(change) is None for change in candidates):
        entries = frozenset(
            (key, change.value) for change in candidates if change is not None and change.value is not None
        )
        return (Outcome(Among(entries), store),)
    # Nothing has happened since all has settled: the table shows the same.
    return tuple(
        Outcome(Shown(frozenset[tuple[str, int]]() if value is None else frozenset({(key, value)})), after)
        for value, after in store.values(region, name, key)
    )
