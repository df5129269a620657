"""The fuzzer finds nothing in the reference endpoint, and every fault that is planted there by composition."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ddbproof.cli import fuzz
from ddbproof.conformance.fuzz.machine import Seen
from ddbproof.conformance.fuzz.steps import Disagreement
from ddbproof.model.kernel import backup
from ddbproof.reference_impl.cluster.table_store import SingleLogTable


def found(examples: int, seed: int = 1) -> tuple[Disagreement | None, Seen]:
    seen = Seen()
    return fuzz._batch(fuzz._in_process(), seen, seed, examples, None), seen


def test_the_reference_endpoint_agrees() -> None:
    """In every step of a few runs, which take most rules."""
    disagreement, seen = found(15)
    assert disagreement is None
    assert len(seen.rules) >= 10
    assert len(seen.states) >= 30


def test_a_seed_makes_a_run_repeatable() -> None:
    """The same rules as often, the same states."""
    (_, one), (_, other) = found(5, seed=3), found(5, seed=3)
    assert (one.rules, one.states) == (other.rules, other.states)


def one_second_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restore holds what was written in the second after the asked one."""
    original = backup.in_backup
    monkeypatch.setattr(backup, "in_backup", lambda entry, instant: original(entry, instant + 1000))


def arrival_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica applies what arrives last."""
    monkeypatch.setattr(
        "ddbproof.reference_impl.cluster.table_store.supersedes", lambda _incoming, _stored: True
    )


def tombstone_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was deleted takes any write that arrives, however old."""
    original = SingleLogTable.receive

    def receive(self: SingleLogTable, key: bytes, *rest: Any) -> bool:
        if self.fold.items.get(key) is None:
            self.fold.tombstones.pop(key, None)
        return original(self, key, *rest)

    monkeypatch.setattr(SingleLogTable, "receive", receive)


def deletes_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica takes no deletion from elsewhere."""
    original = SingleLogTable.receive

    def receive(self: SingleLogTable, key: bytes, item: bytes | None, *rest: Any) -> bool:
        return item is not None and original(self, key, item, *rest)

    monkeypatch.setattr(SingleLogTable, "receive", receive)


def backup_shares_items(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup is the table as it is when it is restored."""
    worlds = fuzz._in_process()
    monkeypatch.setattr(fuzz, "_in_process", lambda: _wrapped(worlds, _LiveBackups))


def _wrapped(worlds: Any, kind: Callable[[Any], Any]) -> Any:
    """Worlds whose clients stand behind another."""

    @contextlib.contextmanager
    def world() -> Iterator[Any]:
        with worlds() as inner:
            yield replace(inner, clients=lambda region: kind(inner.clients(region)))

    return world


class _LiveBackups:
    """A client between the fuzzer and the endpoint: before a restore the table is backed up anew."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def restore_table_from_backup(self, **arguments: Any) -> Any:
        source = arguments["BackupArn"].split("table/")[1].split("/")[0]
        try:
            made = self._client.create_backup(TableName=source, BackupName="live")
        except self._client.exceptions.TableNotFoundException:
            return self._client.restore_table_from_backup(**arguments)
        arguments["BackupArn"] = made["BackupDetails"]["BackupArn"]
        return self._client.restore_table_from_backup(**arguments)


FAULTS = [one_second_off, arrival_order, tombstone_ignored, deletes_dropped, backup_shares_items]


@pytest.mark.slow
@pytest.mark.parametrize("plant", FAULTS)
def test_a_planted_fault_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Composed in from outside; production code has no switches for it."""
    plant(monkeypatch)
    disagreement, seen = found(600)
    assert disagreement is not None, seen.rules
    assert len(disagreement.steps) < 25


def test_a_failure_is_told_and_written_down_as_a_program(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The steps, what was due and what came; the program is one that Python takes, and needs boto3 only."""
    worlds = fuzz._in_process()
    monkeypatch.setattr(fuzz, "_in_process", lambda: _wrapped(worlds, _Blind))
    script = tmp_path / "failure.py"
    assert fuzz.fuzz(seed=1, script=script) == 1
    told = capsys.readouterr().out
    assert "must be" in told
    assert "and is" in told
    text = script.read_text()
    compile(text, str(script), "exec")
    assert "ddbproof." not in text.replace("ddbproof clock", "").replace("ddbproof fuzz", "")
    usage = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert (usage.returncode, "--endpoint" in usage.stderr) == (2, True)


class _Blind:
    """A client whose reads find nothing."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_item(self, **arguments: Any) -> Any:
        self._client.get_item(**arguments)
        return {}
