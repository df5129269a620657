"""Dependencies between transactions as a graph, and what of it can lie on a cycle.

Nodes are numbers; each edge has a reason. An order in real time would need an edge for every pair of transactions of which
one returned before the other was invoked. Instead there is a *time node* for every return: from the transaction that
returned, on to the next return, and to those that were invoked after it and before the next. That is three edges for a
transaction, and whatever lies on a way through time nodes is in that order.

Kahn's algorithm takes away what nothing comes before, and what is left holds every cycle and all that comes after one;
taking away from the other end as well leaves little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, TypeAlias

import networkx as nx
import numpy as np
import numpy.typing as npt

from ddbproof.model.histories.operations import Transaction

Integers: TypeAlias = npt.NDArray[np.int64]


class Reason(IntEnum):
    """Why one transaction comes before another."""

    REPLACED = 0  # ww: the second replaced what the first wrote
    READ = 1  # wr: the second read what the first wrote
    OVERTAKEN = 2  # rw: the second replaced what the first read
    SESSION = 3  # the same process did one after the other
    TIME = 4  # the first returned before the second was invoked


# From, to, the reason, and the item and values it is about.
Edge: TypeAlias = tuple[int, int, Reason, Any]


class Edges:
    """Edges of a graph. A transaction does not depend on itself, so there are none from a node to itself."""

    def __init__(self, edges: list[Edge] | None = None) -> None:
        self.all: list[Edge] = edges or []

    def add(self, source: int, target: int, reason: Reason, subject: Any = None) -> None:
        """One more, unless it would be from a node to itself."""
        if source != target:
            self.all.append((source, target, reason, subject))

    def joined(self, *others: Edges) -> Edges:
        """These and more."""
        return Edges([*self.all, *(edge for edges in others for edge in edges.all)])

    def ends(self) -> tuple[Integers, Integers]:
        """All sources, and all targets."""
        sources = np.array([edge[0] for edge in self.all], np.int64)
        return sources, np.array([edge[1] for edge in self.all], np.int64)


def real_time(transactions: Sequence[Transaction], chosen: Sequence[int]) -> Edges:
    """Time nodes, numbered after the transactions, and their edges. Without an answer nothing comes after."""
    count = len(transactions)
    live = np.array(chosen, np.int64)
    invoke = np.array([transactions[number].invoke for number in chosen], np.int64)
    ended = np.array([number for number in chosen if transactions[number].outcome == "ok"], np.int64)
    returned = np.array([transactions[number].returned for number in ended.tolist()], np.int64)
    order = np.argsort(returned, kind="stable")
    nodes = count + np.arange(len(order))
    latest = np.searchsorted(returned[order], invoke, side="left") - 1
    after = latest >= 0
    sources = np.concatenate((ended[order], nodes[:-1], nodes[latest[after]])).tolist()
    targets = np.concatenate((nodes, nodes[1:], live[after])).tolist()
    return Edges(
        [(source, target, Reason.TIME, None) for source, target in zip(sources, targets, strict=True)]
    )


def sessions(transactions: Sequence[Transaction], chosen: Sequence[int]) -> Edges:
    """What each process did one after the other, as far as it knew that the first was done."""
    edges = Edges()
    latest: dict[int, int] = {}
    for number in sorted(chosen, key=lambda one: transactions[one].invoke):
        one = transactions[number]
        if one.process in latest and transactions[latest[one.process]].returned <= one.invoke:
            edges.add(latest[one.process], number, Reason.SESSION)
        if one.outcome == "ok":
            latest[one.process] = number
    return edges


def order_of(edges: Edges, count: int) -> list[int] | None:
    """All nodes, each before those that depend on it; None if there is a cycle."""
    order = _peeled(count, *edges.ends())
    return order if len(order) == count else None


def residue(edges: Edges, count: int) -> set[int]:
    """Nodes that may lie on a cycle; none if and only if there is no cycle."""
    sources, targets = edges.ends()
    left = np.ones(count, bool)
    left[_peeled(count, sources, targets)] = False
    if left.any():
        inside = left[sources] & left[targets]
        # Nodes taken away before are alone now, and go at once.
        left[_peeled(count, targets[inside], sources[inside])] = False
    return set(np.flatnonzero(left).tolist())


def _peeled(count: int, sources: Integers, targets: Integers) -> list[int]:
    """Nodes in the order in which Kahn's algorithm takes them away."""
    order = np.argsort(sources, kind="stable")
    begins = np.concatenate(([0], np.cumsum(np.bincount(sources, minlength=count)))).tolist()
    following = targets[order].tolist()
    waiting_for = np.bincount(targets, minlength=count).tolist()
    taken = [node for node in range(count) if not waiting_for[node]]
    for node in taken:  # which grows meanwhile
        for after in following[begins[node] : begins[node + 1]]:
            waiting_for[after] -= 1
            if not waiting_for[after]:
                taken.append(after)
    return taken


class Tangle:
    """The part of a graph that has cycles: strongly connected components, and shortest ways inside them."""

    def __init__(self, edges: Edges, count: int, transactions: int) -> None:
        self.transactions = transactions
        self.following: dict[int, list[tuple[int, int]]] = {}
        left = residue(edges, count)
        self.edges = edges.all
        for number, (source, target, _, _) in enumerate(edges.all):
            if source in left and target in left:
                self.following.setdefault(source, []).append((target, number))

    def components(self, allowed: Callable[[Reason], bool]) -> list[set[int]]:
        """Components with a cycle, using only some reasons; those with the fewest transactions first."""
        graph = nx.DiGraph()
        for source, ways in self.following.items():
            graph.add_edges_from(
                (source, target) for target, number in ways if allowed(self.edges[number][2])
            )
        found = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
        return sorted(found, key=len)

    def way(
        self, source: int, target: int, allowed: Callable[[Reason], bool], within: set[int]
    ) -> tuple[list[int] | None, int]:
        """Edges of a way with as few transactions as possible (a cycle if both are the same); and the work done."""
        came: dict[int, int] = {}
        waiting = deque([source])
        work = 0
        while waiting:
            node = waiting.popleft()
            for after, number in self.following.get(node, ()):
                work += 1
                if after in came or after not in within or not allowed(self.edges[number][2]):
                    continue
                came[after] = number
                if after == target:
                    return self._back(source, target, came), work
                # Time nodes cost nothing.
                if after >= self.transactions:
                    waiting.appendleft(after)
                else:
                    waiting.append(after)
        return None, work

    def _back(self, source: int, target: int, came: dict[int, int]) -> list[int]:
        way = [came[target]]
        while self.edges[way[-1]][0] != source:
            way.append(came[self.edges[way[-1]][0]])
        return way[::-1]
