"""Microseconds of kernel calls at logs of a hundred to a million entries: they must not grow with the log.

Run by `make bench`. The log is a list behind the handle that kernel functions take; the minimum of several rounds is
shown, as what interrupts a round only adds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ddbproof.model.kernel import backup, recovery, versions
from ddbproof.model.kernel.backup import Cut, PartitionLog
from ddbproof.model.kernel.recovery import Recovery
from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.storage.log import Entry

LENGTHS = (100, 10_000, 1_000_000)
ROUNDS = 7
CALLS = 2_000


class ListLog:
    """The handle of a log: `put` appends and returns itself."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries

    def __getitem__(self, index: int, /) -> Entry:
        return self.entries[index]

    def put(self, index: int, entry: Entry, /) -> ListLog:
        """Append at the end."""
        if index != len(self.entries):
            raise IndexError(index)
        self.entries.append(entry)
        return self


def microseconds(call: Callable[[], Any]) -> float:
    """Time of one call."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(CALLS):
            call()
        rounds.append((time.perf_counter() - began) / CALLS * 1e6)
    return min(rounds)


def measured(length: int) -> dict[str, float]:
    """Microseconds by function, at a log of that length."""
    version = Version(1, 1)
    log = ListLog([Entry(b"k", b"{}", 2, version, instant) for instant in range(length)])
    partition = PartitionLog(length, length - 1, length - 1)
    anchor = Cut(length // 2, length // 2 - 1)
    middle = length * 3 // 4
    cut = backup.take_cut(partition, log, anchor, middle, middle - 1)
    settings = Recovery(0, 35)
    entry = Entry(b"k", b"{}", 2, version, length)

    def append() -> None:
        backup.append(partition, log, entry)
        log.entries.pop()

    return {
        "versions.next_version": microseconds(lambda: versions.next_version(version, 2, 1)),
        "backup.commit_timestamp": microseconds(lambda: backup.commit_timestamp(partition, length)),
        "backup.append": microseconds(append),
        "backup.take_cut": microseconds(lambda: backup.take_cut(partition, log, anchor, middle, middle - 1)),
        "recovery.restore_plan": microseconds(
            lambda: recovery.restore_plan(settings, length, 0, anchor, 0, cut)
        ),
    }


def main() -> None:
    """Print a table."""
    columns = {length: measured(length) for length in LENGTHS}
    print("| microseconds a call | " + " | ".join(f"{length:,} entries" for length in LENGTHS) + " |")
    print("|---|" + "---|" * len(LENGTHS))
    for name in columns[LENGTHS[0]]:
        print(f"| {name} | " + " | ".join(f"{columns[length][name]:.2f}" for length in LENGTHS) + " |")


if __name__ == "__main__":
    main()
