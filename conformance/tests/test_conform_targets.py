"""Products that nobody here wrote: each is launched and judged by a few claims whose outcome is known.

They are the suite's free controls (OQ-01). What is expected here was looked at by hand; the whole of it is in
`reports/published` and `docs/findings`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ddbproof.conformance.targets import installer
from ddbproof.conformance.targets.products import PRODUCTS
from ddbproof.reports.reader import read_results
from ddbproof.reports.verdicts import worst

pytestmark = pytest.mark.external

EXPECTED = {
    # Any instant is answered with the data of now; backups are right.
    "moto": {"PI-11": "fail", "PI-12": "fail", "PI-14": "fail", "BK-02": "pass"},
    "ministack": {"PI-11": "fail", "PI-12": "fail", "BK-02": "pass", "ME-01": "pass"},
    # No backups at all, which they say; what was acknowledged survives a kill where there is a disk.
    "dynamodb-local": {"RC-08": "pass", "BK-02": "unsupported", "RC-01": "pass"},
    "dynoxide": {"RC-08": "pass", "BK-02": "unsupported", "RC-01": "pass"},
    "dynalite": {"RC-08": "pass", "BK-02": "unsupported", "RC-01": "not testable here"},
    "extenddb": {"RC-08": "pass", "BK-01": "pass", "RC-01": "pass"},
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_product_is_launched_judged_and_gone(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """The verdicts are the known ones, and the report names the version."""
    product = PRODUCTS[name]
    if not installer.is_installed(product):
        pytest.skip(f"{name} is not installed: ddbproof targets install {name}")
    record_property("external_target", name)
    wanted = EXPECTED[name]
    command = [sys.executable, "-m", "ddbproof.cli", "conform", "--target", name, "--report", str(tmp_path)]
    command += [word for claim in wanted for word in ("--select", claim)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == ("fail" in wanted.values()), done.stdout + done.stderr
    results = read_results(tmp_path / "results.jsonl")
    assert results.header.target.version == product.version
    verdicts = {
        claim: worst(one.verdict for one in results.results if one.claim == claim) for claim in wanted
    }
    assert verdicts == wanted
