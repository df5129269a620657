"""`ddbproof faults`: break a served endpoint in a known way, mend it, and look at its partitions."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ddbproof.cli.control import ask, token_for
from ddbproof.cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from rich.console import Console

_FLAG = Parameter(negative="")


def faults(
    fault: str | None = None,
    where: str | None = None,
    /,
    *,
    to: str | None = None,
    disk: Literal["kept", "torn", "lost"] | None = None,
    milliseconds: int | None = None,
    lost: float | None = None,
    doubled: float | None = None,
    delay: str | None = None,
    region: str | None = None,
    partition: int | None = None,
    index: str | None = None,
    record: Annotated[bool, _FLAG] = False,
    replay: Annotated[bool, _FLAG] = False,
    url: str = "http://127.0.0.1:8000",
    token_path: Annotated[Path | None, Parameter(name="--token-file")] = None,
) -> int:
    """Break a served reference endpoint in a known way, or mend it. Without a fault, show what there is.

    FAULT and WHERE are one of

        zone-down, zone-up, isolate-zone, heal-zone   an Availability Zone: us-east-1a
        cut-link                                      from a zone, --to another, one way only
        crash (--disk), start                         a storage node: us-east-1a-1
        fill-disk, slow-disk (--milliseconds), mend-disk, jump-clock (--milliseconds)   a node
        isolate, heal                                 a Region, from the other Regions
        messages (--lost, --doubled, --delay), mend   a Region, within
        step-down, split, merge (--region, --partition, --index)   a table

    Exit codes: 0 done, 1 the replay found a step that was not proved, 2 usage, 3 no endpoint there.

    Parameters
    ----------
    to
        The zone that cut-link cuts off from WHERE.
    disk
        What becomes of a crashed node's disks: all is kept, what was not synchronized is torn, or all is lost.
    milliseconds
        How long a slow disk takes, or how far a clock jumps (back if negative).
    lost
        The share of messages that are lost, from 0 to 1.
    doubled
        The share of messages that come twice.
    delay
        How late messages come: LEAST-MOST, in milliseconds, for example 0-50.
    region
        The Region of the table; the first otherwise.
    partition
        Which of the table's partitions, from 0 on; merge puts it together with the next one.
    index
        A global secondary index of the table: its partition, not one of the table's own.
    record
        Show every fault so far.
    replay
        Take all recorded steps again through the proved system; wants serve --record-steps.
    url
        The endpoint.
    token_path
        File with its control token; found by itself for an endpoint started by the same user.
    """
    if (fault is None) != (where is None):
        raise CommandError(
            "a fault needs to know where", hint="for example: ddbproof faults zone-down us-east-1a"
        )
    token = token_for(url, token_path)
    if fault is not None:
        settings = {
            "to": to,
            "disk": disk,
            "milliseconds": milliseconds,
            "lost": lost,
            "doubled": doubled,
            "delay_milliseconds": None if delay is None else _bounds(delay),
            "region": region,
            "partition": partition,
            "index": index,
        }
        given = {name: value for name, value in settings.items() if value is not None}
        ask(url, token, "faults", {fault.replace("-", "_"): where, **given})
    if record:
        return _show_record(ask(url, token, "faults")["events"])
    if replay:
        return _show_replay(ask(url, token, "replay"))
    from rich.console import Console

    console = Console(highlight=False)
    begun = {
        "split": "the split has begun: `ddbproof faults` shows what comes of it",
        "merge": "the merge has begun: `ddbproof faults` shows what comes of it",
        "step-down": "the leader has laid down its office",
    }
    _show_broken(console, ask(url, token, "state")["faults"], begun.get(fault or "", "nothing is broken"))
    if fault is None:
        _show_partitions(console, ask(url, token, "topology"))
    return ExitCode.OK


def _bounds(text: str) -> list[int]:
    least, _, most = text.partition("-")
    if not (least.isdigit() and most.isdigit()):
        raise CommandError(f"{text!r} is no delay", hint="LEAST-MOST in milliseconds, for example 0-50")
    return [int(least), int(most)]


def _show_record(events: list[dict[str, Any]]) -> int:
    for event in events:
        at = datetime.fromtimestamp(event["at"], UTC)
        sys.stdout.write(
            f"{at:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + f"Z  {event['region']}  {event['fault']}  {event['what']}\n"
        )
    if not events:
        sys.stdout.write("nothing was broken so far\n")
    return ExitCode.OK


def _show_replay(found: dict[str, Any]) -> int:
    sys.stdout.write(
        f"{found['steps']:,} steps taken again by the proved system, {found['left_out']:,} left out "
        f"(after a change of members)\n"
    )
    for problem in found["problems"]:
        sys.stdout.write(f"  {problem}\n")
    return ExitCode.VIOLATIONS if found["problems"] else ExitCode.OK


def _show_broken(console: Console, state: dict[str, Any], otherwise: str) -> None:
    """What is broken; `otherwise` if nothing is."""
    told = [f"{name} is cut off from the other Regions" for name in state["isolated"]]
    for region, here in state["regions"].items():
        told += [f"{zone} is isolated" for zone in here["isolated_zones"]]
        told += [f"nothing gets from {link}" for link in here["cut"]]
        messages = here["messages"]
        if messages["lost"] or messages["doubled"] or messages["delay_milliseconds"][1]:
            least, most = messages["delay_milliseconds"]
            told.append(
                f"{region}: messages lost {messages['lost']:.0%}, doubled {messages['doubled']:.0%}, "
                f"late by {least} to {most} ms"
            )
        for name, node in here["nodes"].items():
            told += [] if node["up"] else [f"{name} is down"]
            told += [] if node["disk"] == "ok" else [f"{name}: disk {node['disk']}"]
            offset = node["wall_offset_milliseconds"]
            told += [f"{name}: clock off by {offset} ms"] if offset else []
    for sentence in told or [otherwise]:
        console.print(sentence)


def _show_partitions(console: Console, topology: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    headings = ["Region", "table", "partition", "came of", "leader", "epoch", "replicas: committed entries"]
    counted = any(one["recent"] for tables in topology.values() for ones in tables.values() for one in ones)
    if counted:
        headings.append("units a second: read, write")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for region, tables in topology.items():
        for name, partitions in tables.items():
            for number, one in enumerate(partitions):
                replicas = ", ".join(
                    f"{_short(it['node'], region)}: {it['committed']}"
                    f"{'' if it['kind'] == 'full' else ' (log only)'}"
                    for it in sorted(one["replicas"], key=lambda it: str(it["node"]))
                )
                becomes = "" if one["becomes"] is None else f"\nbeing {one['becomes']}"
                place = f"{number}, from {one['begins_at'][:8] or '0'}{becomes}"
                leader = _short(one["leader"], region)
                row = [region, name, place, one["came_of"], leader, str(one["epoch"]), replicas]
                if counted:
                    row.append(_units(one["recent"]))
                table.add_row(*row)
    if table.row_count:
        console.print(table)
    else:
        console.print("there are no tables")


def _units(recent: dict[str, float]) -> str:
    """What a partition has served lately."""
    seconds = recent["seconds"]
    return f"{recent['read_units'] / seconds:,.0f}, {recent['write_units'] / seconds:,.0f}"


def _short(node: str | None, region: str) -> str:
    """A node's name within its Region."""
    return "none" if node is None else node.removeprefix(region)
