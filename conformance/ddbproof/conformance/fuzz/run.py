"""One run: each step is asked of the specification first, then of the endpoint, and the answers are compared.

What the specification leaves open the endpoint decides: the run goes on from the outcome that was seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ddbproof.conformance.fuzz.replay import (
    PATIENCE_SECONDS,
    START_MILLISECONDS,
    GoneError,
    Player,
    Step,
    fits,
    told,
    told_expectation,
    told_sight,
)
from ddbproof.conformance.fuzz.tally import Tally
from ddbproof.conformance.fuzz.world import World
from ddbproof.model.store import DONE, Among, Answer, Outcomes, Refused, Store, Window


class Disagreement(AssertionError):
    """The endpoint's last answer is none that the specification allows. `steps` are all steps of the run."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)
        last = steps[-1]
        super().__init__(
            f"{told(last)}\n  expected: {told_expectation(last)}\n  seen:     {told_sight(last)}"
        )


class Gone(BaseException):
    """The endpoint does not answer any more, after `steps`.

    Nothing that Hypothesis should catch, shrink and try again, hence no Exception.
    """

    def __init__(self, steps: Sequence[Step], cause: GoneError) -> None:
        self.steps = tuple(steps)
        self.cause = str(cause)
        super().__init__(self.cause)


class Enough(BaseException):
    """The search for a shorter way to a violation has taken its time. No Exception, as `Gone` is none."""


class Run:
    """A world and the specification of it, side by side. `store` is always what the specification says now.

    Making one raises Enough after a violation, when shorter ones were looked for long enough.
    """

    def __init__(self, world: World, tally: Tally) -> None:
        if tally.enough:
            raise Enough
        self.world = world
        self.tally = tally
        self.store = Store(START_MILLISECONDS, world.promises)
        self.steps: list[Step] = []
        self.cut_off: set[str] = set()
        self.player = Player(
            world.clients,
            world.prefix,
            zero=world.zero,
            advance=world.advance,
            network=world.network,
            patience_seconds=PATIENCE_SECONDS if world.advance is None else 0,
        )

    def ask(self, rule: str, outcomes: Outcomes, operation: str, region: str, **details: Any) -> Answer:
        """Ask the endpoint, and go on from the outcome that its answer fits; returns that answer.

        `rule` is what it is counted under, `details` are further members of the `Step`. Raises Disagreement, and Gone if nobody answers.
        """
        step = Step(operation, region, allowed=[plain(one.answer) for one in outcomes], **details)
        self._play(step)
        for outcome, allowed in zip(outcomes, step.allowed, strict=True):
            if step.seen is not None and fits(step.seen, allowed):
                self.store = outcome.after
                self.tally.taken(rule, outcome.answer)
                return outcome.answer
        self.tally.disagreed(self.steps)
        raise Disagreement(self.steps)

    # Time and network.

    def advance(self, seconds: float) -> None:
        """Let time pass; with it changes arrive, unless a Region is cut off."""
        self._move("advance", arguments={"seconds": seconds})
        settling = self.world.settling_seconds
        if seconds >= settling and not self.cut_off:
            # They had arrived by then, which matters to a later restore to an instant.
            self.store = self.store.advance(round(settling * 1000)).settle()
            seconds -= settling
        self.store = self.store.advance(round(seconds * 1000))

    def isolate(self, region: str) -> None:
        """Cut a Region off from the others."""
        self._move("cut_off", region)
        self.cut_off.add(region)

    def heal(self, region: str) -> None:
        """Let a Region reach the others again."""
        self._move("heal", region)
        self.cut_off.discard(region)

    def settle(self) -> None:
        """Let everything arrive. Where time cannot be moved, that is for the next step to wait for."""
        for region in sorted(self.cut_off):
            self.heal(region)
        if self.world.advance is not None:
            self.advance(self.world.settling_seconds)
        else:
            self.store = self.store.settle()

    def _move(self, operation: str, region: str = "", **details: Any) -> None:
        self._play(Step(operation, region, **details))
        self.tally.taken(operation, DONE)

    def _play(self, step: Step) -> None:
        self.steps.append(step)
        try:
            step.seen = self.player.play(step)
        except GoneError as error:
            raise Gone(self.steps, error) from error


def plain(answer: Answer) -> dict[str, Any]:
    """An answer of the specification in the form in which `replay` compares it."""
    if isinstance(answer, Refused):
        reasons = {} if answer.reasons is None else {"reasons": list(answer.reasons)}
        return {"refused": answer.code, **reasons}
    if isinstance(answer, Among):
        return {"among": sorted(map(list, answer.pairs))}
    what = answer.what
    if isinstance(what, Window):
        return {"shown": {"days": what.days, "first": list(what.first), "last": list(what.last)}}
    if isinstance(what, tuple):
        return {"shown": list(what)}
    return {"shown": sorted(map(list, what)) if isinstance(what, frozenset) else what}
