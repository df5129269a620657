"""Who has what: the partitions of every table, their replicas and leaders, and how far each replica has come.

`topology` is for people and tests to look at. `replayed` takes all steps that were recorded (`--record-steps`) again, through the
proved system `replication`: what the endpoint did is what was proved.
"""

from __future__ import annotations

from typing import Any

from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.region import Region
from ddbproof.reference_impl.errors import ConfigurationError
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.simulation.replay import problems, replay_all


def topology(cluster: Cluster) -> dict[str, Any]:
    """The partitions of every table and global secondary index, by Region and name; indexes as TABLE/INDEX."""
    cluster.catch_up()
    return {
        name: {place: partitions(groups) for place, groups in all_groups(region).items()}
        for name, region in cluster.regions.items()
    }


def all_groups(region: Region) -> dict[str, TableGroups]:
    """The groups of every table and global secondary index of a Region, by name, as they are now."""
    found = {}
    for record in region.all_tables():
        found[record.name] = region.groups(record.table_id)
        for index in region.indexes(record.table_id).stored:
            found[f"{record.name}/{index}"] = region.index_groups(record.table_id, index)
    return found


def partitions(groups: TableGroups) -> list[dict[str, Any]]:
    """The partitions of one table, in the order of their keys.

    Each came of the table's founding, of a split for size, for heat, or one that was asked for, or was merged of two. `becomes`
    says if it is being split or merged. `recent` is what it has served lately, in capacity units, where heat is counted
    (`--heat-splits`).
    """
    heat = groups.heat
    nodes = groups.fleet.nodes
    found = []
    for low, group in groups.map:
        replicas = groups.replicas(group)
        leaders = [replica for replica in replicas if replica.leading is not None]
        leader = max(leaders, key=lambda it: it.record.promised, default=None)
        newest = max((replica.record.length for replica in replicas), default=0)
        found.append(
            {
                "begins_at": low.hex(),
                "group": group,
                "leader": None if leader is None else nodes[leader.environment.node].name,
                "came_of": groups.lines.reason(group),
                "becomes": None if leader is None else _becomes(leader.latest_affairs()),
                "recent": None if heat is None else heat.units(group, groups.now_milliseconds),
                "epoch": max((replica.record.promised for replica in replicas), default=0),
                "held_items": 0 if leader is None or leader.state is None else len(leader.state.pending),
                "replicas": [
                    {
                        "node": nodes[replica.environment.node].name,
                        "kind": "full" if replica.state is not None else "log",
                        "entries": replica.record.length,
                        "committed": replica.record.committed,
                        "behind": newest - replica.record.committed,
                    }
                    for replica in replicas
                ],
            }
        )
    return found


def _becomes(affairs: Affairs) -> str | None:
    if affairs.parent is None:
        return None
    return "split" if affairs.merge is None else "merged"


def replayed(cluster: Cluster) -> dict[str, Any]:
    """Replay the recorded steps of all tables. Raises ConfigurationError if none were recorded."""
    if not cluster.options.record_steps:
        raise ConfigurationError(
            "no steps were recorded", hint="start the endpoint with: ddbproof serve --record-steps"
        )
    steps = left_out = 0
    wrong = []
    for name, region in cluster.regions.items():
        groups = {**all_groups(region), "(metadata)": region.metadata.groups}
        ledger = region.transactions.ledger
        if ledger.is_there:
            groups["(ledger)"] = ledger.groups
        for what, one in groups.items():
            found = replay_all(one.steps or [])
            steps += sum(it.steps for it in found)
            left_out += sum(it.left_out for it in found)
            wrong += [f"{name}, {what}: {problem}" for problem in problems(found)]
    return {"steps": steps, "left_out": left_out, "problems": wrong}
