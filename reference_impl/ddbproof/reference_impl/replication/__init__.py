"""Replication inside a Region: groups of three replicas in three Availability Zones, as nodes without I/O.

What a replica may do is decided by the proved kernels: `model.kernel.replication` (what is stored and acknowledged),
`model.kernel.lease` (who leads and for how long), `model.kernel.membership` (who belongs to the group). The modules here
turn their steps into messages, timers and disk writes:

    entries        what stands in a group's log
    affairs        what it says of the group itself: members, splits, merges
    messages       what replicas say to each other
    environment    what a replica needs of the world: time, network, disk, chance, a record of what it did
    replica_log    the log, of which the oldest entries may be gone
    state          what the log amounts to: items, and which requests have been answered
    stored         what a replica is and has on its disk
    replica        one replica, and how it follows
    office         a leader's office: its log, followers, lease
    leading        what a replica does as leader
    electing       how a replica becomes one
    splitting      how its partition is split
    merging        how it merges with a neighbour
    founding       the groups that a partition goes over to
    copying        how its log gets there
    partition_map  which group has which partition
    map_change     how that is told
    transacting    what a leader does for transactions
    archiving      what a leader hands over to the archive
    node           a storage node: the replicas on it
    hosting        what the worlds that drive nodes have in common
    trace          the record of a run

Nothing here reads a clock or opens a socket. Two schedulers drive it: `simulation` under virtual time and faults, and
the endpoint (`cluster.table_world`), as requests come.
"""
