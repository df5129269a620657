"""The prover: it proves what holds, finds what does not, and is itself put to the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import z3

from ddbproof.model.engine import bounded, campaign, prove, symbolic
from ddbproof.model.engine.explore import explore, take
from ddbproof.model.engine.prove import Obligation, Verdict, World, obligations
from ddbproof.model.engine.story import told, told_witness
from ddbproof.model.engine.system import Scope, System
from ddbproof.model.engine.values import EngineError, FrozenMap, Map, Sort, both, forall, implies
from ddbproof.model.kernel.refusal import require

CLERK = Sort("clerk")


class Desk(msgspec.Struct, frozen=True):
    """Tickets handed out by any number of clerks; `next` is the next number."""

    held: Annotated[Map[int], CLERK]
    next: int


def tickets(*, broken: bool = False, weak: bool = False) -> System:
    """A system whose promise is that no two clerks hold one ticket; 0 is no ticket."""
    system = System("tickets", "Tickets", Desk, [])

    @system.initial
    def start() -> Desk:
        return Desk(FrozenMap(0), 1)

    @system.action
    def draw(desk: Desk, clerk: Annotated[int, CLERK]) -> Desk:
        require(desk.held[clerk] == 0)
        return Desk(desk.held.put(clerk, desk.next), desk.next if broken else desk.next + 1)

    @system.action
    def hand_back(desk: Desk, clerk: Annotated[int, CLERK]) -> Desk:
        require(desk.held[clerk] > 0)
        return Desk(desk.held.put(clerk, 0), desk.next)

    if not weak:

        @system.invariant
        def numbers(desk: Desk) -> Iterator[Any]:
            yield desk.next > 0
            yield forall(CLERK)(lambda c: both(desk.held[c] >= 0, desk.held[c] < desk.next + broken))

    @system.safe()
    def SAFE_one_clerk_a_ticket(desk: Desk) -> Iterator[Any]:  # noqa: N802
        """No two clerks hold one ticket."""
        yield forall(CLERK, CLERK)(
            lambda c, d: implies(both(desk.held[c] > 0, desk.held[c] == desk.held[d]), c == d)
        )

    system.scopes.append(Scope({"clerk": (1, 2, 3)}, within=lambda desk: desk.next < 5))
    return system


def verdicts(system: System) -> dict[str, Verdict]:
    world = World(system)
    return {one.name: prove.prove(world, one).verdict for one in obligations(system)}


def test_what_holds_is_proved_for_any_number_of_clerks_and_steps() -> None:
    """Every clause, in the first state and after each action."""
    found = verdicts(tickets())
    assert len(found) == 9
    assert set(found.values()) == {Verdict.PROVED}


def test_what_does_not_hold_has_a_short_story() -> None:
    """Explored, the broken desk breaks its promise after two steps; the story says how, and can be taken again."""
    system = tickets(broken=True)
    violation = explore(system, system.scopes[0]).violation
    assert violation is not None
    assert [step.action for step in violation.trace.steps] == ["draw", "draw"]
    assert take(system, violation.trace) == violation.trace.last
    assert told(system, violation) == [
        "1. draw(clerk=1): held[1] = 1",
        "2. draw(clerk=2): held[2] = 1",
        "then this does not hold for 1, 2: No two clerks hold one ticket. (SAFE_one_clerk_a_ticket)",
    ]
    assert Verdict.COUNTEREXAMPLE in verdicts(system).values()


def test_the_solver_finds_a_way_with_its_own_numbers() -> None:
    """Bounded search needs no small world; what it finds was run by the ordinary code."""
    system = tickets(broken=True)
    found = bounded.search(system, deepest=3, seconds=30)
    assert found.violation is not None
    assert len(found.violation.trace.steps) == 2
    assert take(system, found.violation.trace) == found.violation.trace.last
    whole = bounded.search(tickets(), deepest=3, seconds=30)
    assert (whole.violation, whole.depth) == (None, 3)


def test_a_solver_without_memory_proves_nothing_and_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an obligation that is open, not an end of everything; any other failure of the solver is one."""
    system = tickets()

    def fail(reason: bytes) -> None:
        def check(*_: object) -> None:
            raise z3.Z3Exception(reason)

        monkeypatch.setattr(z3.Solver, "check", check)

    fail(b"out of memory")
    assert Verdict.UNKNOWN in verdicts(system).values()
    found = bounded.search(system, deepest=2, seconds=30)
    assert (found.violation, found.out_of_time) == (None, True)
    fail(b"invalid argument")
    with pytest.raises(z3.Z3Exception):
        verdicts(system)
    with pytest.raises(z3.Z3Exception):
        bounded.search(system, deepest=2, seconds=30)


