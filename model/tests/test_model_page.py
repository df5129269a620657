"""docs/model.md is run: what it shows is what comes out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from ddbproof.model.engine import campaign

PAGE = Path(__file__).resolve().parents[2] / "docs" / "model.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_worked_counterexample_comes_out_as_shown(tmp_path: Path) -> None:
    """The page's program prints the page's text; mended as the page says, everything is proved."""
    (program,), (shown,) = blocks("python"), blocks("text")
    script = tmp_path / "lease.py"
    script.write_text(program)
    assert run(script) == shown
    mended = program.replace("return clock > until", "return clock > until + CLOCK_ERROR")
    assert mended != program
    script.write_text(mended.rpartition("print(*told")[0])
    assert run(script) == "['proved', 'proved']\n"


def run(script: Path) -> str:
    return subprocess.run([sys.executable, script], check=True, capture_output=True, text=True).stdout


def test_every_system_is_on_the_page() -> None:
    """In its table."""
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))
    assert listed == set(campaign.system_names())
