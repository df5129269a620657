"""Instants: integers of milliseconds since the epoch, and the little arithmetic that kernels need of them.

`higher` and `lower` stand where Python has `max` and `min`: as functions of ours a prover can run them on
unknowns. Kernels call each other through the module (`instants.higher`), so that a mutant put in a function's
place is met by every caller.
"""

from __future__ import annotations

MILLISECONDS_A_DAY = 86_400_000


def higher(left: int, right: int) -> int:
    """The greater of two integers."""
    if left > right:
        return left
    return right


def lower(left: int, right: int) -> int:
    """The smaller of two integers."""
    if left < right:
        return left
    return right
