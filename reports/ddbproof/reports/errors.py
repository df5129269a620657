"""Errors of reports, drawn as a tree.

ReportError             has message, cause and hint
└── ResultsFileError    a results file cannot be read: which file, which line, why
"""

from __future__ import annotations

from pathlib import Path


class ReportError(Exception):
    """A report cannot be read or written."""

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class ResultsFileError(ReportError):
    """A results file cannot be used."""

    def __init__(self, path: Path, line: int | None, cause: str, hint: str | None = None) -> None:
        place = f"{path}, line {line}" if line is not None else str(path)
        super().__init__(f"{place}: not a results file that can be used", cause=cause, hint=hint)
        self.path = path
        self.line = line
