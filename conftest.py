"""Tells at the end of a test run which external targets were really judged, so that a skip is never silent.

A test that judges one records it: `record_property("external_target", "moto")`.
"""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line that `.ci/run` repeats."""
    judged = {
        str(value)
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        for name, value in getattr(report, "user_properties", ())
        if name == "external_target"
    }
    names = f" ({', '.join(sorted(judged))})" if judged else ""
    terminalreporter.write_line(f"external targets judged: {len(judged)}{names}")
