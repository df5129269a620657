"""What a person sees while a run goes on: a live line on a terminal, plain lines anywhere else.

Both tell the same. Each finished test has its verdict, its claims, its name and its seconds; the reason stands
below it unless it passed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from ddbproof.reports.summary import one_line
from ddbproof.reports.terminal import STYLES
from ddbproof.reports.verdicts import WORST_FIRST, Verdict

if TYPE_CHECKING:
    from ddbproof.conformance.judge import SelectedTest
    from ddbproof.reports.schema import ResultRecord

_REASON_CHARACTERS = 600


@contextlib.contextmanager
def own_console() -> Iterator[Console]:
    """A console on a copy of standard output, which stays ours while pytest captures the original."""
    try:
        output = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace", buffering=1)
    except (OSError, ValueError, AttributeError):  # no real file below, as in some embedding programs
        yield Console(highlight=False, markup=False, soft_wrap=True)
        return
    try:
        yield Console(file=output, highlight=False, markup=False, soft_wrap=True)
    finally:
        # Whoever reads standard output may have gone: what is left to write is then lost, and nobody misses it.
        with contextlib.suppress(OSError):
            output.close()


class Progress:
    """Observer of a run that tells a person; a context manager around the live line."""

    def __init__(self, console: Console) -> None:
        self.counts: Counter[Verdict] = Counter()
        self._console = console
        self._live: Live | None = None
        self._total = 0
        self._done = 0
        self._current = ""
        self._began = time.monotonic()

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._line,
                console=self._console,
                transient=True,
                refresh_per_second=8,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def selected(self, tests: Sequence[SelectedTest]) -> None:
        """The run is about to begin."""
        self._total = len(tests)
        claims = {claim for test in tests for claim in test.claims}
        self._console.print(f"{len(tests)} tests judge {len(claims)} claims")

    def started(self, test: str) -> None:
        """A test has begun."""
        self._current = test

    def finished(self, test: str, records: Sequence[ResultRecord]) -> None:
        """A test is over."""
        self._done += 1
        self._current = ""
        self.counts.update(record.verdict for record in records)
        if not records:
            return
        # A test that judges several claims is shown by its gravest verdict.
        worst = min(records, key=lambda record: WORST_FIRST.index(record.verdict))
        line = Text(f"{worst.verdict:<18}", style=STYLES[worst.verdict])
        line.append(" ".join(record.claim for record in records), style="bold")
        line.append(f"  {one_line(test)}  {worst.seconds:.1f} s", style="not bold default")
        self._console.print(line)
        if worst.verdict is not Verdict.PASS and worst.reason:
            self._console.print(Text("    " + one_line(worst.reason, _REASON_CHARACTERS)))

    def finding(self, kind: str, text: str) -> None:
        """Something was seen that is no verdict."""
        self._console.print(Text(one_line(f"seen: {kind}: {text}", _REASON_CHARACTERS), style="dim"))

    def _line(self) -> Group:
        seconds = time.monotonic() - self._began
        counts = "  ".join(f"{name} {self.counts[name]}" for name in WORST_FIRST[::-1] if self.counts[name])
        head = Text(f"{self._done}/{self._total}  {seconds:.0f} s  {counts}")
        return Group(Spinner("dots", Text(self._current or "...")), head)
