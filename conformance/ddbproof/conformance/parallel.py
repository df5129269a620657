"""Several jobs: processes that each judge one test after another, taken from one queue.

A test mostly waits, so several of them side by side end sooner even on few cores. Each process has clients, a
prefix and shared tables of its own. Which process gets which test is decided while they run: whoever is free
takes the next. Tests that harm the endpoint come last, one at a time, with nobody beside them.

Processes are spawned, not forked: a fork would share sockets. They ignore Ctrl-C, which the terminal sends to
all; the parent tells them to end. A process that dies is our fault: its test is an `error`, the run goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pytest

from ddbproof.conformance.kit.fixtures import World
from ddbproof.conformance.observer import Observer, SelectedTest
from ddbproof.conformance.plan import Plan, Target
from ddbproof.conformance.plugin import Feed, JudgePlugin, name_of
from ddbproof.conformance.session import list_tests, run_session
from ddbproof.reports.schema import Attempt, ResultRecord
from ddbproof.reports.verdicts import Verdict

_GRACE_SECONDS = 15.0
# A test has three minutes for its requests, twice if it is repeated, and waits besides; longer is our fault.
_LONGEST_TEST_SECONDS = 900.0
_LOOK_AROUND_SECONDS = 5.0


@dataclass
class ParallelEnd:
    """How a run of several jobs ended; members as those of `plugin.JudgePlugin`."""

    selected_count: int
    interrupted: bool = False
    touched_target: bool = False
    unreachable: str | None = None
    internal_error: BaseException | None = None
    crashes: dict[int, list[str]] = field(default_factory=dict)


def run_side_by_side(
    plan: Plan, observer: Observer, suite_directory: Path, jobs: int, copies: Sequence[Target]
) -> ParallelEnd:
    """Runs the selected tests in `jobs` processes, the first against the plan's target, others against copies."""
    tests = list_tests(plan, suite_directory=suite_directory)
    observer.selected(tests)
    end = ParallelEnd(len(tests))
    crew = _Crew(plan, observer, tests, end)
    try:
        crew.hire(min(jobs, len(tests)), suite_directory, copies)
        crew.work()
    except KeyboardInterrupt:
        end.interrupted = True
    finally:
        crew.dismiss()
    return end


