"""Several jobs judge as one does: the same verdicts, nothing left behind, whatever happens to one of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from typing import Any

import pytest
from judging import Answer, Bench

from ddbproof.conformance.observer import SelectedTest
from ddbproof.conformance.parallel import _Worker

MANY = """
    import os
    import pytest

    @claim("PI-12")
    @pytest.mark.parametrize("number", range(6))
    def test_each(here, number, seen):
        seen["process"] = str(os.getpid())
        seen["table"] = here.new_table().name
        {body}
    """


def test_every_test_is_run_once_in_processes_of_their_own(bench: Bench) -> None:
    """With names of their own; what they made is removed at the end."""
    judgement = bench.judge(MANY.format(body="import time; time.sleep(0.2)"), jobs=3)
    records = bench.watching.records
    assert sorted(record.test for record in records) == sorted(test.test for test in bench.watching.tests)
    assert {record.verdict for record in records} == {"pass"}
    processes = {record.seen["process"] for record in records}
    assert 1 < len(processes) <= 3
    assert str(os.getpid()) not in processes
    assert len({record.seen["table"] for record in records}) == 6
    assert bench.endpoint.tables == set()
    assert judgement == type(judgement)(False, None, 6, ())


def test_a_process_that_dies_is_our_error_and_the_rest_is_judged(bench: Bench) -> None:
    """Not a verdict on the target."""
    bench.judge(MANY.format(body="os._exit(7) if number == 2 else None"), jobs=2)
    verdicts = Counter(str(record.verdict) for record in bench.watching.records)
    assert verdicts == {"pass": 5, "error": 1}
    (lost,) = [record for record in bench.watching.records if record.verdict == "error"]
    assert lost.reason == "the process that ran this test ended with 7"
    assert bench.endpoint.tables == set()


def test_when_every_process_has_died_the_rest_is_an_error(bench: Bench) -> None:
    """The run ends, and nothing is green."""
    bench.judge(MANY.format(body="os._exit(7)"), jobs=2)
    assert [str(record.verdict) for record in bench.watching.records] == ["error"] * 6


def test_a_process_that_dies_while_it_waits_costs_no_test(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another takes what it was to be given, as nothing was begun."""
    original, killed = _Worker.give, list[str]()

    def give(self: _Worker, test: SelectedTest | None) -> None:
        if test is not None and not killed:
            killed.append(test.test)
            self._process.kill()
            self._process.join()
        original(self, test)

    monkeypatch.setattr(_Worker, "give", give)
    bench.judge(MANY.format(body="None"), jobs=2)
    assert len(killed) == 1
    assert [str(record.verdict) for record in bench.watching.records] == ["pass"] * 6


def test_ctrl_c_ends_all_processes_and_cleans_up(bench: Bench) -> None:
    """No test goes on, no process stays, no table is left."""
    timer = threading.Timer(3.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    judgement = bench.judge(MANY.format(body="import time; time.sleep(60)"), jobs=2)
    timer.join()
    assert judgement.interrupted
    assert bench.endpoint.tables == set()


def test_a_target_that_goes_away_ends_all_jobs(bench: Bench) -> None:
    """What was not run is inconclusive."""
    stopped: list[int] = []

    def die(_: dict[str, Any]) -> Answer:
        if not stopped:
            stopped.append(1)
            bench.endpoint.stop()
        return 200, {}

    bench.endpoint.answers["DescribeLimits"] = die
    judgement = bench.judge(
        MANY.format(body="here.client.describe_limits(); here.client.list_tables()"), jobs=2
    )
    assert judgement.unreachable is not None
    assert {str(record.verdict) for record in bench.watching.records} == {"inconclusive"}
    assert len(bench.watching.records) == 6


def test_a_test_that_harms_the_endpoint_runs_alone(bench: Bench) -> None:
    """After all others, one at a time."""
    bench.judge(
        """
        import time
        import pytest

        @claim("PI-12")
        @pytest.mark.parametrize("number", range(2))
        def test_harm(faults, number, seen):
            seen["began"] = str(time.time())
            time.sleep(0.3)
            seen["ended"] = str(time.time())

        @claim("PI-11")
        @pytest.mark.parametrize("number", range(4))
        def test_other(number, seen):
            seen["began"] = str(time.time())
            time.sleep(0.3)
            seen["ended"] = str(time.time())
        """,
        jobs=3,
    )
    spans = {
        record.test: (float(record.seen["began"]), float(record.seen["ended"]))
        for record in bench.watching.records
    }
    harms = sorted(span for test, span in spans.items() if "harm" in test)
    others = [span for test, span in spans.items() if "other" in test]
    assert harms[0][1] <= harms[1][0]
    assert max(end for _, end in others) <= harms[0][0]


def test_the_time_limit_holds_for_all_jobs_together(bench: Bench) -> None:
    """No further test is given out when it is up."""
    began = time.monotonic()
    bench.judge(MANY.format(body="import time; time.sleep(1)"), jobs=2, limit_seconds=0.1)
    assert time.monotonic() - began < 30
    reasons = [record.reason for record in bench.watching.records if record.verdict == "inconclusive"]
    assert reasons
    assert all(reason.startswith("not run: the time limit") for reason in reasons)
    assert len(bench.watching.records) == 6


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_shards_are_disjoint_and_complete(bench: Bench, count: int) -> None:
    """Together they run what one run without shards would; more shards than tests leave some empty."""
    from ddbproof.conformance.judge import list_tests

    bench.write(MANY.format(body="pass"))
    shards = [
        [test.test for test in list_tests(bench.plan(shard=(number, count)), suite_directory=bench.directory)]
        for number in range(1, count + 1)
    ]
    everything = [test.test for test in list_tests(bench.plan(), suite_directory=bench.directory)]
    assert sorted(test for shard in shards for test in shard) == sorted(everything)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
