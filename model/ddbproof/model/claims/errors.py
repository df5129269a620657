"""Errors of the claims registry, drawn as a tree.

ClaimsError                 has message, cause and hint
├── ClaimsFileError         a data file cannot be used: which file, which entry, why
└── UnknownNameError        a claim, seed statement, area or check that does not exist
    └── UnknownClaimError   a claim id that does not exist
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ClaimsError(Exception):
    """Base of all errors here; not raised itself."""

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause
        self.hint = hint


class ClaimsFileError(ClaimsError):
    """A data file has an entry that cannot be used."""

    def __init__(self, file: str, entry: str, cause: str, hint: str | None = None) -> None:
        super().__init__(
            f"{file}: {entry} cannot be used" if entry else f"{file} cannot be used", cause=cause, hint=hint
        )
        self.file = file
        self.entry = entry


class UnknownNameError(ClaimsError):
    """Something was named that the registry does not have; the hint tells the nearest name it has."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = list(known)
        near = get_close_matches(name.upper(), names, n=1) or get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {_shorten(names)}"
        super().__init__(f"there is no {kind} {name!r}", hint=hint)


class UnknownClaimError(UnknownNameError):
    """A claim id that does not exist."""

    def __init__(self, claim_id: str, known: Iterable[str]) -> None:
        super().__init__("claim", claim_id, known)


def _shorten(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 40 else ", ".join([*names[:20], f"and {len(names) - 20} more"])
