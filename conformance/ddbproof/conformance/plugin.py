"""The pytest plugin behind `judge`: selects tests, turns their outcomes into verdicts, repeats, gives up.

Rules (design.md section 3): a failed assert is `fail`, and `differs` where the claim's source is no contract;
a failed test of single requests is repeated once and both attempts are kept; a consistency violation is
never repeated away; a target that stops answering ends the run, and what was not run is inconclusive.
Gone is a target whose port takes no connection any more, or that has let so many tests in a row wait in vain.
A target of ours that crashed is started again by whoever launched it: the test that met the crash is repeated
once, is inconclusive if it meets another, and the crash is told as a finding.
"""

from __future__ import annotations

import inspect
import socket
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import pytest
from _pytest.runner import runtestprotocol

from ddbproof.conformance.kit.claim import claims_of, is_consistency_test
from ddbproof.conformance.kit.fixtures import SEEN, World
from ddbproof.conformance.kit.outcomes import CONNECTION_ERRORS, TIMEOUTS, outcome_of
from ddbproof.conformance.observer import Observer, SelectedTest
from ddbproof.conformance.plan import Plan
from ddbproof.model.claims import Registry, SourceRank, load_registry
from ddbproof.reports.schema import Attempt, Exchange, ResultRecord
from ddbproof.reports.verdicts import Verdict

TIMEOUTS_IN_A_ROW = 2

Feed = Callable[["JudgePlugin", Sequence[pytest.Item]], Iterable[pytest.Item]]

_ATTEMPT = pytest.StashKey[Attempt | None]()
_BROKEN = pytest.StashKey[BaseException | None]()


