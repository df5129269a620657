"""An endpoint that does more than is promised is not accused: no lag at all, every instant restorable at once."""

from __future__ import annotations

import contextlib

import pytest
from judging import Watching

from ddbproof.conformance.defects import plant
from ddbproof.conformance.judge import judge
from ddbproof.conformance.plan import Plan
from ddbproof.conformance.targets import open_target

NO_LAG = ("--restore-lag-seconds", "0", "--replication-delay-seconds", "0", "--create-delay-seconds", "0")
# As slow as it may lawfully be, within what the suite waits for.
SLOW = ("--restore-lag-seconds", "300", "--replication-delay-seconds", "1", "--create-delay-seconds", "0.3")
ACCUSATIONS = {"fail", "differs", "error"}


@pytest.mark.parametrize(
    ("options", "relay"),
    [
        (NO_LAG, "identity"),
        (NO_LAG, "window-ends-excluded"),
        pytest.param(SLOW, "identity", marks=pytest.mark.slow),
    ],
    ids=["no lag", "no lag, ends of the window excluded", "slow"],
)
def test_what_is_lawful_is_not_accused(options: tuple[str, ...], relay: str) -> None:
    """Either end of the window inclusive or not; changes that arrive at once, or late."""
    watching = Watching()
    with contextlib.ExitStack() as stack:
        behind = [
            stack.enter_context(
                plant(relay, stack.enter_context(open_target("reference", serve_options=options)))
            )
            for _ in range(2)
        ]
        judge(Plan(behind[0], 1, "stronger-"), watching, jobs=2, copies=behind[1:])
    assert len(watching.records) > 100
    accused = [(one.claim, one.test, one.reason) for one in watching.records if one.verdict in ACCUSATIONS]
    assert accused == []
    green = sum(one.verdict == "pass" for one in watching.records)
    assert green >= 0.95 * len(watching.records)
