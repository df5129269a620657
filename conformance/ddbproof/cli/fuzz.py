"""`ddbproof fuzz`: Hypothesis drives an endpoint and the specification side by side, and compares every answer.

Without --endpoint the reference endpoint is driven inside this process, with its clock under control. A failure is
shrunk to few steps, told, and written down as a program that needs boto3 only.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

    from ddbproof.conformance.fuzz.machine import Seen, World, Worlds

CI_EXAMPLES = 400
BATCH_EXAMPLES = 100
STEPS = 30
_BEGAN = 1_800_000_000
_SHARD = re.compile(r"([1-9]\d*)/([1-9]\d*)\Z")


def fuzz(
    *,
    profile: str = "ci",
    minutes: float | None = None,
    seed: int | None = None,
    shard: str = "1/1",
    endpoint: str | None = None,
    script: Path = Path("fuzz-failure.py"),
    database: Annotated[Path | None, Parameter(name="--database")] = None,
) -> int:
    """Drive an endpoint with random steps, and compare every answer with the specification.

    Exit codes: 0 nothing found, 1 the endpoint disagrees with the specification, 3 unreachable, 130 interrupted.

    Parameters
    ----------
    profile
        `ci`: a fixed number of runs, about two minutes on the reference endpoint.
    minutes
        Go on for so long instead, in batches with seeds of their own.
    seed
        Makes the run repeatable; otherwise it follows from the commit and the shard.
    shard
        I/N: other seeds for each of N machines.
    endpoint
        Drive the endpoint at this address instead. Its clock cannot be moved, so what needs time to pass
        is left out. Everything it makes has a random prefix and is removed again.
    script
        Where to write the program that repeats a failure.
    database
        Where Hypothesis keeps the failures it found, to try them first next time.
    """
    from rich.console import Console

    from ddbproof.conformance.fuzz.machine import Seen

    if profile != "ci":
        raise CommandError(f"there is no profile {profile}", hint="ci is the only one; or give --minutes")
    if not _SHARD.match(shard):
        raise CommandError(f"--shard {shard} is not I/N, for example 2/4")
    console = Console(highlight=False, markup=False, soft_wrap=True)
    chosen = _seed_of(shard) if seed is None else seed
    seen = Seen()
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        worlds = _in_process() if endpoint is None else _at(endpoint, stack)
        console.print(f"seed {chosen}, {endpoint or 'reference endpoint in process'}")
        batch = 0
        while True:
            examples = CI_EXAMPLES if minutes is None else BATCH_EXAMPLES
            failure = _batch(worlds, seen, chosen + batch, examples, database)
            if failure is not None:
                return _failed(console, seen, failure, script, chosen + batch)
            batch += 1
            spent = time.monotonic() - began
            console.print(
                f"{seen.runs} runs, {sum(seen.rules.values())} steps, {len(seen.states)} states, {spent:.0f} s"
            )
            if minutes is None or spent > minutes * 60:
                break
    for rule, count in seen.rules.most_common():
        console.print(f"  {count:7} {rule}")
    console.print("the endpoint agreed with the specification in every step")
    return ExitCode.OK


def _seed_of(shard: str) -> int:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"],  # noqa: S607 - whatever git the user has
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    return int(hashlib.sha256(f"{commit} {shard}".encode()).hexdigest()[:8], 16)


def _batch(worlds: Worlds, seen: Seen, seed: int, examples: int, database: Path | None) -> Any:
    """Run a batch; returns the disagreement it ended in, if any."""
    from hypothesis import HealthCheck, settings
    from hypothesis import seed as seeded
    from hypothesis.database import DirectoryBasedExampleDatabase
    from hypothesis.stateful import run_state_machine_as_test

    from ddbproof.conformance.fuzz.machine import machine
    from ddbproof.conformance.fuzz.steps import Disagreement

    kind = machine(worlds, seen)
    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None if database is None else DirectoryBasedExampleDatabase(database),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    try:
        with contextlib.redirect_stdout(None):
            run_state_machine_as_test(seeded(seed)(kind), settings=chosen)
    except Disagreement as found:
        return found
    return None


def _failed(console: Console, seen: Seen, failure: Any, script: Path, seed: int) -> int:
    from ddbproof.conformance.fuzz.script import written

    console.print(f"\nthe endpoint disagrees with the specification, after {seen.runs} runs:", style="red")
    for number, step in enumerate(failure.steps, 1):
        console.print(f"  {number}. {step}")
    console.print(str(failure).partition("\n")[2], style="red")
    arns = [step.arguments["BackupArn"] for step in failure.steps if "BackupArn" in step.arguments]
    last = seen.last
    known = list(last.arns.values()) if last is not None else arns
    try:
        script.write_text(written(failure.steps, script.name, last.world.now, known))
    except OSError as error:
        raise CommandError(f"cannot write {script}", cause=str(error)) from error
    console.print(f"to repeat it: {script}; again: ddbproof fuzz --seed {seed}")
    return ExitCode.VIOLATIONS


def _in_process() -> Worlds:
    """Worlds of the reference endpoint, whose clock stands still; clients are made once, as they cost most."""
    from ddbproof.conformance.fuzz.machine import ABROAD, HOME, World
    from ddbproof.reference_impl.embedded import in_process
    from ddbproof.reference_impl.options import EndpointOptions

    options = EndpointOptions(
        frozen_at_milliseconds=_BEGAN * 1000, replication_delay_seconds=2.0, restore_lag_seconds=300
    )
    clients: dict[str, Any] = {}

    @contextlib.contextmanager
    def world() -> Iterator[World]:
        with in_process(options) as store:
            for region in (HOME, ABROAD):
                if region in clients:
                    store.attach(clients[region])
                else:
                    clients[region] = store.client(region)
            try:
                yield World(clients.__getitem__, store.clock.advance, _BEGAN)
            finally:
                for client in clients.values():
                    store.detach(client)

    return world


def _at(endpoint: str, stack: contextlib.ExitStack) -> Worlds:
    """Worlds of a running endpoint: each with a prefix of its own, swept when it ends."""
    from botocore.exceptions import BotoCoreError

    from ddbproof.conformance.fuzz.machine import HOME, World
    from ddbproof.conformance.kit.wire import Wire
    from ddbproof.conformance.targets.endpoint import named_target

    client = Wire(named_target([endpoint], None)).client(HOME)
    try:
        client.list_tables(Limit=1)
    except BotoCoreError as error:
        raise CommandError(
            f"{endpoint} cannot be reached", cause=str(error), exit_code=ExitCode.UNREACHABLE
        ) from error
    run = f"ddbproof-fuzz-{secrets.token_hex(4)}-"
    stack.callback(_sweep, client, run)
    numbers = iter(range(1_000_000))

    @contextlib.contextmanager
    def world() -> Iterator[World]:
        prefix = f"{run}{next(numbers)}-"
        try:
            yield World(lambda _region: client, None, int(time.time()), prefix=prefix)
        finally:
            _sweep(client, prefix)

    return world


def _sweep(client: Any, prefix: str) -> None:
    """Remove every table whose name begins so, and its backups."""
    from botocore.exceptions import ClientError

    for page in client.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            if name.startswith(prefix):
                with contextlib.suppress(ClientError):
                    client.update_table(TableName=name, DeletionProtectionEnabled=False)
                with contextlib.suppress(ClientError):
                    client.delete_table(TableName=name)
    with contextlib.suppress(ClientError):
        for summary in client.list_backups().get("BackupSummaries", []):
            if summary["TableName"].startswith(prefix):
                with contextlib.suppress(ClientError):
                    client.delete_backup(BackupArn=summary["BackupArn"])
