"""What a run is: the target, the selection and the seed.

A `Plan` is made once, by the command line or by a test, and handed to `judge`. It holds everything that
determines a run, so that two runs with equal plans against equal targets do the same requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key pair to sign with. Never printed, never written to a report."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ControlAccess:
    """Where the tester's hand of a target is: base URL and token (only the reference endpoint has one)."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Supervision:
    """How a launched target is watched over, by files in `directory`, which every process of a run can read.

    `events.jsonl` gets a line for whatever happens to the server, each before what it announces:
    `{"event": "crashed", "exit": -11, "tail": "last lines it printed"}` when it ended by itself,
    `{"event": "killed"}` when it was ended because a file `kill` was put there (which is then removed),
    `{"event": "started"}` when it answers again, `{"event": "given up", "reason": "..."}` when it never will.
    `persistent` says whether what was written before is there after it was started again.
    """

    directory: Path
    persistent: bool


@dataclass(frozen=True, slots=True)
class Hooks:
    """The user's own commands that do something to the endpoint: arguments by action, run without a shell.

    Actions are `start`, `stop`, `kill`, `isolate`, `heal`, `zone-down`, `zone-up` and `split`; in the arguments of the last
    five `{region}` stands for a Region, in those of zones `{zone}` for the number of one, in those of `split` `{table}` for the
    table of which a partition is to be split. `persistent` says whether what was written before a stop is there after a start. A
    command that takes longer than `timeout_seconds` is ended.
    """

    commands: Mapping[str, tuple[str, ...]]
    persistent: bool = True
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint under judgement.

    `endpoints` maps Region to base URL; the first Region is the one single-Region tests use. `control` is
    there only where time (and later faults) are under the tester's control. `defect` names a planted defect
    that a relay in front of the target commits, None in every honest run. `supervision` is there where we
    launched the target and start it again when it dies; `hooks` where the user says how to harm it.
    """

    name: str
    endpoints: Mapping[str, str]
    credentials: Credentials
    version: str | None = None
    control: ControlAccess | None = None
    profile: str | None = None
    defect: str | None = None
    supervision: Supervision | None = None
    hooks: Hooks | None = None

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions in order of preference."""
        return tuple(self.endpoints)

    @property
    def clock(self) -> str:
        """`movable` where the tester may move the endpoint's time, else `fixed`."""
        return "movable" if self.control is not None else "fixed"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: `target`, `seed`, the `prefix` of every resource it creates, and what is selected.

    `select` holds claim ids, claim id patterns (`PI-*`) or parts of test names; `areas` holds area keys of
    the claims registry. Empty means everything. A test is run when it matches both. `shard` (i, n) keeps of
    these every n-th, beginning with the i-th, counted from 1. After `limit_seconds` no further test begins.
    """

    target: Target
    seed: int
    prefix: str
    select: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    shard: tuple[int, int] | None = None
    limit_seconds: float = 3600.0
