"""A lawfully lagging endpoint is not accused: the whole suite against `--lag legal`, seed after seed.

    make lag                                    50 seeds, about 40 minutes
    .venv/bin/python bench/lag.py 5             as many as that

Each run is `ddbproof conform --lag legal --seed N`. Eventually consistent reads, global indexes, and other Regions of global tables,
fall behind by chance; how often anybody saw that is told by the endpoint. Ends with exit code 1 if a run fails, or if there was too
little lag for that to mean anything.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter

SEEDS = 50
EVENTUAL_A_SEED = 20
REPLICA_A_SEED = 2
INDEX_A_SEED = 10
_STALE = re.compile(r"stale answers: ([\d,]+) eventual reads, ([\d,]+) replica reads, ([\d,]+) index reads")
_VERDICT = re.compile(
    r"^ *(\d+) (pass|fail|differs|error|inconclusive|unsupported|not testable here)$", re.MULTILINE
)


def main() -> int:
    """Run, and tell as it goes."""
    seeds = int(sys.argv[1]) if sys.argv[1:] else SEEDS
    seen: Counter[str] = Counter()
    failed = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as directory:
            command = [
                "-m",
                "ddbproof.cli",
                "conform",
                "--lag",
                "legal",
                "--seed",
                str(seed),
                "--report",
                directory,
            ]
            done = subprocess.run(  # noqa: S603 - our own command
                [sys.executable, *command], capture_output=True, text=True, check=False
            )
        stale = _STALE.search(done.stdout)
        found = (int(it.replace(",", "")) for it in stale.groups()) if stale else (0, 0, 0)
        eventual, replica, index = found
        verdicts = {name: int(count) for count, name in _VERDICT.findall(done.stdout)}
        seen.update(eventual=eventual, replica=replica, index=index, **verdicts)
        if done.returncode != 0:
            failed.append(seed)
            sys.stdout.write(done.stdout[-3_000:] + done.stderr[-1_000:])
        sys.stdout.write(
            f"seed {seed}: exit {done.returncode}, {eventual} stale eventual reads, {replica} of replicas, "
            f"{index} of indexes\n"
        )
        sys.stdout.flush()
    sys.stdout.write(f"{seeds} seeds, failed: {failed or 'none'}; {dict(seen)}\n")
    least = {"eventual": EVENTUAL_A_SEED, "replica": REPLICA_A_SEED, "index": INDEX_A_SEED}
    enough = all(seen[kind] >= a_seed * seeds for kind, a_seed in least.items())
    return int(bool(failed) or not enough)


if __name__ == "__main__":
    sys.exit(main())
