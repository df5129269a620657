"""What becomes of the committed changes of a table: its history, and whoever follows it.

The partitions' leaders hand over what two of three replicas have (`groups`), and only that. Each change gets the instant at
which that happened as its commit timestamp, is appended to the table's history, and then told to
those who follow: streams, time to live, other Regions. So a backup, a restore, a stream or another Region
never shows what may yet be lost. The fold says how many items there are, and which image a change replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from ddbproof.reference_impl.storage.history import TIDY_EVERY, History
from ddbproof.reference_impl.storage.items import Fold, Image
from ddbproof.reference_impl.storage.log import Entry

Watch = Callable[[int, int, Entry, Image | None], None]


class Followed(Protocol):
    """Takes what is committed, and says what has come of it."""

    @property
    def fold(self) -> Fold:
        """The live items and tombstones, as committed."""


class Feed:
    """The committed changes of one table in one Region.

    `now` gives the present instant. `offer` is called with each change that this Region has made, for other Regions; `watch` with every
    change, the partition's group and the position in its log (`lines`), and the image that it replaced; `tidy` with now after every `TIDY_EVERY`
    changes, to forget what is no longer needed.
    """

    def __init__(
        self,
        history: History,
        region_number: int,
        now: Callable[[], int],
        *,
        offer: Callable[[Entry], None] = lambda _: None,
        watch: Watch = lambda *_: None,
        tidy: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.history = history
        self.fold = Fold()
        self._region_number = region_number
        self._now = now
        self._offer = offer
        self._watch = watch
        self._tidy = tidy

    def take(self, change: Entry, group: int, position: int) -> None:
        """A change is committed, at a position of a partition's log."""
        now_milliseconds = self._now()
        instant = self.history.commit_timestamp(now_milliseconds)
        if instant != change.instant_milliseconds:
            change = msgspec.structs.replace(change, instant_milliseconds=instant)
        index = self.history.append(change)
        old = self.fold.apply(change)
        self._watch(group, position, change, old)
        if index % TIDY_EVERY == TIDY_EVERY - 1:
            self._tidy(now_milliseconds)
        if change.version.region_number == self._region_number:
            self._offer(change)
