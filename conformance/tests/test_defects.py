"""The suite is tested by what it must catch: every planted defect, and nothing where nothing is broken."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ddbproof.conformance.defects import DEFECTS, HARMLESS
from ddbproof.model.claims import EvidenceKind, collect, load_registry

WORKERS = 2
TIMEOUT_SECONDS = 180.0
CAUGHT = {"fail", "differs"}
GREEN = {"pass"}
WORKER = Path(__file__).with_name("defect_worker.py")


class Runs:
    """Runs behind defects, shared out to worker processes; all that the session needs begin at once."""

    def __init__(self, names: list[str]) -> None:
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._results: dict[str, dict[str, Any]] = {}
        self._changed = threading.Condition()
        self._processes: list[subprocess.Popen[str]] = []
        for name in names:
            self._waiting.put(name)
        for _ in range(WORKERS):
            self._waiting.put(None)
        self._threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]
        for thread in self._threads:
            thread.start()

    def result(self, name: str) -> dict[str, list[list[str]]]:
        """Verdicts by claim behind a defect; waits for the run."""
        with self._changed:
            assert self._changed.wait_for(lambda: name in self._results, TIMEOUT_SECONDS), (
                "the run takes too long"
            )
            result = self._results[name]
        assert result["problem"] is None, result["problem"]
        verdicts: dict[str, list[list[str]]] = result["verdicts"]
        return verdicts

    def close(self) -> None:
        """End the workers."""
        for process in self._processes:
            process.terminate()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        with subprocess.Popen(
            [sys.executable, str(WORKER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as process:
            self._processes.append(process)
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):
                while (name := self._waiting.get()) is not None:
                    claims = DEFECTS[name].claims if name in DEFECTS else ()
                    process.stdin.write(json.dumps({"defect": name, "select": claims}) + "\n")
                    line = process.stdout.readline()
                    lost = {"verdicts": {}, "problem": f"the worker ended with {process.poll()}"}
                    with self._changed:
                        self._results[name] = json.loads(line) if line else lost
                        self._changed.notify_all()
                process.stdin.close()


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    """The runs that the selected tests need."""
    mine = [item for item in request.session.items if item.path == request.path]
    wanted = [str(item.callspec.params["name"]) for item in mine if hasattr(item, "callspec")]
    # The harmless relays judge everything, so they begin first.
    wanted.sort(key=lambda name: name in DEFECTS)
    started = Runs(wanted)
    yield started
    started.close()


@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_caught(name: str, runs: Runs) -> None:
    """Each claim that a defect breaks is judged fail (or differs, where its source binds nobody)."""
    verdicts = runs.result(name)
    missed = {
        claim: verdicts.get(claim, "no test judges it")
        for claim in DEFECTS[name].claims
        if not any(verdict in CAUGHT for _, verdict, _ in verdicts.get(claim, []))
    }
    assert missed == {}


@pytest.mark.parametrize("name", HARMLESS)
def test_nothing_fails_where_nothing_is_broken(name: str, runs: Runs) -> None:
    """Behind a relay that does only what is lawful every claim passes, as it does without a relay."""
    verdicts = runs.result(name)
    assert len(verdicts) >= 25
    others = {
        claim: found
        for claim, found in verdicts.items()
        if any(verdict not in GREEN for _, verdict, _ in found)
    }
    assert others == {}


def test_every_judged_claim_has_a_defect_that_breaks_it() -> None:
    """No test of the suite goes untested."""
    packages = {EvidenceKind.CONFORMANCE_TEST: ["ddbproof.conformance.suite"]}
    judged = {
        claim
        for claim, found in collect(packages, load_registry()).items()
        if any(one.kind is EvidenceKind.CONFORMANCE_TEST for one in found)
    }
    broken = {claim for defect in DEFECTS.values() for claim in defect.claims}
    assert len(judged) >= 25
    assert judged - broken == set()
    assert broken - judged == set()
