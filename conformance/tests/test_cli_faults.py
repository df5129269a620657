"""`ddbproof faults`: a served endpoint is broken and mended from the command line, as a person does it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_cli_serve import Served, served

from ddbproof.cli.errors import ExitCode


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("faults"), "--record-steps", "--regions", "eu-west-1") as running:
        client = with_orders(running)
        client.put_item(TableName="orders", Item={"pk": {"S": "one"}})
        yield running


def with_orders(endpoint: Served) -> Any:
    """A client of an endpoint that has a table of orders now."""
    client = endpoint.client()
    client.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def faults(endpoint: Served, *arguments: str) -> tuple[int, str, str]:
    done = endpoint.run("faults", *arguments, "--url", endpoint.ready["url"])
    return done.returncode, done.stdout, done.stderr


def test_partitions_leaders_and_replicas_are_shown(endpoint: Served) -> None:
    """Three replicas of each, in three zones."""
    code, printed, _ = faults(endpoint)
    assert (code, "nothing is broken" in printed) == (ExitCode.OK, True)
    assert "orders" in printed
    assert "founding" in printed
    assert "units a second" not in printed
    assert all(f"{zone}-" in printed for zone in "abc")


def test_a_zone_goes_down_and_comes_back(endpoint: Served) -> None:
    """What is broken is told each time, and it is in the record."""
    code, printed, _ = faults(endpoint, "zone-down", "eu-west-1a")
    assert (code, "eu-west-1a-1 is down" in printed) == (ExitCode.OK, True)
    assert faults(endpoint, "mend", "eu-west-1")[1].strip() == "nothing is broken"
    assert "zone_down  eu-west-1a" in faults(endpoint, "--record")[1]


def test_settings_of_a_fault_are_options(endpoint: Served) -> None:
    """Shares, delays, times and disks."""
    printed = faults(endpoint, "messages", "eu-west-1", "--lost", "0.25", "--delay", "1-20")[1]
    assert "messages lost 25%, doubled 0%, late by 1 to 20 ms" in printed
    assert "disk slow" in faults(endpoint, "slow-disk", "eu-west-1b-1", "--milliseconds", "5")[1]
    assert "eu-west-1c-2 is down" in faults(endpoint, "crash", "eu-west-1c-2", "--disk", "lost")[1]
    faults(endpoint, "mend", "eu-west-1")


def test_recorded_steps_are_taken_again(endpoint: Served) -> None:
    """Exit code 0: the endpoint did what was proved."""
    code, printed, _ = faults(endpoint, "--replay")
    assert (code, "taken again by the proved system" in printed) == (ExitCode.OK, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("zone-down",), "needs to know where"),
        (("zone-down", "mars-1a"), "no Availability Zone"),
        (("eat-disk", "eu-west-1a-1"), "exactly one fault"),
        (("crash", "eu-west-1a-7"), "no storage node"),
        (("messages", "eu-west-1", "--delay", "soon"), "is no delay"),
        (("split", "nothing"), "no table"),
        (("merge", "orders", "--partition", "1"), "cannot be merged with the next one now"),
        (("zone-down", "eu-west-1a", "--disk", "lost"), "takes no disk"),
    ],
)
def test_impossible_faults_say_what_is_wrong(endpoint: Served, arguments: tuple[str, ...], said: str) -> None:
    """One sentence, a hint, exit code 2."""
    code, _, complaint = faults(endpoint, *arguments)
    assert (code, said in complaint, "hint" in complaint) == (ExitCode.USAGE, True, True)


def test_nobody_there_is_told(endpoint: Served, tmp_path: Path) -> None:
    """Exit code 3, and what to do."""
    token = tmp_path / "token"
    token.write_text("x" * 20)
    done = endpoint.run("faults", "--url", "http://127.0.0.1:9", "--token-file", str(token))
    assert (done.returncode, "cannot reach" in done.stderr) == (ExitCode.UNREACHABLE, True)


def test_with_heat_splits_it_is_shown_what_partitions_serve(tmp_path: Path) -> None:
    """Reads and writes, by the second, where heat is counted; and what each partition came of."""
    with served(tmp_path, "--heat-splits", "--partitions", "1", "--regions", "eu-west-1") as running:
        client = with_orders(running)
        for key in "ab":
            client.put_item(TableName="orders", Item={"pk": {"S": key}, "v": {"S": "x" * 300_000}})
        code, said, _ = faults(running, "split", "orders")
        assert said.startswith("the split has begun")
        assert code == ExitCode.OK
        done = running.run("clock", "--advance", "1s", "--url", running.ready["url"])
        assert done.returncode == ExitCode.OK
        client.put_item(TableName="orders", Item={"pk": {"S": "a"}, "v": {"S": "x" * 300_000}})
        code, printed, _ = faults(running)
        assert (code, "asked" in printed, "units" in printed) == (ExitCode.OK, True, True)
        for _ in range(20):  # nobody writes it any more
            if "merged" in printed.replace("being merged", ""):
                break
            running.run("clock", "--advance", "60s", "--url", running.ready["url"])
            code, printed, _ = faults(running)
        assert "asked" not in printed
        assert client.scan(TableName="orders", ConsistentRead=True)["Count"] == 2


def test_neighbours_are_merged_and_it_is_shown(tmp_path: Path) -> None:
    """What they are becoming, then what the new one came of; the fault is in the record."""
    with served(tmp_path, "--partitions", "2", "--regions", "eu-west-1") as running:
        client = with_orders(running)
        for key in "abcd":
            client.put_item(TableName="orders", Item={"pk": {"S": key}})
        assert faults(running, "merge", "orders")[0] == ExitCode.OK
        shown = [faults(running)[1]]
        while "merged" not in shown[-1].replace("being merged", ""):
            assert "being merged" in shown[-1]
            assert len(shown) < 20
            running.run("clock", "--advance", "0.2s", "--url", running.ready["url"])
            shown.append(faults(running)[1])
        assert "1, from" not in shown[-1], shown[-1]
        assert client.scan(TableName="orders", ConsistentRead=True)["Count"] == 4
        assert "merge  orders, partitions 0 and 1" in faults(running, "--record")[1]
