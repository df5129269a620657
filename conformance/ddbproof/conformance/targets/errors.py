"""Errors of reaching, launching and installing targets, drawn as a tree.

    TargetError                    something about the target ends the run before it starts; carries an exit code
    ├── EndpointSyntaxError        2: `--endpoint` cannot be read as [REGION=]URL
    ├── RefusedTargetError         2: the endpoint is AWS itself
    ├── MissingCredentialsError    2: no key pair to sign with
    ├── RejectedCredentialsError   2: the endpoint does not accept the key pair
    ├── UnknownTargetError         2: no target of that name
    ├── NotInstalledError          2: a target that has to be installed first
    ├── UnknownDefectError         2: no planted defect of that name
    ├── UnreachableError           3: nobody answers, or what answers is not DynamoDB
    ├── LaunchError                3: a target of ours did not start
    └── InstallError               3: a target could not be installed; nothing is left half installed

`exit_code` is the code with which a command that meets the error leaves (design.md §5). `message` says what
happened in one line, `cause` what was seen, `hint` what to do.
"""

from __future__ import annotations

from typing import ClassVar


class TargetError(Exception):
    """Something about the target ends the run before it starts."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class EndpointSyntaxError(TargetError):
    """`--endpoint` cannot be read as [REGION=]URL."""

    exit_code = 2


class RefusedTargetError(TargetError):
    """The endpoint is AWS itself."""

    exit_code = 2


class MissingCredentialsError(TargetError):
    """No key pair to sign with."""

    exit_code = 2


class RejectedCredentialsError(TargetError):
    """The endpoint does not accept the key pair."""

    exit_code = 2


class UnknownTargetError(TargetError):
    """No target of that name."""

    exit_code = 2


class NotInstalledError(TargetError):
    """A target that has to be installed first."""

    exit_code = 2


class UnknownDefectError(TargetError):
    """No planted defect of that name."""

    exit_code = 2


class UnreachableError(TargetError):
    """Nobody answers, or what answers is not DynamoDB."""


class LaunchError(TargetError):
    """A target of ours did not start."""


class InstallError(TargetError):
    """A target could not be installed; nothing is left half installed."""
