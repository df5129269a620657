"""What clients did and saw: the record of an operation, of a transaction, and what a checker answers.

Times are integer nanoseconds of one clock, taken before the first byte is sent and after the last is received. Intervals
are closed: an operation that returns at the very instant another is invoked is concurrent with it.

    ok      it happened, and `value` (of a read) or `seen` (of a write that asked for the old item) is what it answered
    fail    it certainly did not happen; a refused one that answered with the old item is a read of that
    info    nobody knows: it may have happened at any time from `invoke` on, or never

A failed operation without an answer says nothing but that its value was never written, so that whoever reads that value
has read something that was given up. None stands for an item that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

Value: TypeAlias = int | str | None
Kind: TypeAlias = Literal["read", "write", "cas", "delete"]
Outcome: TypeAlias = Literal["ok", "fail", "info"]
Verdict: TypeAlias = "Ok | Violation | Unknown"

# No clock shows these. Both fit into 64 bits, and so does any sum of two readings of a clock.
FOREVER = 2**62
BEFORE_ALL = -(2**62)
_MOST_STEPS_TOLD = 6


class Operation(
    msgspec.Struct,
    frozen=True,
    gc=False,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename={"returned": "return"},
):
    """One call that concerns one item. `returned` of an ambiguous one is `FOREVER`."""

    process: int
    key: str
    kind: Kind
    invoke: int
    value: Value = None
    """What a read saw, or what a write or cas wrote."""
    returned: int = FOREVER
    outcome: Outcome = "ok"
    expected: Value | UnsetType = UNSET
    """What a cas compares with."""
    seen: Value | UnsetType = UNSET
    """The item before the operation, where it was asked for (ALL_OLD)."""

    @property
    def observed(self) -> Value | UnsetType:
        """What the answer says of the item at the moment of the operation, without what it changed."""
        if self.kind == "read":
            return self.value if self.outcome == "ok" else UNSET
        if self.outcome == "ok" and self.kind == "cas":
            return self.expected
        return UNSET if self.outcome == "info" else self.seen

    def told(self) -> str:
        """For people."""
        return f"process {self.process} {_deed(self)} {told_interval(self.invoke, self.returned)}"


class Step(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """What a transaction does to one item."""

    key: str
    kind: Literal["read", "write"]
    value: Value = None
    seen: Value | UnsetType = UNSET
    """What a write replaced, where that is known: by a condition on the version, or from ALL_OLD."""


class Transaction(
    msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename={"returned": "return"}
):
    """Several items in one call, all or nothing; its steps stand in the order in which they take effect."""

    process: int
    steps: tuple[Step, ...]
    invoke: int
    returned: int = FOREVER
    outcome: Outcome = "ok"

    def told(self) -> str:
        """For people."""
        deeds = ", ".join(_told_step(step) for step in self.steps[:_MOST_STEPS_TOLD])
        if len(self.steps) > _MOST_STEPS_TOLD:
            deeds += f" and {len(self.steps) - _MOST_STEPS_TOLD} steps more"
        return f"process {self.process}: {deeds} {told_interval(self.invoke, self.returned)}"


class Ok(msgspec.Struct, frozen=True, tag="ok"):
    """A correct store could have answered so."""

    checked: int


class Violation(msgspec.Struct, frozen=True, tag="violation"):
    """No correct store could have. The operations named (by position) are enough to see why."""

    anomaly: str
    operations: tuple[int, ...]
    let: tuple[str, ...]
    then: tuple[str, ...]
    key: str | None = None

    def told(self) -> str:
        """Let ... Then ..., contradiction: an argument for people."""
        lines = ["Let:", *(f"  {line}" for line in self.let), "Then:"]
        lines += [f"  {line}" for line in self.then[:-1]]
        return "\n".join([*lines, f"  {self.then[-1]}: a contradiction."])


class Unknown(msgspec.Struct, frozen=True, tag="unknown"):
    """The checker cannot tell, and why."""

    reason: str


class History(msgspec.Struct, frozen=True):
    """What is judged: either operations on single items, or transactions, and what was there at the beginning."""

    operations: Sequence[Operation] = ()
    transactions: Sequence[Transaction] = ()
    initial: Mapping[str, Value] = {}
    """Items that were there before the first operation; all others were not."""
    orders: Mapping[str, Sequence[Value]] = {}
    """By key, the order of its versions as far as reads of whole lists show it."""
    conflict: Violation | None = None
    """Two reads of whole lists that cannot both be right."""
    notes: Sequence[str] = ()
    """What the reader of the file left out."""
    header: Mapping[str, Any] = {}


def told_value(value: Value | UnsetType) -> str:
    """A value for people; long ones are cut."""
    if value is None or value is UNSET:
        return "nothing"
    text = str(value) if isinstance(value, int) else f'"{value}"'
    return text if len(text) <= 40 else text[:37] + "..."


def told_interval(invoke: int, returned: int) -> str:
    """From when to when; an ambiguous operation has no end."""
    return f"[{invoke}, {'no answer' if returned >= FOREVER else returned}]"


def worst(verdicts: Sequence[Verdict]) -> Verdict:
    """A violation if there is one, else the first unknown, else ok."""
    for kind in (Violation, Unknown):
        for verdict in verdicts:
            if isinstance(verdict, kind):
                return verdict
    return Ok(sum(verdict.checked for verdict in verdicts if isinstance(verdict, Ok)))


def by_key(operations: Sequence[Operation]) -> dict[str, list[int]]:
    """Positions of the operations on each key; keys in the order in which they appear."""
    positions: dict[str, list[int]] = {}
    for position, operation in enumerate(operations):
        positions.setdefault(operation.key, []).append(position)
    return positions


def _deed(operation: Operation) -> str:
    key, value = told_value(operation.key), told_value(operation.value)
    saw = "" if operation.seen is UNSET else f" (and found {told_value(operation.seen)})"
    match operation.kind, operation.outcome:
        case "read", _:
            return f"read {value} from {key}"
        case "delete", "ok":
            return f"deleted {key}{saw}"
        case "delete", _:
            return f"asked to delete {key}{saw}"
        case "cas", "ok":
            return f"replaced {told_value(operation.expected)} by {value} in {key}{saw}"
        case "cas", "fail":
            return f"was refused to replace {told_value(operation.expected)} by {value} in {key}{saw}"
        case "cas", _:
            return f"asked to replace {told_value(operation.expected)} by {value} in {key}"
        case _, "ok":
            return f"wrote {value} to {key}{saw}"
        case _, "fail":
            return f"failed to write {value} to {key}{saw}"
    return f"asked to write {value} to {key}"


def _told_step(step: Step) -> str:
    if step.kind == "read":
        return f"read {told_value(step.value)} from {told_value(step.key)}"
    over = "" if step.seen is UNSET else f" over {told_value(step.seen)}"
    return f"wrote {told_value(step.value)} to {told_value(step.key)}{over}"
