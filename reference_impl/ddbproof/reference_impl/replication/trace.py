"""The record of a run: every step of every group that changes what a replica must not lose, in the order of time."""

from __future__ import annotations

from typing import Any

import msgspec


class Step(msgspec.Struct):
    """A step of a group, by what was told (`Environment.record`).

    `made` is the kernel's record that it made, `log` the digest of the log that belongs to it. `saved` says when a disk
    had it: how many steps the record held by then; 0 if none ever had. A crash has what the replica started again with.
    """

    group: int
    action: str
    arguments: dict[str, Any]
    made: Any
    log: int = 0
    saved: int = 0
