"""The kernel: protocol decisions as pure functions on immutable records.

A kernel function takes and returns frozen records of integers and truth values, uses ordinary Python, and
knows no clock, no randomness and no I/O. The reference endpoint changes durable state only by what these
functions say, so that a proof about them is a proof about the code that runs. No record holds a collection: a
log is a handle beside the record. A step that the protocol does not allow raises `refusal.NotAllowed`.

    replication    one log on three replicas, a leader for each epoch, acknowledgement by two of three
    lease          until when a leader may serve, and when another may be elected
    membership     a replica is replaced: log replicas, configurations, healing, trimming
    reads          when a write or a strong read may be answered, and with what
    partitions     which partition holds an item; splits, merges, the routing table
    splits         a split while writes run: the parent closes, the children open
    merges         two neighbours merge while writes run: one begins, the other joins, both close, one opens
    queries        the order of a Query, and where it goes on when a partition has no more
    transactions   what an item's partition, the ledger and a coordinator may do
    streams        how entries become stream records, and how these are kept and read
    expiry         when an item may be deleted because its time has passed
    versions       which version of an item survives in a global table
    propagation    what is still owed to another Region, and when it is done
    strong         strong mode: an item on three members, of which two decide
    global_tables  which tables make up a global table, and how replicas come and go
    settings       which settings replicas share, override or keep to themselves
    detachment     what time does to a replica that cannot replicate
    tables         states, names and protection of tables
    restores       backups as things that are kept; what a restored table has of its source
    backup         commit timestamps of a partition's log, and the cut that a backup makes through it
    placement      in which zone each member is, and who answers reads
    archive        the log as it is archived, and checked
    availability   what replicas are worth to a client
    limits, heat   what a partition holds and serves, and where it is cut when it is hot
    capacity       bursts, on-demand peaks, warm throughput
    recovery       the restore window, and what has to be kept of log and snapshots for it
    exports        full and incremental exports
    instants, logs what they share

Kernels call each other through the module, so that whoever replaces a function, as mutants do, replaces it for
all of them. The endpoint runs versions, backup and recovery, and by its replicated core (`reference_impl/replication`)
replication, lease, membership, partitions, splits and merges; the others wait for what will run them (docs/roadmap.md).
"""
