"""moto as a free negative control: the suite finds what moto is known not to do (OQ-01)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ddbproof.conformance.targets import installer
from ddbproof.reports.reader import read_results
from ddbproof.reports.verdicts import Verdict

pytestmark = pytest.mark.external


def test_moto_returns_the_data_of_now_for_any_instant(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Restores to an instant fail with a sentence that says why, and backups, which moto has right, pass."""
    if not installer.is_installed(installer.MOTO):
        pytest.skip("moto is not installed: ddbproof targets install moto")
    record_property("external_target", "moto")
    selected = ["PI-11", "PI-12", "PI-14", "BK-02"]
    command = [sys.executable, "-m", "ddbproof.cli", "conform", "--target", "moto", "--report", str(tmp_path)]
    command += [word for claim in selected for word in ("--select", claim)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    results = read_results(tmp_path / "results.jsonl")
    assert results.header.target.version == installer.MOTO.version
    verdicts = {claim: {one.verdict for one in results.results if one.claim == claim} for claim in selected}
    assert {claim for claim, found in verdicts.items() if Verdict.FAIL in found} == {
        "PI-11",
        "PI-12",
        "PI-14",
    }
    reasons = [one.reason for one in results.results if one.claim == "PI-11" and one.verdict is Verdict.FAIL]
    assert any("what the source holds now" in reason for reason in reasons)
