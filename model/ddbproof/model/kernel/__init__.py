"""The kernel: protocol decisions as pure functions on immutable records.

A kernel function takes and returns frozen records of integers, uses ordinary Python, and knows no clock,
no randomness and no I/O. The reference endpoint changes durable state only by what these functions say, so
that a proof about them is a proof about the code that runs. No record holds a collection.

Here today: `versions` (which version of an item survives in a global table) and `recovery` (the restore
window of point-in-time recovery). Replication, leases, partitions and the other protocols are listed in
docs/roadmap.md; they have no kernel yet.
"""
