"""`ddbproof serve`: the reference endpoint for any SDK, the AWS CLI, or your own tests."""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ddbproof.cli.errors import CommandError, ExitCode
from ddbproof.cli.runtime import token_file

if TYPE_CHECKING:
    from ddbproof.reference_impl.options import AccessKey
    from ddbproof.reference_impl.server import Listening

MOST_PARTITIONS = 1_000
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+\Z")
_ACCOUNT = re.compile(r"[0-9]{12}\Z")
_TOKEN = re.compile(r"[!-~]{16,}\Z")


def serve(
    *,
    port: int = 8000,
    host: str = "127.0.0.1",
    regions: str = "us-east-1,eu-west-1,ap-northeast-1",
    seed: int = 0,
    replication_delay_seconds: float = 0.2,
    create_delay_seconds: float = 0.0,
    restore_lag_seconds: float = 300.0,
    partitions: int = 2,
    partition_bytes: int = 10 * 1024**3,
    heat_splits: Annotated[bool, Parameter(negative="")] = False,
    lag: Literal["none", "legal"] = "none",
    record_steps: Annotated[bool, Parameter(negative="")] = False,
    verify_signatures: bool = False,
    access_keys: Path | None = None,
    control_token_file: Path | None = None,
    ready_file: Path | None = None,
    exit_with_parent: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Serve the reference endpoint until Ctrl-C.

    Data is held in memory and gone when the endpoint stops.

    Parameters
    ----------
    port
        Where to listen; 0 picks a free port.
    host
        Address to bind. Anything but loopback is reachable by others, who need no secret unless
        --verify-signatures is given.
    regions
        Regions to serve, separated by commas. A request's Region is taken from its signature.
    seed
        Makes identifiers reproducible.
    replication_delay_seconds
        How long a write is under way to the other replicas of a global table.
    create_delay_seconds
        How long tables, backups and restores stay CREATING.
    restore_lag_seconds
        How far LatestRestorableDateTime trails the endpoint's time.
    partitions
        How many partitions a new table begins with, each with a replica in three Availability Zones.
    partition_bytes
        A partition whose items have more bytes than this is split while it is written; DynamoDB does so at 10 GB.
    heat_splits
        Split a partition as well that has used half of its 3,000 read or 1,000 write units a second for 30 seconds, at
        a key of its traffic, where that brings relief. Merge two neighbours again that use less than a tenth of that together
        for three minutes and have less than half of --partition-bytes, down to --partitions, unless the table ever had a stream.
    lag
        "legal" lets eventually consistent reads, and other Regions of a global table, fall behind by chance, as
        they may in DynamoDB; "none" is for tools that cannot bear that.
    record_steps
        Keep every durable step of every replica in memory, so that `ddbproof faults replay` can take them again
        through the proved systems.
    verify_signatures
        Check SigV4 signatures; needs --access-keys with secrets.
    access_keys
        TOML or JSON file, one table a key: [AKIA...] account = "123456789012", secret = "...". Requests with
        an id that is not in it belong to account 000000000000, or are refused with --verify-signatures.
    control_token_file
        File with the token that moves the endpoint's clock, instead of a random one. The variable
        DDBPROOF_CONTROL_TOKEN does the same.
    ready_file
        Written once connections are accepted: URL, control token, process id as JSON.
    exit_with_parent
        Stop when standard input is closed.
    """
    from ddbproof.reference_impl.errors import ConfigurationError
    from ddbproof.reference_impl.options import EndpointOptions
    from ddbproof.reference_impl.server import bind, write_private, write_ready_file
    from ddbproof.reference_impl.server import serve as run

    keys = _access_keys(access_keys)
    if verify_signatures and not any(key.secret for key in keys.values()):
        raise CommandError(
            "--verify-signatures needs at least one access key with a secret",
            hint="name a file with --access-keys; see ddbproof serve --help",
        )
    for name, value in (
        ("--replication-delay-seconds", replication_delay_seconds),
        ("--create-delay-seconds", create_delay_seconds),
        ("--restore-lag-seconds", restore_lag_seconds),
    ):
        if not 0 <= value < 10_000_000:
            raise CommandError(f"{name} must be from 0 to 10,000,000 seconds, not {value}")
    if not 1 <= partitions <= MOST_PARTITIONS:
        raise CommandError(f"--partitions must be from 1 to {MOST_PARTITIONS:,}, not {partitions}")
    if not 1_000 <= partition_bytes <= 10 * 1024**3:
        raise CommandError(f"--partition-bytes must be from 1,000 to 10 GB, not {partition_bytes:,}")
    options = EndpointOptions(
        regions=_regions(regions),
        seed=seed,
        replication_delay_seconds=replication_delay_seconds,
        create_delay_seconds=create_delay_seconds,
        restore_lag_seconds=restore_lag_seconds,
        access_keys=keys,
        verify_signatures=verify_signatures,
        partitions=partitions,
        partition_bytes=partition_bytes,
        heat_splits=heat_splits,
        lag=lag,
        record_steps=record_steps,
    )
    token = _control_token(control_token_file)
    written: list[Path] = []

    def ready(listening: Listening) -> None:
        if not exit_with_parent:
            path = token_file(int(listening.url.rpartition(":")[2]))
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, token.encode())
            written.append(path)
            _greet(listening, path, open_to_others=not _only_this_machine(host))
        if ready_file is not None:
            write_ready_file(ready_file, listening)

    try:
        interrupted = run(options, bind(host, port), token, on_ready=ready, exit_with_parent=exit_with_parent)
    except ConfigurationError as error:
        raise CommandError(error.message, cause=error.cause, hint=error.hint) from error
    except OSError as error:
        raise CommandError(
            "cannot tell others where the endpoint listens",
            cause=str(error),
            hint="the directory of --ready-file, and $XDG_RUNTIME_DIR or $XDG_CACHE_HOME, must be writable",
        ) from error
    finally:
        for path in written:
            path.unlink(missing_ok=True)
    return ExitCode.INTERRUPTED if interrupted else ExitCode.OK


def _greet(listening: Listening, token_path: Path, *, open_to_others: bool) -> None:
    region = listening.options.regions[0]
    lines = [
        f"ddbproof reference endpoint on {listening.url}",
        f"  Regions    {', '.join(listening.options.regions)}",
        f"  AWS CLI    aws dynamodb list-tables --endpoint-url {listening.url} --region {region}",
        f'  boto3      boto3.client("dynamodb", endpoint_url="{listening.url}", region_name="{region}")',
        f"  time       ddbproof clock --url {listening.url} --advance 6m   (token in {token_path})",
    ]
    if listening.options.verify_signatures:
        lines.append("  signatures are checked; data is in memory; Ctrl-C stops")
    else:
        lines.append("  any credentials will do; data is in memory; Ctrl-C stops")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
    if open_to_others and not listening.options.verify_signatures:
        sys.stderr.write(
            "warning: others can reach this address, and without --verify-signatures need no secret\n"
        )


def _only_this_machine(host: str) -> bool:
    from ddbproof.reference_impl.control.interface import is_loopback

    return host == "localhost" or is_loopback(host)


def _control_token(path: Path | None) -> str:
    if path is None:
        token = os.environ.get("DDBPROOF_CONTROL_TOKEN", "").strip()
        if not token:
            return secrets.token_urlsafe(24)
        source = "DDBPROOF_CONTROL_TOKEN"
    else:
        source = str(path)
        try:
            token = path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"cannot read {path}", cause=str(error)) from error
    if _TOKEN.match(token) is None:
        raise CommandError(
            f"the control token in {source} is no token", hint="16 or more printable characters, no spaces"
        )
    return token


def _regions(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if _REGION.match(name) is None:
            raise CommandError(
                f"{name!r} is not the name of a Region", hint="for example us-east-1,eu-west-1"
            )
    if not names or len(set(names)) != len(names):
        raise CommandError("--regions must name one or more different Regions")
    return names


def _access_keys(path: Path | None) -> dict[str, AccessKey]:
    from ddbproof.reference_impl.options import DEFAULT_ACCOUNT, AccessKey

    if path is None:
        return {}
    hint = 'a table per key, for example:  [AKIAIOSFODNN7EXAMPLE]  account = "123456789012"'
    try:
        text = path.read_text("utf-8")
        content = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise CommandError(f"cannot read {path}", cause=str(error), hint=hint) from error
    if not isinstance(content, dict):
        raise CommandError(f"{path} must hold a table of access keys", hint=hint)
    keys = {}
    for key_id, entry in content.items():
        if not isinstance(entry, dict) or set(entry) - {"account", "secret"}:
            raise CommandError(f"{path}: {key_id} must be a table of account and secret", hint=hint)
        account = entry.get("account", DEFAULT_ACCOUNT)
        if not isinstance(account, str) or _ACCOUNT.match(account) is None:
            raise CommandError(f"{path}: the account of {key_id} must be text of 12 digits", hint=hint)
        secret = entry.get("secret")
        if secret is not None and (not isinstance(secret, str) or not secret):
            raise CommandError(f"{path}: the secret of {key_id} must be text", hint=hint)
        keys[key_id] = AccessKey(account, secret)
    return keys
