"""`ddbproof fuzz`: Hypothesis drives an endpoint beside the specification, and every answer is compared.

With --simulate it is the replicated core that is driven, see `simulate`.

Without --endpoint and --target it is the reference endpoint inside this process, whose clock stands still
unless it is moved; there instants are exact to the millisecond. A violation is shortened, told step by step,
and written down as a program that needs boto3 only.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError, ExitCode
from ddbproof.cli.simulate import OPERATIONS
from ddbproof.cli.simulate import simulate as simulated

if TYPE_CHECKING:
    from rich.console import Console

    from ddbproof.conformance.fuzz.campaign import Campaign, Violation
    from ddbproof.conformance.fuzz.run import Gone
    from ddbproof.conformance.fuzz.tally import Tally
    from ddbproof.conformance.fuzz.world import Feature, Worlds

PROFILES = {"quick": 2, "ci": 20}
RUNS_A_BATCH = 50
RUNS_A_BATCH_OF_AN_ENDPOINT = 10
_SEED_LIMIT = 2**32
_BEGAN_AT = 1_800_000_000
_REPLICATION_DELAY_SECONDS = 2.0
_RESTORE_LAG_SECONDS = 300
_SERVE_OPTIONS = f" --replication-delay-seconds {_REPLICATION_DELAY_SECONDS:g}"
_SHARD = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")


def fuzz(
    *,
    profile: str = "ci",
    minutes: float | None = None,
    seed: int | None = None,
    shard: str = "1/1",
    endpoint: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=False)] = None,
    target: str | None = None,
    without: Annotated[list[str] | None, Parameter(negative="", allow_leading_hyphen=False)] = None,
    script: Path | None = None,
    examples: Path | None = None,
    simulate: Annotated[bool, Parameter(negative="")] = False,
    runs: int | None = None,
    operations: int = OPERATIONS,
    jobs: int | None = None,
) -> int:
    """Drive an endpoint through random operations, and compare every answer with the specification.

    With --simulate, a replicated cluster under virtual time and faults instead. Exit codes: 0 no violation, 1
    an answer that DynamoDB's documentation does not allow, 2 usage, 3 the endpoint is not there, 4 a simulated
    cluster that does not come back, 5 our own error, 130 interrupted.

    Parameters
    ----------
    profile
        How much: `quick`, seconds, or `ci`, a fixed number of runs that takes about two minutes on the
        reference endpoint.
    minutes
        Go on for so long instead, batch after batch, and keep what was interesting for the next time.
    seed
        Makes a campaign repeatable. Otherwise it follows from the commit and the shard, and is printed.
    shard
        I/N: each of N machines has seeds of its own.
    endpoint
        An endpoint that runs already, [REGION=]URL; may be repeated. Its time is not moved, so restores to an
        instant, and whatever takes days, are not tried. What is made there has a random prefix and is
        removed again.
    target
        A target to launch: reference, moto, ... See `ddbproof targets`.
    without
        Leave this out: replicas, backups, recovery, protection, transactions or indexes; may be repeated. What
        an endpoint refuses is left out by itself.
    script
        Where to write the program that repeats a violation; otherwise fuzz-SEED.py here.
    examples
        Where Hypothesis keeps interesting examples; they are tried first the next time, so the campaign is
        then no longer determined by its seed alone. With --minutes they are kept in the cache anyway.
    simulate
        Three replicas in three Availability Zones, partitions that split, clients, and faults drawn from the
        seed: crashes, lost disks, torn writes, cut networks, lost messages. --seed is the first run's.
    runs
        With --simulate: how many runs, instead of 20 (quick) or 200 (ci).
    operations
        With --simulate: how many client operations a run has.
    jobs
        With --simulate: how many processes; as many as there are processors otherwise.
    """
    if simulate:
        if endpoint or target is not None or without or minutes is not None or shard != "1/1":
            raise CommandError(
                "--simulate goes with --profile, --seed, --runs, --operations and --jobs only",
                hint="a simulated cluster is no endpoint; leave the other options out",
            )
        return simulated(profile=profile, seed=seed, runs=runs, operations=operations, jobs=jobs)
    if runs is not None or jobs is not None or operations != OPERATIONS:
        raise CommandError("--runs, --operations and --jobs go with --simulate")
    from rich.console import Console

    from ddbproof.cli.interrupts import gentle_interrupts
    from ddbproof.conformance.fuzz.campaign import Campaign, keep_hypothesis_out_of_the_way
    from ddbproof.conformance.fuzz.run import Gone

    wanted = _checked(profile, minutes, seed, shard, endpoint, target, without)
    kept = examples if examples is not None else _cache() if minutes is not None else None
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with gentle_interrupts(), contextlib.ExitStack() as stack:
        keep_hypothesis_out_of_the_way(kept or _cache())
        subject = stack.enter_context(_subject(console, endpoint or [], target, wanted.without, wanted.seed))
        console.print(f"{subject.name} · seed {wanted.seed}")
        campaign = Campaign(subject.worlds, wanted.seed, directory=kept)
        try:
            _go_on(console, campaign, subject, wanted)
        except Gone as gone:
            return _gone(console, gone)
        except KeyboardInterrupt:
            _tell(console, campaign.tally)
            raise
        _tell(console, campaign.tally)
        if campaign.violation is None:
            console.print("every answer was one that the specification allows", style="green")
            return ExitCode.OK
        origin = f"ddbproof fuzz --seed {wanted.seed}, batch {campaign.violation.batch}, {subject.name}"
        return _violated(console, campaign.violation, script, origin, subject.serve_options)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the command line asks for."""

    seed: int
    batches: int
    minutes: float | None
    without: frozenset[Feature]


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is driven: worlds of it, how many runs make a batch, what `ddbproof serve` needs to be like it."""

    name: str
    worlds: Worlds
    runs_a_batch: int
    serve_options: str = ""


def _checked(
    profile: str,
    minutes: float | None,
    seed: int | None,
    shard: str,
    endpoint: list[str] | None,
    target: str | None,
    without: list[str] | None,
) -> _Wanted:
    from ddbproof.conformance.fuzz.campaign import derived_seed
    from ddbproof.conformance.fuzz.world import Feature
    from ddbproof.conformance.provenance import commit

    if profile not in PROFILES:
        raise CommandError(f"there is no profile {profile!r}", hint=f"there are {', '.join(PROFILES)}")
    if minutes is not None and not minutes > 0:
        raise CommandError("--minutes must be more than nothing", hint="--minutes 10")
    if seed is not None and not 0 <= seed < _SEED_LIMIT:
        raise CommandError(f"--seed must be a number from 0 to {_SEED_LIMIT - 1}, not {seed}")
    match = _SHARD.fullmatch(shard)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise CommandError(f"--shard must be I/N with I from 1 to N, not {shard!r}", hint="--shard 1/3")
    if endpoint and target is not None:
        raise CommandError("--target and --endpoint exclude each other")
    for one in without or ():
        if one not in list(Feature):
            raise CommandError(f"there is no feature {one!r}", hint=f"there are {', '.join(Feature)}")
    base = derived_seed(commit() or "no commit") if seed is None else seed
    return _Wanted(
        base if shard == "1/1" else derived_seed(base, shard),
        PROFILES[profile],
        minutes,
        frozenset(Feature(one) for one in without or ()),
    )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ddbproof" / "fuzz"


# -- what is driven ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _subject(
    console: Console, endpoints: list[str], target: str | None, without: frozenset[Feature], seed: int
) -> Iterator[_Subject]:
    """The reference endpoint in this process, or the one that is named; closed with the context."""
    from ddbproof.conformance.fuzz.endpoints import Endpoint
    from ddbproof.conformance.targets import open_target
    from ddbproof.conformance.targets.preflight import preflight

    if not endpoints and target is None:
        yield _Subject(
            "reference endpoint in this process", in_process_worlds(without), RUNS_A_BATCH, _SERVE_OPTIONS
        )
        return
    with open_target(target or "", endpoints=endpoints, seed=seed) as opened:
        preflight(opened)
        there = Endpoint(opened, without)
        for feature, code in there.refusals.items():
            console.print(f"left out: {feature}, which the endpoint refuses with {code}", style="yellow")
        for feature in sorted(without):
            console.print(f"left out: {feature}, as you asked")
        if opened.control is None:
            console.print("left out: what takes minutes or days, as the endpoint's time cannot be moved")
        try:
            yield _Subject(opened.name, there.world, RUNS_A_BATCH_OF_AN_ENDPOINT)
        finally:
            for line in dict.fromkeys(there.left_behind):
                console.print(f"left behind: {line}", style="yellow")


def in_process_worlds(without: frozenset[Feature]) -> Worlds:
    """Worlds of the reference endpoint, whose clock stands still; clients are made once, as they cost most."""
    from ddbproof.conformance.fuzz.replay import START_MILLISECONDS
    from ddbproof.conformance.fuzz.world import Feature, World
    from ddbproof.model.store import Promises
    from ddbproof.reference_impl.embedded import in_process
    from ddbproof.reference_impl.options import EndpointOptions

    options = EndpointOptions(
        frozen_at_milliseconds=_BEGAN_AT * 1000 + START_MILLISECONDS,
        replication_delay_seconds=_REPLICATION_DELAY_SECONDS,
        restore_lag_seconds=_RESTORE_LAG_SECONDS,
    )
    lag = _RESTORE_LAG_SECONDS * 1000
    exact = Promises(
        clock_error=0, backup_band=0, restore_granularity=0, transaction_propagation=0, restore_lag=(lag, lag)
    )
    clients: dict[str, Any] = {}

    @contextlib.contextmanager
    def world() -> Iterator[World]:
        with in_process(options) as store:
            for region in options.regions:
                if region in clients:
                    store.attach(clients[region])
                else:
                    clients[region] = store.client(region)
            try:
                yield World(
                    clients=clients.__getitem__,
                    regions=options.regions,
                    zero=_BEGAN_AT,
                    advance=store.clock.advance,
                    network=lambda action, region: getattr(store.network, action)(region),
                    settling_seconds=_REPLICATION_DELAY_SECONDS + 0.5,
                    promises=exact,
                    features=frozenset(Feature) - without,
                )
            finally:
                for client in clients.values():
                    store.detach(client)

    return world


# -- how it goes ------------------------------------------------------------------------------------------


def _go_on(console: Console, campaign: Campaign, subject: _Subject, wanted: _Wanted) -> None:
    """Batch after batch, each told in a line."""
    began = time.monotonic()

    def more(batches: int) -> bool:
        if wanted.minutes is None:
            return batches < wanted.batches
        return time.monotonic() - began < 60 * wanted.minutes

    with _status(console) as say:
        for batch in campaign.batches(subject.runs_a_batch, more):
            tally, seconds = campaign.tally, time.monotonic() - began
            say(
                f"batch {batch.number}: {tally.runs:,} runs, {tally.steps:,} steps, "
                f"{len(tally.states):,} states reached ({batch.new_states} new), {seconds:.0f} s"
            )


@contextlib.contextmanager
def _status(console: Console) -> Iterator[Callable[[str], None]]:
    """On a terminal one line that changes, elsewhere a line for each batch."""
    if not console.is_terminal:
        yield console.print
        return
    with console.status("the first runs ...") as status:
        yield status.update


def _tell(console: Console, tally: Tally) -> None:
    """What was done and reached."""
    from rich.table import Table

    from ddbproof.conformance.fuzz.campaign import shown_counts

    table = Table(box=None, pad_edge=False)
    table.add_column("step", no_wrap=True)
    table.add_column("times", justify="right")
    table.add_column("of them refused with")
    for name, count, refused in shown_counts(tally):
        codes = ", ".join(f"{code} {times:,}" for code, times in refused.items())
        table.add_row(name.replace("_", " "), f"{count:,}", codes)
    console.print(table)
    console.print(f"{tally.runs:,} runs, {tally.steps:,} steps, {len(tally.states):,} states reached")


def _violated(
    console: Console, violation: Violation, script: Path | None, origin: str, serve_options: str
) -> int:
    """Tell the shortest way to it, and write it down as a program."""
    from ddbproof.conformance.fuzz.replay import told, told_expectation, told_sight
    from ddbproof.conformance.fuzz.script import script as written

    path = script or Path(f"fuzz-{violation.batch_seed}.py")
    steps = violation.steps
    console.print("\nan answer that the specification does not allow:", style="bold red")
    for number, step in enumerate(steps, 1):
        console.print(f"{number:4}. {told(step)}")
        if number < len(steps) and step.operation not in ("advance", "cut_off", "heal"):
            console.print(f"        {told_sight(step)}", style="dim")
    last = steps[-1]
    console.print(f"      expected: {told_expectation(last)}", style="green")
    console.print(f"      seen:     {told_sight(last)}", style="red")
    if not violation.repeated:
        console.print("the endpoint did not do so every time the same steps were taken")
    try:
        path.write_text(written(steps, origin=origin, serve_options=serve_options), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"the program cannot be written to {path}", cause=str(error)) from error
    console.print(f"\nto repeat it: {path} --endpoint URL")
    return ExitCode.VIOLATIONS


def _gone(console: Console, gone: Gone) -> int:
    from ddbproof.conformance.fuzz.replay import told

    console.print(f"\nthe endpoint does not answer any more: {gone.cause}", style="bold red")
    console.print("the last steps were")
    for step in gone.steps[-5:]:
        console.print(f"    {told(step)}")
    return ExitCode.UNREACHABLE
