"""The `ddbproof` command: the only place that may import every component, each only when it is needed."""

from __future__ import annotations


def main() -> None:
    """Run the command line and leave with its exit code."""
    from ddbproof.cli.app import run

    raise SystemExit(run())
