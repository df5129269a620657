"""Steps of a run: one call or one move of the clock each, carried out and compared with the specification.

A step is plain data, so that a run that failed can be written down as a program (`script.py`) that needs
nothing of ddbproof.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.model.store import Answered, Refused

PATIENCE_SECONDS = 30
_TABLE_NAMES = {"TableName", "SourceTableName", "TargetTableName"}
ClientFactory = Callable[[str], Any]
# What moves the endpoint's time on, by seconds.
Hand = Callable[[float], Any]


@dataclass(frozen=True, slots=True)
class Step:
    """A call in a Region, with what to look at in the answer and what it must be; or a move of the clock.

    `look` names the part of the answer that is compared: `item` (the value of a GetItem), `items` (all of a
    Scan), or nothing. `expected` is a list of the right answers, or the code of the error that is due.
    """

    operation: str
    region: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    look: str = ""
    expected: Any = None
    seconds: int = 0

    def __str__(self) -> str:
        if self.operation == "advance":
            return f"{self.seconds} seconds pass"
        shown = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.operation} in {self.region}: {shown}"


class Disagreement(AssertionError):
    """The endpoint's answer is none that the specification allows."""

    def __init__(self, steps: list[Step], seen: Any) -> None:
        last = steps[-1]
        super().__init__(f"{last}\n  must be {wanted(last)}\n  and is  {seen!r}")
        self.steps = steps
        self.seen = seen


def wanted(step: Step) -> str:
    """What a step must be answered with, in words."""
    if isinstance(step.expected, str):
        return f"refused with {step.expected}"
    return " or ".join(repr(one) for one in step.expected) if step.look else "accepted"


class Driver:
    """Carries out steps and compares; remembers them all."""

    def __init__(self, clients: ClientFactory, hand: Hand, prefix: str = "") -> None:
        self._clients = clients
        self._hand = hand
        self._prefix = prefix
        self.steps: list[Step] = []

    def wait_for(self, region: str, table: str, *, gone: bool = False) -> None:
        """Wait until a table is ACTIVE, or gone. Raises TimeoutError if that does not come about."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        client, name = self._clients(region), self._prefix + table
        while time.monotonic() < deadline:
            try:
                if client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE" and not gone:
                    return
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                if gone:
                    return
            time.sleep(0.05)
        raise TimeoutError(
            f"table {name} is not {'gone' if gone else 'ACTIVE'} after {PATIENCE_SECONDS} seconds"
        )

    def advance(self, seconds: int) -> None:
        """Let time pass."""
        self.steps.append(Step("advance", seconds=seconds))
        self._hand(seconds)

    def call(
        self,
        region: str,
        operation: str,
        expected: Answered | Refused,
        *,
        look: str = "",
        **arguments: Any,
    ) -> Any:
        """Make a call and compare its answer. Raises Disagreement; returns the answer, None if refused."""
        for name in _TABLE_NAMES & arguments.keys():
            arguments[name] = self._prefix + arguments[name]
        due: Any = expected.code if isinstance(expected, Refused) else [plain(one) for one in expected.values]
        step = Step(operation, region, arguments, look, due)
        self.steps.append(step)
        try:
            answer = getattr(self._clients(region), operation)(**arguments)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code != due:
                raise Disagreement(self.steps, code) from error
            return None
        seen = looked_at(look, answer)
        if isinstance(due, str) or (look and seen not in due):
            raise Disagreement(self.steps, seen if look else "accepted")
        return answer


def looked_at(look: str, answer: dict[str, Any]) -> Any:
    """The part of an answer that is compared."""
    if look == "item":
        return answer.get("Item", {}).get("v", {}).get("S")
    if look == "items":
        return {item["pk"]["S"]: item["v"]["S"] for item in answer.get("Items", [])}
    return None


def plain(value: object) -> object:
    """A right answer as it is compared: items come as a set of pairs, so that a set can hold them."""
    return dict(value) if isinstance(value, frozenset) else value
