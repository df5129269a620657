"""Cycles among transactions: the worst kind there is, the shortest of that kind, and the argument in words.

Kinds after Adya (Weak Consistency, 1999): G0, writes alone; G1c, writes and reads of them; G-single, with one
replacement of what was read; G2-item, with several. A cycle that needs the order of a session or of real time has that
added to its name, as Elle does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ddbproof.model.histories.graph import Edge, Edges, Reason, Tangle
from ddbproof.model.histories.operations import Transaction, Violation, told_value

_MOST_WORK = 3_000_000
_MOST_SHOWN = 8


def worst_cycle(edges: Edges, count: int, transactions: Sequence[Transaction]) -> Violation | None:
    """The first kind in Adya's order of which there is a cycle; None if there is none at all."""
    tangle = Tangle(edges, count, len(transactions))
    if not tangle.following:
        return None
    for allowed in (_writes, _writes_and_reads):
        cycle = _shortest(tangle, allowed)
        if cycle is not None:
            return _told(cycle, tangle, transactions)
    cycle = _with_one_overtaken(tangle) or _shortest(tangle, _anything)
    assert cycle is not None, "what is left after peeling from both ends has a cycle"
    return _told(cycle, tangle, transactions)


def _writes(reason: Reason) -> bool:
    return reason not in (Reason.READ, Reason.OVERTAKEN)


def _writes_and_reads(reason: Reason) -> bool:
    return reason is not Reason.OVERTAKEN


def _anything(_reason: Reason) -> bool:
    return True


def _shortest(tangle: Tangle, allowed: Callable[[Reason], bool]) -> list[int] | None:
    """A cycle with as few transactions as can be found with bounded work."""
    best: list[int] | None = None
    left = _MOST_WORK
    for component in tangle.components(allowed):
        for start in sorted(node for node in component if node < tangle.transactions):
            way, work = tangle.way(start, start, allowed, component)
            left -= work
            if way is not None and (best is None or _length(tangle, way) < _length(tangle, best)):
                best = way
            if best is not None and (left < 0 or _length(tangle, best) <= 2):
                return best
    return best


def _with_one_overtaken(tangle: Tangle) -> list[int] | None:
    """A cycle with one edge from a read to what replaced what it read; the shortest found with bounded work."""
    best: list[int] | None = None
    left = _MOST_WORK
    for component in tangle.components(_anything):
        for source in sorted(component):
            for target, number in tangle.following[source]:
                if tangle.edges[number][2] is not Reason.OVERTAKEN or target not in component:
                    continue
                way, work = tangle.way(target, source, _writes_and_reads, component)
                left -= work
                if way is not None and (best is None or _length(tangle, way) + 1 < _length(tangle, best)):
                    best = [number, *way]
                if best is not None and (left < 0 or _length(tangle, best) <= 2):
                    return best
    return best


def _length(tangle: Tangle, way: list[int]) -> int:
    """How many transactions a way begins at or goes through."""
    return sum(tangle.edges[number][0] < tangle.transactions for number in way)


# -- in words ---------------------------------------------------------------------------------------------


def _links(cycle: list[int], tangle: Tangle) -> list[Edge]:
    """The edges between transactions; a way through time nodes is one."""
    edges = tangle.edges
    while edges[cycle[0]][0] >= tangle.transactions:
        cycle = [*cycle[1:], cycle[0]]
    links: list[Edge] = []
    for number in cycle:
        source, target, reason, subject = edges[number]
        if source < tangle.transactions:
            links.append((source, target, reason, subject))
        else:
            links[-1] = (links[-1][0], target, Reason.TIME, None)
    return links


def _told(cycle: list[int], tangle: Tangle, transactions: Sequence[Transaction]) -> Violation:
    links = _links(cycle, tangle)
    reasons = [reason for _, _, reason, _ in links]
    overtaken = reasons.count(Reason.OVERTAKEN)
    if overtaken:
        name = "G-single" if overtaken == 1 else "G2-item"
    else:
        name = "G1c" if Reason.READ in reasons else "G0"
    if Reason.TIME in reasons:
        name += "-realtime"
    elif Reason.SESSION in reasons:
        name += "-session"
    return argued(name, links, transactions)


def argued(name: str, links: Sequence[Edge], transactions: Sequence[Transaction]) -> Violation:
    """A violation whose argument is a cycle of links."""
    numbers = tuple(source for source, _, _, _ in links)
    let = [f"T{number} = {transactions[number].told()}" for number in numbers[:_MOST_SHOWN]]
    then = [_sentence(link, transactions) for link in links]
    if len(links) > _MOST_SHOWN:
        let.append(f"and {len(links) - _MOST_SHOWN} more")
        then = [*then[: _MOST_SHOWN - 1], f"and so on, {len(links) - _MOST_SHOWN} steps more", then[-1]]
    then[-1] = f"but {then[-1]}"
    return Violation(name, numbers, tuple(let), tuple(then))


def _sentence(link: Edge, transactions: Sequence[Transaction]) -> str:
    source, target, reason, subject = link
    order = f"T{source} comes before T{target}, as"
    if reason is Reason.TIME:
        returned, invoke = transactions[source].returned, transactions[target].invoke
        return f"{order} it had returned ({returned}) before T{target} was invoked ({invoke})"
    if reason is Reason.SESSION:
        return f"{order} process {transactions[source].process} did one after the other"
    key, before, after = subject
    item, old, new = told_value(key), told_value(before), told_value(after)
    if reason is Reason.READ:
        return f"{order} it wrote the {old} that T{target} read from {item}"
    if reason is Reason.REPLACED:
        return f"{order} its {old} in {item} was replaced by {new} of T{target}"
    return f"{order} it found {old} in {item}, which T{target} replaced by {new}"
