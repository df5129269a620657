"""Judges one reference endpoint behind one planted defect after another. Run by `test_defects` as a process.

Reads a JSON object a line from standard input, `{"defect": name, "select": [claims]}`, and answers with a line
`{"defect": name, "verdicts": {claim: [[test, verdict, reason], ...]}, "problem": null}`. Many runs share one
interpreter and one endpoint, which is what makes them quick; a process of its own keeps the inner pytest
away from the outer one. The clock of the endpoint is moved, so two workers never share an endpoint.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3.session

from ddbproof.conformance.defects import defect_named, plant
from ddbproof.conformance.judge import judge
from ddbproof.conformance.kit import polling
from ddbproof.conformance.observer import Silent
from ddbproof.conformance.plan import Hooks, Plan, Target
from ddbproof.conformance.targets import open_target
from ddbproof.reports.schema import ResultRecord

# A kill that an endpoint of ours survives: what tests find out then, a defect has done.
HARMLESS_KILL = Hooks({"kill": ("true",), "start": ("true",)})


class Collecting(Silent):
    """Keeps verdicts by claim."""

    def __init__(self) -> None:
        self.verdicts: dict[str, list[tuple[str, str, str]]] = {}

    def finished(self, test: str, records: Sequence[ResultRecord]) -> None:
        """Keep them."""
        for record in records:
            self.verdicts.setdefault(record.claim, []).append((test, str(record.verdict), record.reason))


def judged(target: Target, number: int, order: dict[str, Any]) -> dict[str, Any]:
    """One run; a problem of ours is told, not raised."""
    collecting = Collecting()
    problem = None
    try:
        with contextlib.ExitStack() as stack:
            needs_copy = defect_named(order["defect"]).needs_copy
            copy = stack.enter_context(open_target("reference")) if needs_copy else None
            behind = stack.enter_context(plant(order["defect"], replace(target, hooks=HARMLESS_KILL), copy))
            judge(Plan(behind, 1, f"defect-{number}-", tuple(order["select"])), collecting)
    except Exception:
        problem = traceback.format_exc()
    return {"defect": order["defect"], "verdicts": collecting.verdicts, "problem": problem}


def shorten_patience() -> None:
    """Let the suite's polling give up after a fifteenth of its time.

    The reference endpoint does at once what others may take their time for, so behind a defect only what
    never comes is waited for. Other waiting stays as it is.
    """
    hurried = SimpleNamespace(monotonic=lambda: 15 * time.monotonic(), sleep=time.sleep)
    polling.time = hurried  # type: ignore[assignment, attr-defined]


def share_sessions() -> None:
    """One boto3 session for each Region in all runs: reading the service model takes longer than most tests."""
    boto3.session.Session = functools.cache(boto3.session.Session)


def main() -> None:
    """See the module."""
    shorten_patience()
    share_sessions()
    # Whatever the inner pytest does with standard output, the copy stays ours.
    with os.fdopen(os.dup(1), "w", buffering=1) as answers, open_target("reference") as target:
        for number, line in enumerate(sys.stdin):
            answers.write(json.dumps(judged(target, number, json.loads(line))) + "\n")
            # pytest collects garbage several times at its end; what is there by now it need not look at.
            gc.freeze()


if __name__ == "__main__":
    main()