def test_a_search_that_loses_its_way_is_begun_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another number; what stays open is open."""
    system = tickets()
    right, left_open = z3.Solver.check, [True]

    def once(solver: Any, *assumptions: Any) -> Any:
        return z3.unknown if left_open and left_open.pop() else right(solver, *assumptions)

    monkeypatch.setattr(z3.Solver, "check", once)
    assert set(verdicts(system).values()) == {Verdict.PROVED}
    monkeypatch.setattr(z3.Solver, "check", lambda *_: z3.unknown)
    assert set(verdicts(system).values()) <= {Verdict.PROVED, Verdict.UNKNOWN}
    assert Verdict.UNKNOWN in verdicts(system).values()


def test_a_world_without_end_is_not_walked_to_its_end() -> None:
    """Where something grows with each step, each state is larger than the one before: the memory would not do."""
    found = explore(tickets(), Scope({"clerk": (1,)}, most_states=2_000))
    assert (found.violation, found.complete) == (None, False)
    assert found.states < 2_000


def test_a_counterexample_to_induction_is_called_one() -> None:
    """Without the strengthening the promise still holds and cannot be proved: nobody is told that it is broken."""
    system = tickets(weak=True)
    assert explore(system, system.scopes[0]).violation is None
    world = World(system)
    outcomes = [prove.prove(world, one) for one in obligations(system)]
    (failed,) = [one for one in outcomes if one.verdict is not Verdict.PROVED]
    assert failed.verdict is Verdict.COUNTEREXAMPLE
    assert failed.witness is not None
    story = told_witness(failed.obligation.step, failed.witness)
    assert "perhaps not a reachable one" in story[0]
    assert any(line.startswith("  held[") for line in story)


def desk_with_a_display() -> System:
    """Says in a plain truth value, and nowhere else, what the clerk has who bears the number on the display."""
    system = tickets()

    @system.safe()
    def SAFE_displayed(desk: Desk) -> Iterator[Any]:  # noqa: N802
        """Nobody holds a ticket that is yet to come, the clerk of that number for one."""
        yield desk.held[desk.next + 1] < desk.next

    return system


def test_what_a_plain_truth_value_looks_up_is_a_term_too() -> None:
    """Without that the prover would know nothing of the entry, and give a counterexample that is none."""
    assert set(verdicts(desk_with_a_display()).values()) == {Verdict.PROVED}


def test_a_dropped_way_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prover that forgets ways proves what does not hold; the broken desk is there to notice."""
    assert Verdict.COUNTEREXAMPLE in verdicts(tickets(broken=True)).values()
    monkeypatch.setattr(World, "ways", lambda _world, _step: [])
    assert set(verdicts(tickets(broken=True)).values()) == {Verdict.PROVED}


def test_a_forgotten_frame_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prover for which a map forgets its other entries cannot prove the sound desk."""

    def forgets(self: symbolic.SymMap, key: Any, value: Any) -> symbolic.SymMap:
        fresh = symbolic.fresh(self.shape, "forgotten")
        index = symbolic.term_of(key)
        stored = [
            z3.Store(array, index, term)
            for array, term in zip(fresh.arrays, symbolic.terms(self.shape.value, value), strict=True)
        ]
        return symbolic.SymMap(self.shape, stored)

    monkeypatch.setattr(symbolic.SymMap, "put", forgets)
    assert Verdict.COUNTEREXAMPLE in verdicts(tickets()).values()


def test_unknown_is_no_proof() -> None:
    """With no resources the solver says unknown, and so does the prover."""
    system = tickets()
    world = World(system)
    obligation = Obligation("tickets", "draw", "SAFE_one_clerk_a_ticket", 0)
    assert prove.prove(world, obligation, resources=1).verdict is Verdict.UNKNOWN


def test_each_query_can_be_given_to_another_solver(tmp_path: Path) -> None:
    """What is exported is unsatisfiable when read back."""
    world = World(tickets())
    obligation = Obligation("tickets", "draw", "SAFE_one_clerk_a_ticket", 0)
    prove.prove(world, obligation, export_directory=tmp_path)
    files = list(tmp_path.glob("*.smt2"))
    assert files
    for path in files:
        solver = z3.Solver()
        solver.from_string(path.read_text())
        assert solver.check() == z3.unsat


def test_a_result_rests_on_the_obligation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another hypothesis, another step, another engine: another fingerprint."""
    systems = {"sound": tickets(), "weak": tickets(weak=True)}
    monkeypatch.setattr(campaign, "load", lambda name: systems[name])
    campaign._world.cache_clear()
    campaign._hypotheses.cache_clear()
    made = Obligation("sound", "draw", "SAFE_one_clerk_a_ticket", 0)
    other = Obligation("weak", "draw", "SAFE_one_clerk_a_ticket", 0)
    back = Obligation("sound", "hand_back", "SAFE_one_clerk_a_ticket", 0)
    try:
        prints = {campaign.fingerprint(one) for one in (made, other, back)}
        assert len(prints) == 3
        assert campaign.fingerprint(made) in prints
        monkeypatch.setattr(campaign, "_engine_fingerprint", lambda: "another engine")
        assert campaign.fingerprint(made) not in prints
    finally:
        campaign._world.cache_clear()
        campaign._hypotheses.cache_clear()


def test_a_broken_declaration_is_refused() -> None:
    """A promise that is not declared as one, or two things of one name."""
    system = tickets()

    def SAFE_something(desk: Desk) -> Iterator[Any]:  # noqa: N802
        yield desk.next > 0

    with pytest.raises(EngineError, match="promise"):
        system.invariant(SAFE_something)
    system.safe()(SAFE_something)
    with pytest.raises(EngineError, match="two declarations"):
        system.safe()(SAFE_something)
