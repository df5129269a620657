"""An endpoint as a run needs it, and how it is asked for.

Every run has a world of its own, with nothing in it: a new endpoint in the process, or a prefix of its own at an
endpoint that others use as well. What cannot be had there (a clock that moves, replicas, ...) is left out of
the world, and then the rules that need it are not enabled.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ddbproof.model.store import CONTRACT, Promises

ClientFactory = Callable[[str], Any]


class Feature(StrEnum):
    """What an endpoint may lack, or the user may want left out."""

    REPLICAS = "replicas"
    BACKUPS = "backups"
    RECOVERY = "recovery"
    PROTECTION = "protection"
    TRANSACTIONS = "transactions"
    INDEXES = "indexes"


@dataclass(frozen=True, slots=True)
class World:
    """An endpoint with nothing in it.

    `clients` gives a boto3 client for each of `regions`; names of tables begin with `prefix`. `advance` moves its
    time on by seconds and `network` isolates or heals a Region, both None where that cannot be; after
    `settling_seconds` everything has arrived everywhere. Its time is `zero` (epoch seconds) and a quarter, and stands
    nearly still. `promises` says how exact it is.
    """

    clients: ClientFactory
    regions: tuple[str, ...]
    prefix: str = "ddbproof-"
    zero: int = 0
    advance: Callable[[float], object] | None = None
    network: Callable[[str, str], object] | None = None
    settling_seconds: float = 0.0
    promises: Promises = CONTRACT
    features: frozenset[Feature] = frozenset(Feature)


Worlds = Callable[[], AbstractContextManager[World]]
