"""Steps against a DynamoDB-compatible endpoint: how each is carried out, looked at and compared.

The fuzzer works with this module, and every reproducer script begins with a copy of it; hence it needs boto3
and the standard library only. A step is plain data. Where it means a table, a backup or an instant of the run it
holds a placeholder, because names, ARNs and the time are different in every run.

An answer is `{"shown": value}` or `{"refused": code}`; so are the answers that are allowed, where the code None
stands for any. A transaction that is cancelled has `reasons` beside its code, a code for each action; what is allowed
without them is allowed with any. `{"among": list}` allows any part of the list.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

# The first moment of a run, in milliseconds. A quarter into a second, so that a run that takes a little while
# stays in the second it means.
START_MILLISECONDS = 250
PATIENCE_SECONDS = 30.0
_PATIENCE_SECONDS_WHERE_TIME_MOVES = 1.0
_PAUSE_SECONDS = 0.2
_THROTTLED = {
    "ThrottlingException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "LimitExceededException",
}
_MOST_ATTEMPTS = 6
_SAME_IN_EVERY_TABLE = ("BillingMode", "AttributeDefinitions", "KeySchema")


class Named(NamedTuple):
    """Stands for the table, or the client token, of that name in this run."""

    name: str


class Arn(NamedTuple):
    """Stands for the ARN of the backup that was given that label."""

    label: str


class Second(NamedTuple):
    """Stands for an instant, in whole seconds from the beginning of the run."""

    second: int


@dataclass(slots=True)
class Step:
    """One call of boto3's `operation` in a Region, or one of the pseudo-operations that `Player` knows.

    `look` names what is compared of the answer (see `looked_at`), with the answers in `allowed`. `label` is given to
    the backup that the step makes. A step that `waits` is repeated for a while until its answer is allowed.
    `seen` is what was answered when the step was recorded.
    """

    operation: str
    region: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)
    look: str = "nothing"
    allowed: list[dict[str, Any]] = field(default_factory=list)
    label: str = ""
    waits: bool = False
    seen: dict[str, Any] | None = None


class GoneError(Exception):
    """The endpoint does not answer, or answers nothing but that it is too busy."""


# What is looked at.


def number(attributes: Mapping[str, Any] | None) -> int | None:
    """The number that an item holds, None for no item."""
    return int(attributes["v"]["N"]) if attributes else None


def window(description: Mapping[str, Any], zero: int) -> Any:
    """Period and ends of a restore window, in seconds from `zero`; DISABLED where recovery is off."""
    recovery = description["PointInTimeRecoveryDescription"]
    if recovery["PointInTimeRecoveryStatus"] != "ENABLED":
        return "DISABLED"
    ends = {
        name: math.floor(recovery[f"{member}RestorableDateTime"].timestamp()) - zero
        for name, member in (("first", "Earliest"), ("last", "Latest"))
    }
    return {"days": recovery["RecoveryPeriodInDays"], **ends}


def looked_at(look: str, answer: Mapping[str, Any], zero: int) -> Any:
    """The part of an answer that `look` names; the endpoint's instants become seconds from `zero`."""
    match look:
        case "item":
            return number(answer.get("Item"))
        case "attributes":
            return number(answer.get("Attributes"))
        case "items":
            return sorted([item["pk"]["S"], number(item)] for item in answer["Items"])
        case "together":
            return [number(entry.get("Item")) for entry in answer["Responses"]]
        case "table status":
            return answer["Table"]["TableStatus"]
        case "backup status":
            return answer["BackupDescription"]["BackupDetails"]["BackupStatus"]
        case "backups":
            return len(answer["BackupSummaries"])
        case "window":
            return window(answer["ContinuousBackupsDescription"], zero)
    return None


def refusal(error: ClientError) -> dict[str, Any]:
    """What is looked at of an error: its code, and the reasons of a transaction that is cancelled."""
    seen: dict[str, Any] = {"refused": error.response["Error"]["Code"]}
    reasons = error.response.get("CancellationReasons")
    return seen if reasons is None else {**seen, "reasons": [one.get("Code") for one in reasons]}


