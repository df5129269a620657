"""Logs for replay share what they have in common, and their digests tell them apart."""

from __future__ import annotations

import pytest

from ddbproof.model.engine.shared_log import NO_ENTRIES, SharedLog, chained
from ddbproof.model.engine.values import EngineError


def log_of(*entries: int) -> SharedLog:
    log = SharedLog()
    for index, entry in enumerate(entries):
        log = log.put(index, entry)
    return log


def test_putting_at_the_end_leaves_older_handles_as_they_were() -> None:
    """A handle is a value, though its list grows."""
    before = log_of(1, 2)
    after = before.put(2, 3)
    assert (before.length, after.length) == (2, 3)
    assert [after[index] for index in range(3)] == [1, 2, 3]
    with pytest.raises(EngineError, match="entry 2 of a log of 2"):
        before[2]


def test_the_entry_that_is_there_already_is_found() -> None:
    """A replica that appends what its leader has shares the leader's list."""
    leader = log_of(1, 2, 3)
    replica = leader.put(0, 1).put(1, 2)
    assert replica.length == 2
    assert replica._entries is leader._entries
    assert replica.digest(2) == leader.digest(2)


def test_another_entry_begins_a_list_of_its_own() -> None:
    """Two epochs' logs that begin alike."""
    one = log_of(1, 2, 3)
    other = one.put(1, 9)
    assert [other[index] for index in range(2)] == [1, 9]
    assert [one[index] for index in range(3)] == [1, 2, 3]
    assert other.digest(1) == one.digest(1)
    assert other.digest(2) != one.digest(2)


def test_the_digest_is_a_chain_over_all_entries() -> None:
    """Order and every entry count."""
    assert log_of().digest(0) == NO_ENTRIES
    assert log_of(5, 6).digest(2) == chained(chained(NO_ENTRIES, 5), 6)
    assert len({log_of(*entries).digest(2) for entries in ((1, 2), (2, 1), (1, 1), (0, 1))}) == 4


def test_gaps_are_errors() -> None:
    """Nothing stands behind an entry that is missing."""
    with pytest.raises(EngineError, match="entry 2 put into a log of 1"):
        log_of(1).put(2, 3)
    with pytest.raises(EngineError, match="digest of 2 entries of a log of 1"):
        log_of(1).digest(2)
