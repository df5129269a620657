"""The fuzzer: clean on the reference endpoint, finds what is planted in it, and writes programs that show it.

Faults are planted by composition (`fuzz_faults.py`); production code knows of none.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from fuzz_faults import FAULTS, planted

from ddbproof.cli.app import run
from ddbproof.cli.fuzz import in_process_worlds
from ddbproof.conformance.fuzz.calls import Calls, Condition
from ddbproof.conformance.fuzz.campaign import Campaign, derived_seed
from ddbproof.conformance.fuzz.replay import (
    GoneError,
    Named,
    Player,
    Step,
    control_token,
    fits,
    told,
    told_answer,
)
from ddbproof.conformance.fuzz.run import Gone
from ddbproof.conformance.fuzz.script import script
from ddbproof.conformance.fuzz.tally import Tally
from ddbproof.conformance.fuzz.world import Feature, World
from ddbproof.model.store import Action

Capture = pytest.CaptureFixture[str]
RUNS_TO_FIND = 600
PROGRAM = Path(__file__).with_name("fuzz_faults.py")


def campaign(runs: int, seed: int = 1, *, features: frozenset[Feature] = frozenset(Feature)) -> Campaign:
    made = Campaign(in_process_worlds(frozenset(Feature) - features), seed, shrink=False)
    for _ in made.batches(runs, lambda number: number < 1):
        pass
    return made


def test_the_reference_endpoint_does_what_the_specification_says() -> None:
    """And the runs reach what they are meant to: every rule is taken, and refusals are met on purpose."""
    rules = {"put", "add", "delete", "get", "scan", "create_table", "delete_table", "protect", "restore_to"}
    rules |= {"add_replica", "regions_agree", "cut_off", "heal", "advance", "back_up", "restore_backup"}
    rules |= {"set_recovery", "describe_recovery", "describe_backup", "delete_backup", "query_index"}
    rules |= {"transact", "repeat_transaction", "get_together"}
    codes = {
        "ConditionalCheckFailedException",
        "IdempotentParameterMismatchException",
        "InvalidRestoreTimeException",
        "ResourceNotFoundException",
        "TransactionCanceledException",
        "ValidationException",
    }
    made = Campaign(in_process_worlds(frozenset()), 1, shrink=False)

    def missing() -> set[str]:
        return (rules | codes) - set(made.tally.rules) - {code for _, code in made.tally.refusals}

    # A batch leaves rules out by chance; most is reached in the first.
    for _ in made.batches(60, lambda number: number < 1 or (number < 8 and bool(missing()))):
        pass
    assert made.violation is None
    assert missing() == set()
    assert made.tally.runs >= 60
    assert len(made.tally.states) > 100


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(fault: str) -> None:
    """PI-11, ME-18, ME-02, BK-01, ME-11, TX-02, TX-04, TX-07, IX-02, BK-07: by an answer that the specification does not allow."""
    with planted(fault):
        made = campaign(RUNS_TO_FIND)
    assert made.violation is not None
    last = made.violation.steps[-1]
    assert last.seen is not None
    assert not any(fits(last.seen, one) for one in last.allowed)


def test_a_campaign_is_determined_by_its_seed() -> None:
    """The same runs, states and refusals; other ones with another seed."""
    first, again, other = campaign(15, 7), campaign(15, 7), campaign(15, 8)
    assert (first.tally.rules, first.tally.states) == (again.tally.rules, again.tally.states)
    assert first.tally.rules != other.tally.rules
    assert derived_seed(1, "1/2") != derived_seed(1, "2/2")


def test_what_an_endpoint_lacks_is_not_tried() -> None:
    """Nor anything that needs it."""
    rules = campaign(10, features=frozenset({Feature.BACKUPS})).tally.rules
    assert {"back_up", "restore_backup"} <= set(rules)
    assert not {"add_replica", "set_recovery", "restore_to", "protect", "cut_off"} & set(rules)
    assert not {"transact", "repeat_transaction", "get_together", "query_index"} & set(rules)


def test_reasons_of_a_cancelled_transaction_are_compared_where_they_are_known() -> None:
    """TX-05: what is allowed without reasons is allowed with any."""
    code = "TransactionCanceledException"
    seen = {"refused": code, "reasons": ["None", "ConditionalCheckFailed"]}
    assert fits(seen, seen)
    assert fits(seen, {"refused": code})
    assert fits(seen, {"refused": None})
    assert not fits(seen, {"refused": code, "reasons": ["ConditionalCheckFailed", "None"]})
    assert not fits({"refused": code}, seen)
    assert told_answer(seen) == f"refused with {code} [None, ConditionalCheckFailed]"


def test_of_an_index_that_follows_any_part_is_allowed() -> None:
    """IX-01: each entry once, and none that is not named."""
    allowed = {"among": [["a", 1], ["a", 2]]}
    for part in ([], [["a", 2]], [["a", 1], ["a", 2]]):
        assert fits({"shown": part}, allowed)
    for wrong in ([["a", 3]], [["a", 1], ["a", 1]], [["a", 1], ["a", 3]], None):
        assert not fits({"shown": wrong}, allowed)
    assert not fits({"refused": "ValidationException"}, allowed)
    assert told_answer(allowed) == 'any of [["a", 1], ["a", 2]]'


def test_a_transaction_is_told_with_the_names_of_its_tables() -> None:
    """In one line, as every step is."""
    put = {"Put": {"TableName": Named("one"), "Item": {"pk": {"S": "a"}, "v": {"N": "1"}}}}
    arguments = {"TransactItems": [put], "ClientRequestToken": Named("token-1")}
    line = told(Step("transact_write_items", "us-east-1", arguments))
    assert line == (
        'transact_write_items in us-east-1: TransactItems=[{"Put": {"TableName": "one", '
        '"Item": {"pk": {"S": "a"}, "v": {"N": "1"}}}}], ClientRequestToken=\'token-1\''
    )


# -- programs that repeat a violation ---------------------------------------------------------------------


@contextlib.contextmanager
def served(tmp_path: Path, *fault: str, delay_seconds: float = 2) -> Iterator[str]:
    """The URL of a reference endpoint in a process of its own, with that fault."""
    ready = tmp_path / "ready.json"
    ready.unlink(missing_ok=True)
    command = [*(str(PROGRAM), *fault)] if fault else ["-m", "ddbproof.cli"]
    options = ["--port", "0", "--replication-delay-seconds", str(delay_seconds), "--ready-file", str(ready)]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    process = subprocess.Popen([sys.executable, *command, "serve", *options], env=environment)
    try:
        deadline = time.monotonic() + 30
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        import json

        yield json.loads(ready.read_text())["url"]
    finally:
        process.terminate()
        process.wait(10)


def played(program: Path, url: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-I", str(program), "--endpoint", url],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("fault", ["drops-deletes", "transaction-half-applied"])
def test_a_program_repeats_the_violation(fault: str, tmp_path: Path) -> None:
    """On an endpoint with the fault it ends with 1 and says what is wrong; on one without it, with 0."""
    with planted(fault):
        made = campaign(RUNS_TO_FIND)
    assert made.violation is not None
    program = tmp_path / "fuzz.py"
    program.write_text(script(made.violation.steps, origin="a test", serve_options=" --port 0"))
    with served(tmp_path, fault) as url:
        wrong = played(program, url, tmp_path)
        assert (wrong.returncode, "expected: " in wrong.stdout) == (1, True), wrong
        assert "left behind" not in wrong.stderr
    with served(tmp_path) as url:
        right = played(program, url, tmp_path)
        # An endpoint may take another lawful course than the one that was recorded.
        assert right.returncode in (0, 4), right
    assert played(program, "http://127.0.0.1:9", tmp_path).returncode == 3


def test_a_program_knows_every_step_of_a_run_with_transactions(tmp_path: Path) -> None:
    """TX-04: it repeats client tokens of its own, moves time past them, and what is not allowed ends it with 1."""
    place, request = ("us-east-1", "one"), (Action("add", "one", "a", 1, Condition("absent")),)
    twice = (*request, *request)
    with in_process_worlds(frozenset())() as world:
        calls = Calls(world, Tally())
        calls.create_table(place)
        for actions in (request, request, twice):
            calls.transact("transact", place[0], actions, "token-1")
        calls.get_together(place[0], [("one", "a"), ("one", "b")])
        calls.set_recovery(place, 35)
        calls.advance(602)
        calls.transact("transact", place[0], request, "token-1")
        calls.delete_table(place, "system-1")
    program = tmp_path / "fuzz.py"
    program.write_text(script(calls.steps, origin="a test"))
    with served(tmp_path) as url:
        right = played(program, url, tmp_path)
        assert (right.returncode, "not reproduced" in right.stdout) == (0, True), right
    with served(tmp_path, "token-never-lapses") as url:
        wrong = played(program, url, tmp_path)
        assert (wrong.returncode, "[ConditionalCheckFailed]" in wrong.stdout) == (1, True), wrong


def test_the_token_of_an_endpoint_of_this_machine_is_shown_to_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if it listens on the same port."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "ddbproof").mkdir()
    (tmp_path / "ddbproof" / "control-token-8000").write_text("secret")
    assert control_token("http://127.0.0.1:8000") == "secret"
    assert control_token("http://192.0.2.1:8000") is None
    assert control_token("http://127.0.0.1:8001") is None


def test_an_endpoint_that_goes_away_is_no_violation() -> None:
    """It is told apart, and Hypothesis does not try again and again."""

    class Silent(Player):
        def play(self, step: Step) -> dict[str, object]:
            raise GoneError(f"nobody answers {step.operation}")

    @contextlib.contextmanager
    def world() -> Iterator[World]:
        yield World(clients=lambda region: None, regions=("us-east-1",))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ddbproof.conformance.fuzz.run.Player", Silent)
        made = Campaign(world, 1)
        with pytest.raises(Gone, match="nobody answers create_table"):
            list(made.batches(5, lambda number: number < 1))
    assert made.violation is None


# -- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--profile", "nosuch"], "there are quick, ci"),
        (["--minutes", "0"], "more than nothing"),
        (["--seed", "-1"], "from 0 to"),
        (["--shard", "3/2"], "I from 1 to N"),
        (["--without", "streams"], "there are replicas, backups"),
        (["--endpoint", "http://127.0.0.1:9", "--target", "moto"], "exclude each other"),
        (["--endpoint", "https://dynamodb.us-east-1.amazonaws.com"], "AWS itself"),
    ],
)
def test_bad_options_say_what_is_possible(
    arguments: list[str], words: str, capsys: Capture, own_cache: None
) -> None:
    """Exit code 2, nothing driven."""
    assert run(["fuzz", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_an_endpoint_that_is_not_there(capsys: Capture, own_cache: None) -> None:
    """Exit code 3, with the cause."""
    assert run(["fuzz", "--endpoint", "http://127.0.0.1:9"]) == 3
    assert "refuse" in capsys.readouterr().err.lower()


def test_a_violation_is_told_and_written_down(
    capsys: Capture, tmp_path: Path, own_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1, the steps, what was expected and seen, and a program."""
    monkeypatch.setattr("ddbproof.conformance.fuzz.campaign.SHRINKING_SECONDS", 2.0)
    program = tmp_path / "fuzz.py"
    with planted("drops-deletes"):
        few = ["--without", "transactions", "--without", "indexes"]
        assert run(["fuzz", "--seed", "1", "--script", str(program), *few]) == 1
    told = capsys.readouterr().out
    assert "does not allow" in told
    assert "expected: no item" in told
    assert "delete_item in " in told
    compile(program.read_text(), str(program), "exec")
    assert "ddbproof fuzz --seed 1" in program.read_text()


def test_an_endpoint_behind_a_url_is_driven_and_left_clean(
    capsys: Capture, tmp_path: Path, own_cache: None
) -> None:
    """In real time, with what it offers, under names of its own."""
    with served(tmp_path, delay_seconds=0.05) as url:
        assert run(["fuzz", "--endpoint", url, "--profile", "quick", "--seed", "3"]) == 0
        client = boto3.client(
            "dynamodb",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="none",
        )
        assert client.list_tables()["TableNames"] == []
        assert client.list_backups()["BackupSummaries"] == []
    told = capsys.readouterr().out
    assert "time cannot be moved" in told
    assert "left behind" not in told
