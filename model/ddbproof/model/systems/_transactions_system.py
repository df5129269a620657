"""The system `transactions`, of which three modules declare the parts: see `transactions`."""

from __future__ import annotations

from ddbproof.model.engine.system import System
from ddbproof.model.kernel import instants, transactions
from ddbproof.model.systems._transactions_state import State

system = System("transactions", "Transactions", State, [transactions], [instants])
system.fast = False
system.scope_in_words = [
    "an item and the ledger's record of a token are each kept by a replication group, and a step changes one of them",
    "a condition is that an item is there with a certain value, or not there; a value is a number",
    "streams, indexes, backups and other Regions take an item's changes from its partition, and are not in this system",
    "the ten minutes of a token are counted by clocks off by at most an error that the ledger knows; nothing else is",
    "that a transaction is decided or finished in the end is not proved: the covers show that it can be",
]
system.merged = (
    "instants.higher",
    "transactions.version_of",
    "transactions.latest_of",
    "transactions.is_pending",
    "transactions.verdict",
    "transactions.has_lapsed",
)
