"""Client tokens of transactions (TX-04): which transactions finished, and with what body.

A token counts for ten minutes after the transaction that brought it finished; a repetition does not prolong
that. Only transactions that succeeded are kept: what the documentation says of repetitions it says of those,
and AWS's emulator tries a cancelled transaction again. Tokens belong to one account in one Region.
"""

from __future__ import annotations

from dataclasses import dataclass

from ddbproof.reference_impl.cluster.records import TableRecord

TOKEN_MILLISECONDS = 10 * 60 * 1000


@dataclass(frozen=True, slots=True)
class FinishedTransaction:
    """A transaction that succeeded.

    `digest` stands for its actions, `reads` is what reading its items costs (capacity units by table), and
    `instant_milliseconds` is when it finished.
    """

    digest: bytes
    reads: tuple[tuple[TableRecord, float], ...]
    instant_milliseconds: int

    def counts(self, now_milliseconds: int) -> bool:
        """Whether its token still stands for it."""
        return now_milliseconds - self.instant_milliseconds <= TOKEN_MILLISECONDS


class ClientTokens:
    """The tokens of one Region. What has expired is forgotten when something new is kept."""

    def __init__(self) -> None:
        # In the order of finishing, so that the oldest come first.
        self._finished: dict[tuple[str, str], FinishedTransaction] = {}

    def find(self, account: str, token: str, now_milliseconds: int) -> FinishedTransaction | None:
        """The transaction that the token stands for now, or None."""
        found = self._finished.get((account, token))
        return found if found is not None and found.counts(now_milliseconds) else None

    def keep(self, account: str, token: str, finished: FinishedTransaction) -> None:
        """Let the token stand for a transaction that has just finished."""
        now_milliseconds = finished.instant_milliseconds
        while self._finished:
            oldest = next(iter(self._finished))
            if self._finished[oldest].counts(now_milliseconds):
                break
            del self._finished[oldest]
        self._finished[account, token] = finished
