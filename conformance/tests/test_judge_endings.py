"""However a run ends, it ends in bounded time, says what happened and leaves nothing behind."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from judging import TWO_TESTS, Answer, Bench, refusal

from ddbproof.conformance import plugin
from ddbproof.conformance.judge import Judgement
from ddbproof.conformance.kit import sweep, wire
from ddbproof.conformance.plan import Supervision


def test_everything_made_is_removed(bench: Bench) -> None:
    """Tables of the run's prefix are gone afterwards; others are left alone."""
    bench.endpoint.tables.add("somebody-elses")
    judgement = bench.judge(TWO_TESTS.format(first="assert False, 'no'"))
    assert judgement == Judgement(False, None, 2, ())
    assert bench.endpoint.tables == {"somebody-elses"}


def test_ctrl_c_ends_the_run_and_still_cleans_up(bench: Bench) -> None:
    """After KeyboardInterrupt nothing more is run, and what was made is removed."""
    judgement = bench.judge(TWO_TESTS.format(first="raise KeyboardInterrupt"))
    assert judgement.interrupted
    assert bench.watching.begun == [bench.watching.tests[0].test]
    assert bench.watching.records == []
    assert "CreateTable" in bench.endpoint.calls
    assert bench.endpoint.tables == set()


def test_a_second_ctrl_c_stops_the_cleaning_and_tells_what_is_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is known to be left is listed, and under which names to look for more."""

    def interrupted(_: object, __: str, *, left: list[str]) -> tuple[str, ...]:
        left.append("table run-table-1 in us-east-1 is still being deleted")
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "sweep", interrupted)
    judgement = bench.judge(TWO_TESTS.format(first="raise KeyboardInterrupt"))
    assert judgement.interrupted
    assert judgement.leftovers[0].startswith("table run-table-1")
    assert "run-*" in judgement.leftovers[-1]
    assert bench.watching.findings == [("left behind", text) for text in judgement.leftovers]


def test_what_cannot_be_removed_is_reported(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that refuses to delete leaves a finding, not silence."""
    monkeypatch.setattr(sweep, "until", lambda probe, *, seconds: probe())
    bench.endpoint.answers["DeleteTable"] = lambda _: refusal("ValidationException", "I keep it")
    judgement = bench.judge(TWO_TESTS.format(first="pass"))
    assert len(judgement.leftovers) == 2
    assert all("I keep it" in leftover for leftover in judgement.leftovers)


def test_a_target_that_goes_away_ends_the_run(bench: Bench) -> None:
    """What was not run is inconclusive, and the judgement says why."""

    def die(_: dict[str, Any]) -> Answer:
        bench.endpoint.stop()
        return 200, {}

    bench.endpoint.answers["DescribeLimits"] = die
    judgement = bench.judge(
        TWO_TESTS.format(first="here.client.describe_limits(); here.client.list_tables()")
    )
    assert judgement.unreachable is not None
    assert "stopped answering" in judgement.unreachable
    assert [record.verdict for record in bench.watching.records] == ["inconclusive", "inconclusive"]
    assert bench.watching.result("test_second").reason == f"not run: {judgement.unreachable}"
    assert len(bench.watching.begun) == 1


def test_an_endpoint_that_never_answers_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few tests in a row that timed out, the rest is not run, and the run ends in bounded time."""
    monkeypatch.setattr(wire, "READ_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(plugin, "TIMEOUTS_IN_A_ROW", 1)
    released = threading.Event()

    def hang(_: dict[str, Any]) -> Answer:
        released.wait(20)
        return 200, {}

    bench.endpoint.answers["CreateTable"] = hang
    try:
        judgement = bench.judge(TWO_TESTS.format(first="pass"))
    finally:
        released.set()
    assert judgement.unreachable is not None
    assert [record.verdict for record in bench.watching.records] == ["inconclusive", "inconclusive"]
    assert bench.watching.result("test_second").reason == f"not run: {judgement.unreachable}"
    assert len(bench.watching.begun) == 1


def test_a_test_has_a_bounded_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past its time a test makes no further request and says nothing; cleaning up has no such bound."""
    monkeypatch.setattr(wire, "TEST_SECONDS", -1.0)
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            here.client.list_tables()
        """
    )
    assert found.verdict == "inconclusive"
    assert "took longer" in found.reason
    assert "ListTables" in bench.endpoint.calls


def test_a_fault_of_ours_outside_of_a_test_ends_the_run_cleanly(
    bench: Bench, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised, not turned into a verdict; what was made is removed; pytest prints nothing of it."""
    bench.endpoint.tables.add("run-left")

    def broken(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(bench.watching, "finished", broken)
    with pytest.raises(RuntimeError, match="no space left on device"):
        bench.judge(TWO_TESTS.format(first="pass"))
    assert bench.endpoint.tables == set()
    assert capfd.readouterr() == ("", "")


# -- targets that are in trouble ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (refusal("ProvisionedThroughputExceededException", "slow down"), "inconclusive"),
        (refusal("ThrottlingException", "slow down"), "inconclusive"),
        (refusal("InternalServerError", "database or disk is full", 500), "inconclusive"),
        ((503, b"<html>overloaded</html>"), "inconclusive"),
        ((200, b"\x00\xffgarbage"), "inconclusive"),
        ((200, b"[]"), "inconclusive"),
        ((200, b'{"TableDescription": 5}'), "inconclusive"),
        ((400, b"\xff[]"), "inconclusive"),
        ((500, b"\xff[]"), "inconclusive"),
    ],
    ids=[
        "throttled",
        "throttled by the framework",
        "disk full",
        "overloaded",
        "garbage",
        "no object",
        "other shape",
        "garbage as a refusal",
        "garbage as an error",
    ],
)
def test_a_target_in_trouble_is_never_green_and_never_accused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, answer: Answer, verdict: str
) -> None:
    """Whatever prepares a test fails: every test ends inconclusive, soon, with the answer as the reason."""
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0.0)
    bench.endpoint.answers["CreateTable"] = lambda _: answer
    judgement = bench.judge(TWO_TESTS.format(first="pass"))
    assert [record.verdict for record in bench.watching.records] == [verdict, verdict]
    assert all(record.reason for record in bench.watching.records)
    assert judgement.unreachable is None


