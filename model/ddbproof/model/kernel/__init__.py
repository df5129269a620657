"""The kernel: protocol decisions as pure functions on immutable records.

A kernel function takes and returns frozen records of integers and truth values, uses ordinary Python, and
knows no clock, no randomness and no I/O. The reference endpoint changes durable state only by what these
functions say, so that a proof about them is a proof about the code that runs. No record holds a collection: a
log is a handle beside the record. A step that the protocol does not allow raises `refusal.NotAllowed`.

    versions     which version of an item survives in a global table
    partitions   which partition holds an item; splits, merges, the routing table
    splits       a split while writes run: the parent closes, the children open
    membership   a replica is replaced: log replicas, configurations, healing, trimming
    backup       commit timestamps of a partition's log, and the cut that a backup makes through it
    recovery     the restore window, and what has to be kept of log and snapshots for it
    instants     the arithmetic they share

Kernels call each other through the module, so that whoever replaces a function, as mutants do, replaces it for
all of them. Replication, leases, transactions and streams have no kernel yet (docs/roadmap.md); the endpoint
does not use `partitions`, `splits` and `membership` yet.
"""
