"""How a command ends, and errors that end it.

    CommandError     a sentence for the person at the terminal, a cause, a hint, and the exit code

Exit codes are a promise to scripts: nothing else, pytest's codes included, ever leaves the process.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the exit code of every command means."""

    OK = 0
    VIOLATIONS = 1
    USAGE = 2
    UNREACHABLE = 3
    INCONCLUSIVE = 4
    OUR_ERROR = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """Ends a command with one line of cause and a hint."""

    def __init__(
        self,
        message: str,
        *,
        cause: str | None = None,
        hint: str | None = None,
        exit_code: ExitCode = ExitCode.USAGE,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint
        self.exit_code = exit_code