class _Worker:
    """One process, as the parent sees it: its end of the pipe, and the test it is at."""

    def __init__(self, number: int, plan: Plan, suite_directory: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.test: SelectedTest | None = None
        self.is_waiting = False
        self._began = time.monotonic()
        self._process = context.Process(
            target=_main, args=(theirs, plan, suite_directory), name=f"ddbproof-job-{number}", daemon=True
        )
        self._process.start()
        theirs.close()

    def give(self, test: SelectedTest | None) -> None:
        """The next test, or None: there is nothing more to do."""
        self.test, self.is_waiting = test, False
        self._began = time.monotonic()
        self.connection.send(None if test is None else test.test)

    def end(self, deadline: float, *, ask: bool) -> None:
        """See the process end: asked if need be, and told at the deadline."""
        if ask:
            self._process.terminate()
        self._process.join(max(0.0, deadline - time.monotonic()))
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self.connection.close()

    def end_if_stuck(self) -> None:
        """Kill a process that takes too long over a test; its pipe then breaks."""
        if self.test is not None and time.monotonic() - self._began > _LONGEST_TEST_SECONDS:
            self._process.kill()

    @property
    def exit_code(self) -> int | None:
        """How the process ended."""
        self._process.join(1.0)
        return self._process.exitcode


class _Crew:
    """The parent's side: hands out tests, and passes on what it is told."""

    def __init__(
        self, plan: Plan, observer: Observer, tests: Sequence[SelectedTest], end: ParallelEnd
    ) -> None:
        self._plan = plan
        self._observer = observer
        self._end = end
        self._deadline = time.monotonic() + plan.limit_seconds
        self._queue = deque(test for test in tests if not test.alone)
        self._alone = deque(test for test in tests if test.alone)
        self._workers: list[_Worker] = []

    def hire(self, jobs: int, suite_directory: Path, copies: Sequence[Target]) -> None:
        """Start the processes; while they start, Ctrl-C must not reach them."""
        targets = (self._plan.target, *copies)
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            for number in range(jobs):
                theirs = replace(
                    self._plan,
                    target=targets[number % len(targets)],
                    prefix=f"{self._plan.prefix}{number}-",
                )
                self._workers.append(_Worker(number, theirs, suite_directory))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    def work(self) -> None:
        """Until every test has its verdict."""
        while self._workers:
            for worker in self._workers:
                worker.end_if_stuck()
            for ready in wait([worker.connection for worker in self._workers], _LOOK_AROUND_SECONDS):
                worker = next(one for one in self._workers if one.connection is ready)
                try:
                    self._hear(worker, *worker.connection.recv())
                except (EOFError, OSError):
                    self._bury(worker)
            self._hand_out()
        for test in (*self._queue, *self._alone):
            reason = "not run: every process of this run had died"
            self._report(test, Verdict.ERROR, reason)

    def _hear(self, worker: _Worker, kind: str, content: Any) -> None:
        end = self._end
        if kind == "free":
            worker.test, worker.is_waiting = None, True
        elif kind == "started":
            end.touched_target = True
            self._observer.started(content)
        elif kind == "finished":
            self._observer.finished(*content)
        elif kind == "problem":
            end.internal_error = end.internal_error or RuntimeError(content)
        elif kind == "unreachable":
            end.unreachable = end.unreachable or content
        elif kind == "crash":
            for number, tests in content.items():
                end.crashes.setdefault(number, []).extend(tests)

    def _hand_out(self) -> None:
        stopped = self._end.unreachable
        if stopped is None and time.monotonic() > self._deadline:
            stopped = f"the time limit of the run, {self._plan.limit_seconds:.0f} seconds, was up"
        if stopped is not None:
            for queue in (self._queue, self._alone):
                while queue:
                    self._report(queue.popleft(), Verdict.INCONCLUSIVE, f"not run: {stopped}")
        waiting = [worker for worker in self._workers if worker.is_waiting]
        everybody = len(waiting) == len(self._workers)
        for worker in waiting:
            if self._queue:
                self._give(worker, self._queue)
            elif not self._alone:
                self._give(worker, None)
        if self._alone and not self._queue and waiting and everybody:
            self._give(waiting[0], self._alone)

    def _give(self, worker: _Worker, queue: deque[SelectedTest] | None) -> None:
        """Give the queue's next test, or None; of a process that has died meanwhile another one takes it."""
        try:
            worker.give(queue[0] if queue else None)
        except OSError:
            # Nothing was begun, so this is no error of a test.
            worker.test = None
            self._bury(worker)
        else:
            if queue:
                queue.popleft()

    def _bury(self, worker: _Worker) -> None:
        """The process is gone; if it was at a test, that is our fault and no verdict on the target."""
        self._workers.remove(worker)
        if worker.test is not None:
            reason = f"the process that ran this test ended with {worker.exit_code}"
            self._report(worker.test, Verdict.ERROR, reason)
        worker.end(time.monotonic() + _GRACE_SECONDS, ask=False)

    def _report(self, test: SelectedTest, verdict: Verdict, reason: str) -> None:
        records = [
            ResultRecord(
                claim, test.test, test.promise, verdict, reason, 0.0, [Attempt(verdict, reason, 0.0)]
            )
            for claim in test.claims
        ]
        self._observer.finished(test.test, records)

    def dismiss(self) -> None:
        """Every process ends, whatever it is at."""
        deadline = time.monotonic() + _GRACE_SECONDS
        while self._workers:
            self._workers.pop().end(deadline, ask=True)


class _Told:
    """The observer of a process: tells the parent."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def selected(self, tests: Sequence[SelectedTest]) -> None:
        """The parent knows them."""

    def started(self, test: str) -> None:
        """Tell."""
        self._connection.send(("started", test))

    def finished(self, test: str, records: Sequence[ResultRecord]) -> None:
        """Tell."""
        self._connection.send(("finished", (test, list(records))))

    def finding(self, kind: str, text: str) -> None:
        """Nothing is found here: crashes and leftovers are the parent's."""


def _main(connection: Connection, plan: Plan, suite_directory: Path) -> None:
    """A process: asks for a test, judges it, asks again. What was created is removed by the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, _interrupt)

    try:
        run_session(plan, World(plan), _Told(connection), suite_directory, feed=_fed_through(connection))
    except (EOFError, BrokenPipeError):
        # The parent has gone without a word; the target may be full of our tables, but nobody is left to tell.
        os._exit(1)
    except Exception as error:
        connection.send(("problem", repr(error)))
    # From here on there is nothing to clean up.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    connection.close()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _fed_through(connection: Connection) -> Feed:
    """Asks the parent for each test, and tells what became of the target during the last one."""

    def feed(plugin: JudgePlugin, items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
        known = {name_of(item): item for item in items}
        while True:
            if plugin.crashes:
                connection.send(("crash", dict(plugin.crashes)))
                plugin.crashes.clear()
            if plugin.unreachable is not None:
                connection.send(("unreachable", plugin.unreachable))
            if plugin.internal_error is not None:
                connection.send(("problem", repr(plugin.internal_error)))
            connection.send(("free", None))
            name = connection.recv()
            if name is None:
                return
            yield known[name]

    return feed