class JudgePlugin:
    """One run. Afterwards tells `selected_count`, `interrupted`, `unreachable`, `touched_target` and `crashes`.

    `feed` says which of the selected tests to run, and when; all in order unless given. `crashes` are the tests
    that were running when the target crashed, by the number of the crash.
    """

    def __init__(self, plan: Plan, world: World, observer: Observer, feed: Feed | None = None) -> None:
        self._plan = plan
        self._world = world
        self._observer = observer
        self._feed = feed
        self._registry: Registry = load_registry()
        self._deadline = time.monotonic() + plan.limit_seconds
        self.selected_count = 0
        self.interrupted = False
        self.touched_target = False
        self.unreachable: str | None = None
        self.collection_problem: str | None = None
        self.internal_error: BaseException | None = None
        self.crashes: dict[int, list[str]] = {}
        self._timeouts_in_a_row = 0
        self._exchanges: list[Exchange] = []

    # -- selection ------------------------------------------------------------------------------------

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A suite file that cannot be imported is our error, not an empty selection."""
        if report.failed:
            self.collection_problem = f"{report.nodeid} cannot be collected: {report.longrepr}"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep what the plan selects, and tell the observer."""
        items[:] = [item for item in items if self._is_selected(item)]
        if self._plan.shard is not None:
            number, count = self._plan.shard
            items[:] = items[number - 1 :: count]
        self.selected_count = len(items)
        self._observer.selected([_selected(item) for item in items])

    def _is_selected(self, item: pytest.Item) -> bool:
        claim_ids = claims_of(_function(item))
        if not claim_ids:
            self.collection_problem = f"{name_of(item)} judges no claim"
            return False
        areas = {self._registry.claim(claim_id).area for claim_id in claim_ids}
        wanted = self._plan.select
        return (not self._plan.areas or bool(areas & set(self._plan.areas))) and (
            not wanted
            or any(
                pattern in name_of(item) or any(fnmatchcase(claim_id, pattern) for claim_id in claim_ids)
                for pattern in wanted
            )
        )

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> bool:
        """What breaks outside of any test is our error: kept for `judge`; pytest shall print nothing."""
        self.internal_error = excinfo.value
        return True

    # -- running --------------------------------------------------------------------------------------

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run what is fed, if somebody feeds; otherwise pytest runs all in order."""
        if self._feed is None or session.config.option.collectonly:
            return None
        for item in self._feed(self, session.items):
            # Each test takes down whatever it set up: nobody knows which one comes next.
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        return True

    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run one test, twice if the rule says so."""
        name = name_of(item)
        stopped = self.unreachable or self._time_is_up()
        if stopped is not None:
            self._report(item, [Attempt(Verdict.INCONCLUSIVE, f"not run: {stopped}", 0.0)])
            return True
        self._observer.started(name)
        self._exchanges = []
        self.touched_target = True
        crashes = len(self._world.watch.crashes)
        try:
            attempts = [self._attempt(item, nextitem)]
            if self._has_crashed(item, crashes):
                attempts = [self._attempt_after_crash(item, nextitem)]
            elif attempts[0].verdict is Verdict.FAIL and not is_consistency_test(_function(item)):
                attempts.append(self._attempt(item, nextitem))
        except KeyboardInterrupt:
            self.interrupted = True
            raise
        finally:
            self._world.wire.end_test()
        self._give_up_if_gone(item.stash.get(_BROKEN, None))
        self._report(item, attempts)
        return True

    def _time_is_up(self) -> str | None:
        if time.monotonic() < self._deadline:
            return None
        return f"the time limit of the run, {self._plan.limit_seconds:.0f} seconds, was up"

    def _has_crashed(self, item: pytest.Item, crashes_before: int) -> bool:
        """Whether the target crashed since; waits until it is back, or gives it up."""
        watch = self._world.watch
        broken = isinstance(item.stash.get(_BROKEN, None), CONNECTION_ERRORS)
        if len(watch.crashes) <= crashes_before and not (broken and watch.wait_until_back(crashes_before)):
            return False
        for number in range(crashes_before, len(watch.crashes)):
            self.crashes.setdefault(number, []).append(name_of(item))
        if not watch.wait_until_back(crashes_before):
            reason = watch.gone_for_good() or "it did not come back"
            self.unreachable = f"the endpoint crashed and {reason}"
        self._world.forget_what_was_shared()
        return True

    def _attempt_after_crash(self, item: pytest.Item, nextitem: pytest.Item | None) -> Attempt:
        """Run the test once more: the crash may have had another reason than this test."""
        crashes = len(self._world.watch.crashes)
        if self.unreachable is None:
            attempt = self._attempt(item, nextitem)
            if not self._has_crashed(item, crashes):
                return attempt
        told = self._world.watch.crashes[-1]
        return Attempt(Verdict.INCONCLUSIVE, f"the endpoint crashed during this test: {told}", 0.0)

    def _attempt(self, item: pytest.Item, nextitem: pytest.Item | None) -> Attempt:
        """Run the test once on fresh fixtures."""
        item.stash[_ATTEMPT] = None
        item.stash[_BROKEN] = None
        item.stash[SEEN] = {}
        self._world.wire.begin_test()
        began = time.monotonic()
        # pytest runs an item once; these two lines are what its rerun plugins do to run it again.
        item.funcargs = {}  # type: ignore[attr-defined]
        item._initrequest()  # type: ignore[attr-defined]
        runtestprotocol(item, log=False, nextitem=nextitem)
        attempt = item.stash.get(_ATTEMPT, None) or Attempt(Verdict.PASS, "", 0.0)
        if attempt.verdict is not Verdict.PASS:
            self._exchanges = list(self._world.wire.exchanges)
        return Attempt(attempt.verdict, attempt.reason, round(time.monotonic() - began, 3))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        """Keep the first exception of an attempt as its verdict."""
        report = yield
        if call.excinfo is not None and item.stash.get(_ATTEMPT, None) is None:
            error = call.excinfo.value
            if isinstance(error, KeyboardInterrupt):
                raise error
            verdict, reason = outcome_of(error, preparing=call.when != "call")
            item.stash[_ATTEMPT] = Attempt(verdict, reason, 0.0)
            item.stash[_BROKEN] = error
        return report

    def _give_up_if_gone(self, error: BaseException | None) -> None:
        """When nothing listens any more, or nobody answers, no further test can say anything."""
        self._timeouts_in_a_row = self._timeouts_in_a_row + 1 if isinstance(error, TIMEOUTS) else 0
        if self._timeouts_in_a_row >= TIMEOUTS_IN_A_ROW:
            self.unreachable = (
                f"the endpoint stopped answering: {self._timeouts_in_a_row} tests in a row timed out"
            )
        if not isinstance(error, CONNECTION_ERRORS) or self.unreachable is not None:
            return
        for region, url in self._plan.target.endpoints.items():
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
            try:
                socket.create_connection((parts.hostname or "", port), timeout=3).close()
            except OSError as error:
                self.unreachable = f"the endpoint of {region} stopped answering: {error}"
                return

    # -- results --------------------------------------------------------------------------------------

    def _report(self, item: pytest.Item, attempts: Sequence[Attempt]) -> None:
        verdict, reason = _combined(attempts)
        seen: dict[str, str] = item.stash.get(SEEN, {})
        self._observer.finished(
            name_of(item),
            [
                ResultRecord(
                    claim=claim_id,
                    test=name_of(item),
                    promise=_promise(item),
                    verdict=self._for_claim(claim_id, verdict),
                    reason=reason,
                    seconds=round(sum(attempt.seconds for attempt in attempts), 3),
                    attempts=list(attempts),
                    seen=seen,
                    exchanges=[] if verdict is Verdict.PASS else self._exchanges,
                )
                for claim_id in claims_of(_function(item))
            ],
        )

    def _for_claim(self, claim_id: str, verdict: Verdict) -> Verdict:
        """Only a contract can be broken; from any other source a target merely differs."""
        contract = self._registry.claim(claim_id).rank is SourceRank.CONTRACT
        return verdict if verdict is not Verdict.FAIL or contract else Verdict.DIFFERS


def _combined(attempts: Sequence[Attempt]) -> tuple[Verdict, str]:
    """The verdict on a test from its attempts: a failure stands only if it came twice."""
    first, last = attempts[0], attempts[-1]
    if len(attempts) == 1 or last.verdict is first.verdict:
        return first.verdict, first.reason
    return Verdict.INCONCLUSIVE, f"failed once ({first.reason}), then {last.verdict} when repeated"


def _function(item: pytest.Item) -> Any:
    return item.function  # type: ignore[attr-defined]


def _selected(item: pytest.Item) -> SelectedTest:
    alone = "faults" in item.fixturenames  # type: ignore[attr-defined]
    return SelectedTest(name_of(item), claims_of(_function(item)), _promise(item), alone)


def name_of(item: pytest.Item) -> str:
    """A test's name: its file and its function."""
    return f"{item.path.name}::{item.name}"


def _promise(item: pytest.Item) -> str:
    return " ".join((inspect.getdoc(_function(item)) or "").split())
