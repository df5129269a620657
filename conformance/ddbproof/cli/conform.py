"""`ddbproof conform`: judge an endpoint's high availability and write a report."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from ddbproof.conformance.plan import Plan, Target
    from ddbproof.conformance.run import Outcome

_FLAG = Parameter(negative="")
_REPEATABLE = Parameter(negative="", allow_leading_hyphen=False)
_SEED_LIMIT = 2**32
_MOST_JOBS = 64
_JOBS_WHERE_TESTS_WAIT = 4
_LIMIT_MINUTES = 60.0
_CLAIM = re.compile(r"[A-Z]+-[0-9]+")


def conform(
    *,
    target: str | None = None,
    endpoint: Annotated[list[str] | None, _REPEATABLE] = None,
    profile: str | None = None,
    select: Annotated[list[str] | None, _REPEATABLE] = None,
    area: Annotated[list[str] | None, _REPEATABLE] = None,
    seed: int | None = None,
    jobs: int | None = None,
    shard: str | None = None,
    time_limit_minutes: float = _LIMIT_MINUTES,
    known_failures: Path | None = None,
    hooks: Path | None = None,
    proofs: Path | None = None,
    report: Path | None = None,
    defect: str | None = None,
    lag: Literal["none", "legal"] | None = None,
    list_defects: Annotated[bool, _FLAG] = False,
    list_: Annotated[bool, Parameter(name="--list", negative="")] = False,
) -> int:
    """Judge a DynamoDB-compatible endpoint by what it does, and write a report.

    Without --target and --endpoint the reference endpoint is started and judged. Every table and backup that
    is made has a random prefix of its own and is removed at the end, also after Ctrl-C. AWS itself is refused.

    Exit codes: 0 nothing failed, 1 a promise is broken, 2 usage or nothing selected, 3 target unreachable,
    4 inconclusive only, 5 our own error, 130 interrupted.

    Parameters
    ----------
    target
        A target to launch: reference (the default), moto, ... See `ddbproof targets`.
    endpoint
        An endpoint that runs already, [REGION=]URL; may be repeated. A URL alone serves us-east-1, eu-west-1
        and ap-northeast-1, which it tells apart by the signature; REGION=URL gives just the Regions named.
    profile
        The AWS profile whose credentials sign the requests to --endpoint. Otherwise the environment's do, and
        on loopback AWS's documented example pair.
    select
        Judge only this: a claim (PI-12), a pattern of claims (PI-*), or a part of a test's name; may be
        repeated.
    area
        Judge only the claims of this area; may be repeated. `ddbproof claims` shows areas.
    seed
        Makes the run's random choices repeatable; printed with every run.
    jobs
        How many tests run side by side, each in a process of its own. Otherwise 1 where the clock can be
        moved, which makes waiting needless, and 4 where tests really have to wait.
    shard
        Judge only a part, I/N: the I-th of N equal parts of what is selected. `ddbproof report merge` puts the
        parts together.
    time_limit_minutes
        After this time no further test begins; what was not run is inconclusive.
    known_failures
        A file of failures that are known, each with reason, owner and expiry. They do not count; one that has
        expired does, and so does one that passes. See conformance/README.md.
    hooks
        A file with your own commands to kill, start, isolate and heal the endpoint, for the tests that need
        them. See conformance/README.md.
    proofs
        Results of `ddbproof prove --json FILE`, to stand in the report beside the claims they are about.
    report
        Where results.jsonl and report.html go; otherwise reports/runs/TIME-TARGET here.
    defect
        Plant this defect between the suite and the target, to see the suite catch it.
    lag
        With the reference endpoint: "legal" lets eventually consistent reads and other Regions fall behind by
        chance, as they may. Nothing fails for that; how many stale answers there were is told at the end.
    list_defects
        Show the defects that can be planted, and end.
    list_
        Show what would be judged, and end; no target is needed.
    """
    if list_defects:
        return _show_defects()
    if endpoint and target is not None:
        raise CommandError(
            "--target and --endpoint exclude each other",
            hint="--target launches an endpoint, --endpoint reaches one that runs already",
        )
    if profile is not None and not endpoint:
        raise CommandError(
            "--profile says who signs requests to --endpoint",
            cause="A launched target takes any signature",
            hint="Add --endpoint URL, or leave --profile out",
        )
    if seed is not None and not 0 <= seed < _SEED_LIMIT:
        raise CommandError(
            f"--seed must be a number from 0 to {_SEED_LIMIT - 1}, not {seed}",
            hint="Leave --seed out for a random one; it is printed",
        )
    if lag is not None and (endpoint or target not in (None, "reference")):
        raise CommandError("--lag is for the reference endpoint", hint="leave --target and --endpoint out")
    if defect is not None:
        from ddbproof.conformance.defects import defect_named

        defect_named(defect)
    if jobs is not None and not 1 <= jobs <= _MOST_JOBS:
        raise CommandError(f"--jobs must be a number from 1 to {_MOST_JOBS}, not {jobs}", hint="--jobs 4")
    if not time_limit_minutes > 0:
        raise CommandError("--time-limit-minutes must be more than nothing", hint="--time-limit-minutes 30")
    selection = _checked_selection(tuple(select or ()), tuple(area or ()))
    part = _checked_shard(shard)
    if list_:
        return _show_tests(*selection, part)
    given = {
        "target": None if endpoint else target or "reference",
        "endpoint": endpoint,
        "profile": profile,
        "select": select,
        "area": area,
        "seed": secrets.randbelow(_SEED_LIMIT) if seed is None else seed,
        "jobs": jobs,
        "shard": shard,
        "time-limit-minutes": None if time_limit_minutes == _LIMIT_MINUTES else time_limit_minutes,
        "known-failures": None if known_failures is None else str(known_failures),
        "hooks": None if hooks is None else str(hooks),
        "proofs": None if proofs is None else str(proofs),
        "defect": defect,
        "lag": lag,
    }
    # What the user asked for, for the report's header and for repeating the run.
    options = {name: value for name, value in given.items() if value is not None and value != []}
    return _judge(
        _Wanted(
            options=options,
            target=target or "reference",
            endpoints=endpoint or [],
            profile=profile,
            selection=selection,
            shard=part,
            limit_seconds=60 * time_limit_minutes,
            jobs=jobs,
            known_failures=known_failures,
            hooks=hooks,
            proofs=proofs,
            report=report,
        )
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the command line asks for, checked as far as that goes without a target."""

    options: dict[str, Any]
    target: str
    endpoints: list[str]
    profile: str | None
    selection: tuple[tuple[str, ...], tuple[str, ...]]
    shard: tuple[int, int] | None
    limit_seconds: float
    jobs: int | None
    known_failures: Path | None
    hooks: Path | None
    proofs: Path | None
    report: Path | None

    @property
    def seed(self) -> int:
        """The run's seed."""
        return int(self.options["seed"])


