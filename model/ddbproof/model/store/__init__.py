"""The sequential specification of the API: what a correct store may answer, one operation after the other.

Written to be obviously right and not to be fast. A table keeps every change that was ever made to it, with the
instant and the Region in which it was made, and every question is answered from that list. No code is shared
with the endpoint, and none with the kernels: a comparison of the two finds what was not put into both.

A `Store` never changes. An operation gives its *outcomes*: each an answer that is right, and the store after it.
Mostly there is one. There are more where DynamoDB leaves something open: an item that was changed elsewhere shows
sooner or later (ME-01), of two changes at one instant either survives (ME-05), a backup may miss the last minute
(BK-03), and the ends of a restore window are nobody's contract (PI-12). Whoever has seen the answer goes on with
the store of that outcome; so a tie that one Region has shown decided has to be shown alike by all others.

    answers.py       what is answered, and how exact an endpoint promises to be
    history.py       the changes of a table: which of them win, and who can see them
    operations.py    the store: tables, items, backups, recovery, time
    transactions.py  writes and reads of many items
    indexes.py       a global secondary index

Time stands still but for `advance`. Replication is under way until `settle` says that everything has arrived
everywhere. Settings (a table made, restored, protected, removed) take effect at once: whoever drives a real
endpoint waits until it says so too.

An item is one whole number under a string key. Left out: sort keys, local indexes, capacity, streams,
strong mode, most of expressions, states such as CREATING, restores into other Regions.
"""

from ddbproof.model.store.answers import (
    CONTRACT,
    DONE,
    Among,
    Answer,
    Promises,
    Refused,
    Shown,
    Value,
    Window,
)
from ddbproof.model.store.indexes import query_index
from ddbproof.model.store.operations import Outcome, Outcomes, Store
from ddbproof.model.store.transactions import Action, tells_all, transact_get, transact_write

__all__ = [
    "CONTRACT",
    "DONE",
    "Action",
    "Among",
    "Answer",
    "Outcome",
    "Outcomes",
    "Promises",
    "Refused",
    "Shown",
    "Store",
    "Value",
    "Window",
    "query_index",
    "tells_all",
    "transact_get",
    "transact_write",
]
