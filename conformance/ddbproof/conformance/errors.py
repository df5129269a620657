"""Errors of a run, drawn as a tree. Errors of targets have their own (`targets.errors`).

RunError                  the run cannot begin; carries an exit code
├── SelectionError        2: what was selected does not exist, or is empty
├── ReportPlaceError      2: the report cannot be written where it was asked for
├── KnownFailuresError    2: the file of known failures cannot be used
├── HooksError            2: the file of fault hooks cannot be used
└── ProofsError           2: the file of proofs cannot be used
"""

from __future__ import annotations

from typing import ClassVar


class RunError(Exception):
    """The run cannot begin."""

    exit_code: ClassVar[int] = 2

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class SelectionError(RunError):
    """What was selected does not exist, or is empty."""


class ReportPlaceError(RunError):
    """The report cannot be written where it was asked for."""


class KnownFailuresError(RunError):
    """The file of known failures cannot be used."""


class HooksError(RunError):
    """The file of fault hooks cannot be used."""


class ProofsError(RunError):
    """The file of proofs cannot be used."""