def _judge(wanted: _Wanted) -> int:
    """Open the target, run, and tell how it went."""
    from ddbproof.cli.evidence import EVIDENCE_PACKAGES
    from ddbproof.cli.interrupts import gentle_interrupts
    from ddbproof.cli.progress import Progress, own_console
    from ddbproof.conformance.hooks import load_hooks
    from ddbproof.conformance.known_failures import load_known_failures
    from ddbproof.conformance.plan import Plan
    from ddbproof.conformance.proofs import load_proofs
    from ddbproof.conformance.run import require_writable, run
    from ddbproof.model.claims import load_registry

    if wanted.report is not None:
        require_writable(wanted.report)
    known = None
    if wanted.known_failures is not None:
        known = load_known_failures(wanted.known_failures, load_registry())
    hooks = None if wanted.hooks is None else load_hooks(wanted.hooks)
    proofs = None if wanted.proofs is None else load_proofs(wanted.proofs)
    with gentle_interrupts(), own_console() as console, contextlib.ExitStack() as stack:
        opened = replace(_open(wanted, stack), hooks=hooks)
        jobs = wanted.jobs or (1 if opened.clock == "movable" else _JOBS_WHERE_TESTS_WAIT)
        # Nobody moves the clock of an endpoint that others use.
        copies = [_open(wanted, stack) for _ in range(jobs - 1)] if opened.clock == "movable" else []
        # The prefix is random in every run: two runs of one seed must not meet in one endpoint.
        prefix = f"ddbproof-{secrets.token_hex(4)}-"
        plan = Plan(opened, wanted.seed, prefix, *wanted.selection, wanted.shard, wanted.limit_seconds)
        directory = wanted.report or _default_directory(opened)
        _introduce(console, plan, jobs)
        with Progress(console) as progress:
            outcome = run(
                plan,
                directory,
                progress,
                jobs=jobs,
                copies=copies,
                known_failures=known,
                options=wanted.options,
                evidence_packages=EVIDENCE_PACKAGES,
                proofs=proofs,
            )
        if wanted.options.get("lag") == "legal":
            seen = _stale_reads([opened, *copies])
            console.print(
                f"stale answers: {seen['eventual']:,} eventual reads, {seen['replica']:,} replica reads, "
                f"{seen['index']:,} index reads"
            )
        _conclude(console, outcome)
    return outcome.exit_code


def _open(wanted: _Wanted, stack: contextlib.ExitStack) -> Target:
    """The target, behind the planted defect if one is asked for; closed with the stack."""
    from ddbproof.conformance.defects import defect_named, plant
    from ddbproof.conformance.targets import open_target

    def launch() -> Target:
        return stack.enter_context(
            open_target(
                wanted.target,
                endpoints=wanted.endpoints,
                profile=wanted.profile,
                seed=wanted.seed,
                serve_options=("--lag", wanted.options["lag"]) if "lag" in wanted.options else (),
            )
        )

    opened = launch()
    defect = wanted.options.get("defect")
    if defect is None:
        return opened
    needs_copy = defect_named(defect).needs_copy
    if needs_copy and wanted.endpoints:
        raise CommandError(
            f"The relay {defect} stands in front of two copies of an endpoint",
            cause="Of one that runs already there is no second copy to be had",
            hint="Use it with --target",
        )
    return stack.enter_context(plant(defect, opened, launch() if needs_copy else None))


