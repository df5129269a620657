"""How an endpoint is set up. Everything that determines its behaviour, in one record that can be printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ddbproof.model.kernel.limits import MOST_BYTES

DEFAULT_REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-1")
DEFAULT_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """What an access key stands for: an `account` of 12 digits, and the `secret` if signatures are checked."""

    account: str = DEFAULT_ACCOUNT
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """Options of one reference endpoint.

    `regions` it serves; `seed` of everything random in it; `replication_delay_seconds` between the replicas
    of a global table; `restore_lag_seconds` by which LatestRestorableDateTime trails now (PI-07 says typically
    five minutes); `create_delay_seconds` for which a new table, backup or restore stays CREATING (and a
    deleted table DELETING), 0 by default because most tests only wait for it; `access_keys` maps access key
    ids to accounts (an id that is not in it stands for DEFAULT_ACCOUNT unless signatures are verified);
    `verify_signatures` checks SigV4; `frozen_at_milliseconds` starts a clock that moves only when it is moved;
    `partitions` that a new table begins with, each of which is split when its items have more than `partition_bytes`
    (PART-06 says 10 GB), and with `heat_splits` when it is hot for long (PART-08), and merged again when it is cold; `lag` is "none", or "legal" to let
    eventually consistent reads and other Regions fall behind by chance, as they may;
    `record_steps` keeps every durable step of every replica, in memory, to be replayed through the proved systems.
    """

    regions: tuple[str, ...] = DEFAULT_REGIONS
    seed: int = 0
    replication_delay_seconds: float = 0.2
    restore_lag_seconds: float = 300.0
    create_delay_seconds: float = 0.0
    access_keys: Mapping[str, AccessKey] = field(default_factory=dict)
    verify_signatures: bool = False
    frozen_at_milliseconds: int | None = None
    partitions: int = 2
    partition_bytes: int = MOST_BYTES
    heat_splits: bool = False
    lag: Literal["none", "legal"] = "none"
    record_steps: bool = False
