"""The records of the system `propagation`: what Regions hold of items, what was written, and what is on its way."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ddbproof.model.engine.values import (
    Map,
    Sort,
)
from ddbproof.model.kernel.propagation import Latest
from ddbproof.model.kernel.versions import Version

REGION, ITEM, WRITE = Sort("region"), Sort("item"), Sort("write")
NO_VERSION = Version(0, 0)


class Held(msgspec.Struct, frozen=True):
    """What a Region holds of an item, from which write it is, and how many records its stream has of the item."""

    holds: bool
    version: Version
    write: Annotated[int, WRITE]
    value: int
    records: int


class Written(msgspec.Struct, frozen=True):
    """A write: where, of which item, its version and value; the write it saw there; if the next one is of its transaction."""

    made: bool
    region: Annotated[int, REGION]
    item: Annotated[int, ITEM]
    version: Version
    value: int
    saw_any: bool
    saw: Annotated[int, WRITE]
    with_next: bool


class Sent(msgspec.Struct, frozen=True):
    """A kernel record of what is the latest, and which write that is."""

    latest: Latest
    write: Annotated[int, WRITE]


class Capacity(msgspec.Struct, frozen=True):
    """A Region's write units: free now, granted ever, and used ever, here and by what came from elsewhere."""

    free: int
    granted: int
    used: int


class State(msgspec.Struct, frozen=True):
    """Everything. `own[r][i]` is what was written in r, `confirmed[r][q][i]` what q confirmed of it to r.

    `halfway` is in the middle of a transaction, when nothing else can happen.
    """

    replicas: Annotated[Map[Annotated[Map[Held], ITEM]], REGION]
    own: Annotated[Map[Annotated[Map[Sent], ITEM]], REGION]
    confirmed: Annotated[Map[Annotated[Map[Annotated[Map[Sent], ITEM]], REGION]], REGION]
    writes: Annotated[Map[Written], WRITE]
    arrived: Annotated[Map[Annotated[Map[bool], WRITE]], REGION]
    next_write: Annotated[int, WRITE]
    halfway: bool
    capacity: Annotated[Map[Capacity], REGION]
    restored: Annotated[Map[Held], ITEM]