def _stale_reads(targets: list[Target]) -> Counter[str]:
    """How many answers were stale, as the endpoints tell it."""
    from ddbproof.conformance.kit.control import question

    seen: Counter[str] = Counter()
    for target in targets:
        if target.control is not None:
            seen.update(question(target.control, "state", purpose="asked for its state")["stale_reads"])
    return seen


def _default_directory(target: Target) -> Path:
    from ddbproof.conformance.provenance import utc_now

    name = "".join(letter if letter.isalnum() else "-" for letter in target.name).strip("-")
    return Path("reports") / "runs" / f"{utc_now():%Y%m%dT%H%M%SZ}-{name}"


def _introduce(console: Console, plan: Plan, jobs: int) -> None:
    target = plan.target
    clock = "clock can be moved" if target.clock == "movable" else "clock cannot be moved"
    version = f" {target.version}" if target.version else ""
    console.print(f"target {target.name}{version} · {', '.join(target.regions)} · {clock} · seed {plan.seed}")
    if target.defect is not None:
        console.print(f"planted defect: {target.defect}")
    if target.clock == "fixed":
        console.print(
            f"tests that have to wait for the endpoint's time take as long as it takes; {jobs} at a time"
        )


def _conclude(console: Console, outcome: Outcome) -> None:
    """Write the page, and say how the run went, where the report is and how to repeat it."""
    from ddbproof.cli.report import write_page
    from ddbproof.conformance.run import PAGE_NAME
    from ddbproof.reports.html import render_html
    from ddbproof.reports.reader import read_results
    from ddbproof.reports.summary import Summary, one_line
    from ddbproof.reports.terminal import print_summary

    results = read_results(outcome.results_path)
    page = outcome.results_path.with_name(PAGE_NAME)
    write_page(page, render_html(results))
    console.print()
    if outcome.unreachable is not None:
        console.print(one_line(f"the target is gone: {outcome.unreachable}"), style="bold red")
    print_summary(results, console)
    console.print(f"{outcome.passed} of {len(outcome.selected)} claims passed in {outcome.seconds:.0f} s")
    console.print(f"report: {page}")
    console.print(f"data:   {outcome.results_path}")
    console.print(f"again:  {Summary(results).command}")


def _show_defects() -> int:
    from rich.console import Console
    from rich.table import Table

    from ddbproof.conformance.defects import DEFECTS, HARMLESS

    table = Table(box=None, pad_edge=False)
    table.add_column("defect", no_wrap=True)
    table.add_column("breaks")
    table.add_column("what is wrong then")
    for defect in (*DEFECTS.values(), *HARMLESS.values()):
        table.add_row(defect.name, " ".join(defect.claims), defect.sentence)
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        # Read by a program: one line each, whatever the width.
        console.width = 300
    console.print(table)
    return ExitCode.OK


def _checked_selection(
    select: tuple[str, ...], areas: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The selection, if every claim and area in it exists; the registry's error, with the nearest, if not."""
    from fnmatch import fnmatchcase

    from ddbproof.conformance.errors import SelectionError
    from ddbproof.model.claims import load_registry

    registry = load_registry()
    for area in areas:
        registry.select(area=area)
    for one in select:
        if _CLAIM.fullmatch(one.upper()):
            registry.claim(one)
        elif set(one) & set("*?[") and not any(fnmatchcase(claim, one) for claim in registry.claims):
            raise SelectionError(
                f"No claim matches {one!r}",
                hint="A pattern stands for claim ids, as in PI-*; see ddbproof claims",
            )
    return select, areas


def _checked_shard(text: str | None) -> tuple[int, int] | None:
    """I/N as numbers, 1 <= I <= N."""
    if text is None:
        return None
    match = re.fullmatch(r"([0-9]{1,4})/([0-9]{1,4})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise CommandError(
            f"--shard must be I/N with I from 1 to N, not {text!r}", hint="--shard 1/3, then 2/3, then 3/3"
        )
    return int(match[1]), int(match[2])


def _show_tests(select: tuple[str, ...], areas: tuple[str, ...], shard: tuple[int, int] | None) -> int:
    """Show what would be judged; asks no target."""
    from rich.console import Console

    from ddbproof.conformance.judge import list_tests
    from ddbproof.conformance.plan import Credentials, Plan, Target

    nowhere = Target("none", {"us-east-1": "http://127.0.0.1:9"}, Credentials("none", "none"))
    tests = list_tests(Plan(nowhere, 0, "ddbproof-", select, areas, shard))
    if not tests:
        raise _empty_selection()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for test in tests:
        console.print(f"{' '.join(test.claims)}  {test.test}")
        console.print(f"    {test.promise}", style="dim")
    claims = {claim for test in tests for claim in test.claims}
    console.print(f"{len(tests)} tests judge {len(claims)} claims")
    return ExitCode.OK


def _empty_selection() -> CommandError:
    return CommandError("Nothing is selected", hint="ddbproof conform --list shows what there is")