def test_a_run_has_a_time_limit(bench: Bench) -> None:
    """When it is up no further test begins, and what was not run is inconclusive and says so."""
    bench.judge(TWO_TESTS.format(first="import time; time.sleep(0.3)"), limit_seconds=0.2)
    first, second = bench.watching.records
    assert first.verdict == "pass"
    assert second.verdict == "inconclusive"
    assert second.reason.startswith("not run: the time limit")


# -- targets of ours that crash -----------------------------------------------------------------------


class Nurse:
    """Watches over the tiny endpoint as a launcher does, and crashes it on demand."""

    def __init__(self, bench: Bench, directory: Path, *, comes_back: bool = True) -> None:
        self.supervision = Supervision(directory, persistent=False)
        self._bench = bench
        self._comes_back = comes_back
        self.crashes = 0

    def crash(self, _: dict[str, Any]) -> Answer:
        self.crashes += 1
        self._tell(event="crashed", exit=-11, tail="segmentation fault")
        self._bench.endpoint.stop()
        if self._comes_back:
            self._bench.endpoint.start_again()
            self._tell(event="started")
        else:
            self._tell(event="given up", reason="it crashed five times")
        raise ConnectionAbortedError

    def _tell(self, **event: Any) -> None:
        with (self.supervision.directory / "events.jsonl").open("a") as file:
            file.write(json.dumps(event) + "\n")


def test_a_crash_is_a_finding_and_the_run_goes_on(bench: Bench, tmp_path: Path) -> None:
    """The test that meets a crash each time is inconclusive, the next one is judged, each crash is told."""
    nurse = Nurse(bench, tmp_path)
    bench.endpoint.answers["DescribeLimits"] = nurse.crash
    judgement = bench.judge(
        TWO_TESTS.format(first="here.client.describe_limits()"), supervision=nurse.supervision
    )
    first, second = bench.watching.result("test_first"), bench.watching.result("test_second")
    assert first.verdict == "inconclusive"
    assert "the endpoint crashed during this test: exit code -11" in first.reason
    assert "segmentation fault" in first.reason
    assert second.verdict == "pass"
    assert judgement.unreachable is None
    kinds = {kind for kind, _ in bench.watching.findings}
    assert kinds == {"crash"}
    assert len(bench.watching.findings) == nurse.crashes
    assert first.test in bench.watching.findings[0][1]


def test_a_test_that_met_somebody_elses_crash_is_judged_afresh(bench: Bench, tmp_path: Path) -> None:
    """Its tables were lost with the endpoint's memory; that is no failure of the claim."""
    nurse = Nurse(bench, tmp_path)
    crashed: list[int] = []

    def crash_once(body: dict[str, Any]) -> Answer:
        if not crashed:
            crashed.append(1)
            return nurse.crash(body)
        return 200, {}

    bench.endpoint.answers["DescribeLimits"] = crash_once
    code = """
        @claim("PI-12")
        def test_it(here):
            table = here.shared_table()
            here.client.describe_limits()
            assert table.status() == "ACTIVE", "the table is gone"
        """
    bench.judge(code, supervision=nurse.supervision)
    assert bench.watching.result().verdict == "pass"
    assert [kind for kind, _ in bench.watching.findings] == ["crash"]


def test_a_target_that_does_not_come_back_ends_the_run(bench: Bench, tmp_path: Path) -> None:
    """With the reason why it was given up."""
    nurse = Nurse(bench, tmp_path, comes_back=False)
    bench.endpoint.answers["DescribeLimits"] = nurse.crash
    judgement = bench.judge(
        TWO_TESTS.format(first="here.client.describe_limits()"), supervision=nurse.supervision
    )
    assert judgement.unreachable == "the endpoint crashed and it crashed five times"
    assert bench.watching.result("test_second").reason == f"not run: {judgement.unreachable}"
