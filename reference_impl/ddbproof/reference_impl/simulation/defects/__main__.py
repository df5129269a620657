"""`python -m ddbproof.reference_impl.simulation.defects [NAME ...]`: how many seeds each defect needs.

Without names all are hunted, and the table goes to docs/simulation-defects-table.md, below the current directory.
Exit code 1 if one is not found.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ddbproof.reference_impl.simulation.defects import hunt

TABLE = Path("docs/simulation-defects-table.md")


def main(names: list[str]) -> int:
    """Hunt, tell as it goes, write the table."""
    findings = []
    for finding in hunt.hunted(names):
        findings.append(finding)
        sys.stdout.write(f"{finding.seeds:>9} {finding.name}: {finding.how}\n")
        sys.stdout.flush()
    if not names:
        TABLE.write_text(hunt.table(findings), encoding="utf-8")
    return int(any(finding.seed is None for finding in findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
