"""Merges in small worlds, explored whole: they can always come to an end, and each rule is needed.

The proof of `merges` says that nothing bad happens; that something good can is shown here. A merge has ended when the merged
partition serves, or when neither of the two is on its way to it. Nobody has to set out for anywhere to bring that about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import networkx as nx
import pytest

from ddbproof.model.engine import campaign
from ddbproof.model.engine.explore import explore
from ddbproof.model.engine.mutants import planted
from ddbproof.model.engine.system import Role, Scope
from ddbproof.model.systems._merges_state import HERE, State, source_of, with_source

SYSTEM = campaign.load("merges")
SETTING_OUT = ("leave", "begin_another", "write_to_source", "write_to_merged")
WHAT_IS_COPIED = SYSTEM.scopes[1]
# Both are empty, so that there is nothing to copy: who goes where is all that is asked.
WHO_GOES_WHERE = msgspec.structs.replace(
    SYSTEM.scopes[0],
    actions=tuple(action for action in SYSTEM.scopes[0].actions if action != "write_to_source"),
)


def has_ended(state: State) -> bool:
    """The merged partition serves, or nobody is on the way to it."""
    nobody = state.lower.bound != HERE and state.upper.bound != HERE
    return nobody or (state.lower_part.child.open and state.upper_part.child.open)


def stuck(scope: Scope) -> int:
    """From how many states no way leads to an end without anybody setting out for anywhere, or another write."""
    found = explore(SYSTEM, scope, invariants=lambda _invariant: False, covers=False, keep_graph=True)
    assert found.complete
    back = nx.DiGraph(
        (after, before)
        for before, after, step in found.graph.edges(data=True)
        if step["action"] not in SETTING_OUT
    )
    back.add_edges_from(("end", state) for state in found.graph if has_ended(state))
    reached = nx.descendants(back, "end")
    return sum(1 for state in found.graph if scope.within(state) and state not in reached)


@pytest.mark.parametrize("scope", [WHO_GOES_WHERE, WHAT_IS_COPIED], ids=["ways", "copies"])
def test_there_is_always_a_way_to_an_end(scope: Scope) -> None:
    """PART-03: after any steps of a small world, whoever was told what, and whatever memory was lost."""
    assert stuck(scope) == 0


@pytest.mark.parametrize(
    "mutant",
    [
        "joins_by_itself",
        "busy_is_away",
        "withdraws_when_it_likes",
        "closed_before_the_other_joins",
    ],
)
def test_without_a_rule_somebody_is_stuck_for_ever(mutant: str) -> None:
    """PART-03: the promises about who waits for whom are not stricter than they have to be."""
    with planted(SYSTEM, SYSTEM.mutants[mutant]):
        assert stuck(WHO_GOES_WHERE) > 0


def never(_original: Callable[..., Any]) -> Callable[..., bool]:
    """A function that says no to everything."""
    return lambda *_arguments: False


@pytest.mark.parametrize("function", ["merges.stays_away", "merges.may_open"])
def test_one_that_is_never_told_waits_for_ever(function: str) -> None:
    """PART-03: which breaks no promise; only a way to the end is missing."""
    with SYSTEM.replaced({function: never}):
        assert stuck(WHO_GOES_WHERE) > 0


def tells_anybody(state: State, upper: bool) -> State:
    """A source that is on its way elsewhere tells of itself as well, which no kernel function would prevent."""
    source = source_of(state, upper)
    return with_source(state, upper, msgspec.structs.replace(source, told=source.parent))


def test_a_source_tells_only_the_partition_that_its_log_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """PART-04: else two that are closed for other reasons make the merged partition open beside their heirs."""
    told = SYSTEM.actions["tell_itself"]
    monkeypatch.setitem(SYSTEM.actions, "tell_itself", msgspec.structs.replace(told, function=tells_anybody))
    found = explore(SYSTEM, WHO_GOES_WHERE, invariants=lambda it: it.role is Role.SAFE, covers=False)
    assert found.violation is not None
    assert found.violation.invariant == "SAFE_nobody_waits_for_one_who_will_not_come"
    assert found.violation.trace.last.lower_part.child.open