def fits(seen: Mapping[str, Any], allowed: Mapping[str, Any]) -> bool:
    """Whether an answer that was seen is the one that is allowed."""
    if "refused" in seen and "refused" in allowed:
        told = "reasons" not in allowed or allowed["reasons"] == seen.get("reasons")
        return told and allowed["refused"] in (None, seen["refused"])
    if "among" in allowed:
        shown = seen.get("shown")
        return isinstance(shown, list) and len(shown) == sum(one in shown for one in allowed["among"])
    if "shown" not in seen or "shown" not in allowed:
        return False
    value, wanted = seen["shown"], allowed["shown"]
    if isinstance(value, dict) and isinstance(wanted, dict):
        return bool(value["days"] == wanted["days"]) and all(
            wanted[end][0] <= value[end] <= wanted[end][1] for end in ("first", "last")
        )
    return bool(value == wanted)


# How steps are carried out.


class Player:
    """Carries out steps on an endpoint.

    `clients` gives a boto3 client for a Region, `prefix` begins the name of every table. `zero` is the epoch
    second that the run's second 0 stands for. `advance` moves the endpoint's time on by seconds; `network` cuts
    off ("isolate") or heals ("heal") a Region. Where time cannot be moved, steps that wait do so for
    `patience_seconds`.

    Pseudo-operations: `advance` (`seconds`); `cut_off` and `heal` a Region; `agree`: one item as all `regions`
    show it, which have to show the same; `find_backup`: the ARN of the one backup of a table that is not known
    yet.
    """

    def __init__(
        self,
        clients: Callable[[str], Any],
        prefix: str,
        *,
        zero: int = 0,
        advance: Callable[[float], object] | None = None,
        network: Callable[[str, str], object] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.clients = clients
        self.prefix = prefix
        self.zero = zero
        self.arns: dict[str, str] = {}
        self._advance = advance
        self._network = network
        self._patience_seconds = patience_seconds

    def play(self, step: Step) -> dict[str, Any]:
        """The endpoint's answer. Raises GoneError if there is none."""
        deadline = time.monotonic() + (self._patience_seconds if step.waits else 0)
        while True:
            seen = self._play_once(step)
            if any(fits(seen, one) for one in step.allowed) or time.monotonic() >= deadline:
                return seen
            time.sleep(_PAUSE_SECONDS)

    def _play_once(self, step: Step) -> dict[str, Any]:
        if step.operation == "advance":
            assert self._advance is not None
            self._advance(step.arguments["seconds"])
            return {"shown": None}
        if step.operation in ("cut_off", "heal"):
            assert self._network is not None
            self._network("isolate" if step.operation == "cut_off" else "heal", step.region)
            return {"shown": None}
        if step.operation == "agree":
            return self._agreed(step)
        return self._asked(step, step.region)

    def _agreed(self, step: Step) -> dict[str, Any]:
        single = Step("get_item", arguments=step.arguments, look="item")
        shown = {region: self._asked(single, region) for region in step.region.split()}
        first = next(iter(shown.values()))
        return first if all(one == first for one in shown.values()) else {"disagreed": shown}

    def _asked(self, step: Step, region: str) -> dict[str, Any]:
        arguments = {name: self._filled_in(value) for name, value in step.arguments.items()}
        operation = "list_backups" if step.operation == "find_backup" else step.operation
        try:
            answer = self._answer(region, operation, arguments)
            if step.operation == "find_backup":
                known = set(self.arns.values())
                found = [one for one in answer["BackupSummaries"] if one["BackupArn"] not in known]
                answer["BackupSummaries"] = found
                if found:
                    self.arns[step.label] = found[0]["BackupArn"]
            elif step.label:
                self.arns[step.label] = answer["BackupDetails"]["BackupArn"]
            return {"shown": looked_at(step.look, answer, self.zero)}
        except ClientError as error:
            return refusal(error)
        except (KeyError, TypeError, ValueError, ResponseParserError) as error:
            return {"unreadable": f"{type(error).__name__}: {error}"}
        except BotoCoreError as error:
            raise GoneError(str(error)) from error

    def _filled_in(self, value: Any) -> Any:
        if isinstance(value, Named):
            return self.prefix + value.name
        if isinstance(value, Arn):
            return self.arns[value.label]
        if isinstance(value, Second):
            return datetime.fromtimestamp(self.zero + value.second, UTC)
        if isinstance(value, dict):
            return {name: self._filled_in(one) for name, one in value.items()}
        return [self._filled_in(one) for one in value] if isinstance(value, list) else value

    def _answer(self, region: str, operation: str, arguments: dict[str, Any]) -> Any:
        """The whole answer: again while the endpoint is too busy, and all pages of a Scan."""
        call = getattr(self.clients(region), operation)
        for attempt in range(1, _MOST_ATTEMPTS + 1):
            try:
                answer = call(**arguments)
                break
            except ClientError as error:
                if error.response["Error"]["Code"] not in _THROTTLED:
                    raise
                if attempt == _MOST_ATTEMPTS:
                    raise GoneError(f"it goes on saying {error.response['Error']['Code']}") from error
                time.sleep(_PAUSE_SECONDS * 2**attempt)
        if operation == "scan" and answer.get("LastEvaluatedKey"):
            rest = self._answer(
                region, operation, {**arguments, "ExclusiveStartKey": answer["LastEvaluatedKey"]}
            )
            answer["Items"] = answer["Items"] + rest["Items"]
        return answer


# How steps are told.


def told(step: Step) -> str:
    """A step in one line."""
    if step.operation == "advance":
        return f"{step.arguments['seconds']:g} seconds pass"
    if step.operation in ("cut_off", "heal"):
        return f"{step.region} is cut off" if step.operation == "cut_off" else f"{step.region} is healed"
    arguments = {name: value for name, value in step.arguments.items() if name not in _SAME_IN_EVERY_TABLE}
    shown = ", ".join(f"{name}={_plain(value)}" for name, value in arguments.items())
    line = f"{step.operation} in {', '.join(step.region.split())}: {shown}"
    return f"{line} (backup {step.label!r})" if step.label else line


def told_answer(answer: Mapping[str, Any], look: str = "nothing") -> str:
    """An answer in words; `look` is the one of its step."""
    if "refused" in answer:
        told = f"refused with {answer['refused'] or 'any code'}"
        return f"{told} [{', '.join(map(str, answer['reasons']))}]" if "reasons" in answer else told
    if "among" in answer:
        return f"any of {json.dumps(answer['among'])}"
    if "disagreed" in answer:
        return "; ".join(f"{region}: {told_answer(one, look)}" for region, one in answer["disagreed"].items())
    if "unreadable" in answer:
        return f"unreadable ({answer['unreadable']})"
    if answer["shown"] is None:
        return "no item" if look in ("item", "attributes") else "done"
    return json.dumps(answer["shown"])


def told_expectation(step: Step) -> str:
    """What is allowed, in words."""
    return " or ".join(told_answer(one, step.look) for one in step.allowed)


def told_sight(step: Step) -> str:
    """What was seen, in words."""
    return told_answer(step.seen or {"shown": None}, step.look)


def _plain(value: Any) -> str:
    if isinstance(value, Second):
        return f"second {value.second}"
    return repr(value[0]) if isinstance(value, Named | Arn) else json.dumps(_without_placeholders(value))


def _without_placeholders(value: Any) -> Any:
    """With names in their places, as a transaction has them deep inside."""
    if isinstance(value, Named):
        return value.name
    if isinstance(value, dict):
        return {name: _without_placeholders(one) for name, one in value.items()}
    return [_without_placeholders(one) for one in value] if isinstance(value, list) else value


# The script.


class ControlHand:
    """Moves time and network of an endpoint of `ddbproof serve`, by its control interface."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token
        now = float(self._ask("clock", None)["now"])
        self.zero = math.ceil(now) + 1
        self._until = self.zero + START_MILLISECONDS / 1000
        self._ask("clock", {"set": self._until})

    def advance(self, seconds: float) -> None:
        """Move time to `seconds` after where it was moved last. It runs on by itself meanwhile."""
        self._until += seconds
        if float(self._ask("clock", None)["now"]) < self._until:
            self._ask("clock", {"set": self._until})

    def network(self, action: str, region: str) -> None:
        """`isolate` or `heal` a Region."""
        self._ask("faults", {action: region})

    def _ask(self, command: str, content: dict[str, Any] | None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(  # noqa: S310 - the endpoint that was named
            f"{self._url}/_ddbproof/{command}", data=data, headers={"x-ddbproof-token": self._token}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                return json.loads(answer.read())
        except (OSError, ValueError) as error:
            raise GoneError(f"its control interface does not answer: {error}") from error


def control_token(url: str) -> str | None:
    """The token that `ddbproof serve` left for its own user, None if there is none for that port.

    It opens an endpoint of this machine, and is shown to no other.
    """
    if urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        return None
    base = os.environ.get("XDG_RUNTIME_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    try:
        return (Path(base) / "ddbproof" / f"control-token-{urlsplit(url).port}").read_text("ascii").strip()
    except (OSError, ValueError):
        return None


def http_client(url: str, region: str) -> Any:
    """A boto3 client for a Region of the endpoint, which signs with AWS's documented example pair if need be."""
    session = boto3.session.Session(
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        aws_secret_access_key=os.environ.get(
            "AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        ),
        aws_session_token=os.environ.get("AWS_SESSION_TOKEN"),
        region_name=region,
    )
    config = Config(proxies={}, connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3})
    return session.client("dynamodb", endpoint_url=url, config=config)


def main(steps: Sequence[Step], about: str) -> int:
    """Carry out recorded steps. Exit code 1 if an answer is not allowed, 3 if the endpoint is not there."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint", required=True, help="for example http://127.0.0.1:8000")
    url = parser.parse_args().endpoint
    clients: dict[str, Any] = {}

    def client(region: str) -> Any:
        if region not in clients:
            clients[region] = http_client(url, region)
        return clients[region]

    player = Player(client, f"ddbproof-{secrets.token_hex(4)}-")
    try:
        if any(step.operation in ("advance", "cut_off", "heal") for step in steps):
            token = control_token(url)
            if token is None:
                raise GoneError("the steps move time, and no `ddbproof serve` of yours listens on that port")
            hand = ControlHand(url, token)
            player = Player(
                client,
                player.prefix,
                zero=hand.zero,
                advance=hand.advance,
                network=hand.network,
                patience_seconds=_PATIENCE_SECONDS_WHERE_TIME_MOVES,
            )
        return _played(player, steps)
    except GoneError as error:
        sys.stderr.write(f"the endpoint is not there: {error}\n")
        return 3
    finally:
        _clean(player, clients)


def _played(player: Player, steps: Sequence[Step]) -> int:
    for position, step in enumerate(steps, 1):
        sys.stdout.write(f"{position:3}. {told(step)}\n")
        seen = player.play(step)
        if step.allowed and not any(fits(seen, one) for one in step.allowed):
            wrong = told_answer(seen, step.look)
            sys.stdout.write(f"     expected: {told_expectation(step)}\n     seen:     {wrong}\n")
            return 1
        if len(step.allowed) > 1 and seen != step.seen and position < len(steps):
            sys.stdout.write("     lawful, but not what was recorded: what follows would say nothing\n")
            return 4
    sys.stdout.write("every answer is allowed: not reproduced\n")
    return 0


def _clean(player: Player, clients: Mapping[str, Any]) -> None:
    """Remove the tables and backups of the run, as far as the endpoint lets us."""
    for region, client in clients.items():
        try:
            pages = client.get_paginator("list_tables").paginate()
            names = [name for page in pages for name in page["TableNames"]]
        except (ClientError, BotoCoreError) as error:
            sys.stderr.write(f"something may be left behind in {region}: {error}\n")
            continue
        for name in (one for one in names if one.startswith(player.prefix)):
            # What is not protected need not be unprotected.
            with contextlib.suppress(ClientError, BotoCoreError):
                client.update_table(TableName=name, DeletionProtectionEnabled=False)
            try:
                client.delete_table(TableName=name)
            except (ClientError, BotoCoreError) as error:
                sys.stderr.write(f"table {name} in {region} is left behind: {error}\n")
    for client in clients.values():
        with contextlib.suppress(ClientError, BotoCoreError):
            for summary in client.list_backups(BackupType="ALL")["BackupSummaries"]:
                if summary["TableName"].startswith(player.prefix):
                    client.delete_backup(BackupArn=summary["BackupArn"])
