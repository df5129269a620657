"""The tester's hand on the nodes, zones and partitions of a running endpoint; commands of the control interface.

A command is a JSON object whose first member names the fault and where it happens:

    {"isolate": REGION}  {"heal": REGION}                        a Region from the others
    {"zone_down": ZONE}  {"zone_up": ZONE}                       all its nodes crash, or start
    {"isolate_zone": ZONE}  {"heal_zone": ZONE}                  from the other zones and from routers
    {"cut_link": ZONE, "to": ZONE}                               one way only
    {"crash": NODE, "disk": "kept"}  {"start": NODE}             the disk is kept, torn or lost
    {"fill_disk": NODE}  {"slow_disk": NODE, "milliseconds": 50}  {"mend_disk": NODE}
    {"jump_clock": NODE, "milliseconds": -5000}                  its time of day
    {"messages": REGION, "lost": 0.1, "doubled": 0.1, "delay_milliseconds": [0, 50]}
    {"step_down": TABLE, "region": REGION, "partition": 0}       its leader lays down its office
    {"split": TABLE, "region": REGION, "partition": 0}           at the middle of its items
    {"merge": TABLE, "region": REGION, "partition": 0}           with the next one
    {"mend": REGION}                                             everything within it

`step_down`, `split` and `merge` take `"index": NAME` as well, for a partition of a global secondary index of the table.
Zones are named like those of AWS (us-east-1a), nodes by zone and number (us-east-1a-1), partitions by their
place in the table, from 0 on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.cluster.groups import TableGroups
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.cluster.region import Region
from ddbproof.reference_impl.cluster.zones import Fleet
from ddbproof.reference_impl.errors import ConfigurationError, UnavailableError

Parameters = dict[str, Any]
Fault = Callable[[str, Parameters], None]


class Faults:
    """Carries out the commands; see above. All raise ConfigurationError for what there is not."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._faults: dict[str, tuple[Fault, frozenset[str]]] = {
            "isolate": (lambda name, _: cluster.network.isolate(name), frozenset()),
            "heal": (lambda name, _: cluster.network.heal(name), frozenset()),
            "zone_down": (lambda name, _: self._fleet(name).zone_down(name), frozenset()),
            "zone_up": (lambda name, _: self._fleet(name).zone_up(name), frozenset()),
            "isolate_zone": (lambda name, _: self._fleet(name).isolate_zone(name), frozenset()),
            "heal_zone": (lambda name, _: self._fleet(name).heal_zone(name), frozenset()),
            "cut_link": (self._cut_link, frozenset({"to"})),
            "crash": (self._crash, frozenset({"disk"})),
            "start": (lambda name, _: self._fleet(name).start(name), frozenset()),
            "fill_disk": (lambda name, _: self._fleet(name).fill_disk(name), frozenset()),
            "slow_disk": (self._slow_disk, frozenset({"milliseconds"})),
            "mend_disk": (lambda name, _: self._fleet(name).mend_disk(name), frozenset()),
            "jump_clock": (self._jump_clock, frozenset({"milliseconds"})),
            "messages": (self._messages, frozenset({"lost", "doubled", "delay_milliseconds"})),
            "step_down": (self._step_down, frozenset({"region", "partition", "index"})),
            "split": (self._split, frozenset({"region", "partition", "index"})),
            "merge": (self._merge, frozenset({"region", "partition", "index"})),
            "mend": (lambda name, _: self._region(name).fleet.mend(), frozenset()),
        }

    def inflict(self, parameters: Parameters) -> Parameters:
        """Carry out one command; returns everything that is broken then."""
        named = [name for name in parameters if name in self._faults]
        if len(named) != 1:
            raise ConfigurationError(
                "exactly one fault must be named", hint=f"there are: {', '.join(self._faults)}"
            )
        (name,) = named
        fault, settings = self._faults[name]
        where, given = parameters[name], {key: value for key, value in parameters.items() if key != name}
        if not isinstance(where, str):
            raise ConfigurationError(
                f"{name} cannot be told where by {where!r}"[:200],
                hint="a Region, zone, node or table has a name",
            )
        if strange := set(given) - settings:
            raise ConfigurationError(
                f"{name} takes no {', '.join(sorted(strange))}"[:200],
                hint=f"it takes: {', '.join(sorted(settings)) or 'nothing else'}",
            )
        fault(where, given)
        return self.state()

    def state(self) -> Parameters:
        """Everything that is broken."""
        network = self._cluster.network
        return {
            "isolated": network.isolated,
            "waiting_changes": network.waiting_count,
            "regions": {name: region.fleet.state() for name, region in self._cluster.regions.items()},
        }

    def events(self) -> Parameters:
        """Every fault so far, in order."""
        return {
            "events": sorted(
                (
                    {"region": name, **event}
                    for name, region in self._cluster.regions.items()
                    for event in region.fleet.events
                ),
                key=lambda event: float(event["at"]),
            )
        }

    # -- single faults ----------------------------------------------------------------------------------

    def _cut_link(self, name: str, given: Parameters) -> None:
        other = _needed(given, "to", str)
        self._fleet(name).cut_link(name, other)

    def _crash(self, name: str, given: Parameters) -> None:
        self._fleet(name).crash(name, _optional(given, "disk", str, "kept"))

    def _slow_disk(self, name: str, given: Parameters) -> None:
        self._fleet(name).slow_disk(name, _needed(given, "milliseconds", int))

    def _jump_clock(self, name: str, given: Parameters) -> None:
        self._fleet(name).jump_clock(name, _needed(given, "milliseconds", int))

    def _messages(self, name: str, given: Parameters) -> None:
        delay = given.get("delay_milliseconds", [0, 0])
        if not isinstance(delay, list) or len(delay) != 2 or any(type(it) is not int for it in delay):
            raise ConfigurationError(
                "delay_milliseconds must be the least and the most", hint="for example [0, 50]"
            )
        lost = _optional(given, "lost", int | float, 0)
        doubled = _optional(given, "doubled", int | float, 0)
        self._region(name).fleet.disturb_messages(lost, doubled, (delay[0], delay[1]))

    def _step_down(self, name: str, given: Parameters) -> None:
        region, groups, low, number = self._partition(name, given)
        region.fleet.note("step_down", f"{name}, partition {number}")
        try:
            groups.step_down(low)
        except UnavailableError as error:
            raise ConfigurationError("the partition has no leader just now", cause=error.cause) from error

    def _split(self, name: str, given: Parameters) -> None:
        region, groups, low, number = self._partition(name, given)
        region.fleet.note("split", f"{name}, partition {number}")
        try:
            done = groups.split(low)
        except UnavailableError as error:
            raise ConfigurationError("the partition has no leader just now", cause=error.cause) from error
        if not done:
            raise ConfigurationError(
                "the partition cannot be split now",
                hint="it needs two items (of two item collections, if there is a local secondary index), and no other split or change of members under way",
            )

    def _merge(self, name: str, given: Parameters) -> None:
        region, groups, low, number = self._partition(name, given)
        region.fleet.note("merge", f"{name}, partitions {number} and {number + 1}")
        if not groups.reshaping.may_merge():
            raise ConfigurationError(
                f"partitions of {name} cannot be merged: it has a stream, had one, or is a replica of a global table",
                hint="a shard of a stream has one parent, and not two; partitions of an index can be merged",
            )
        try:
            done = groups.merge(low)
        except UnavailableError as error:
            raise ConfigurationError("one of the two has no leader just now", cause=error.cause) from error
        if not done:
            raise ConfigurationError(
                "the partition cannot be merged with the next one now",
                hint="there has to be one, and neither may be on its way to a split or a merge, or change its members",
            )

    # -- finding ----------------------------------------------------------------------------------------

    def _region(self, name: str) -> Region:
        region = self._cluster.regions.get(name)
        if region is None:
            raise ConfigurationError(
                f"there is no Region {name!r} here", hint=f"there are: {', '.join(self._cluster.regions)}"
            )
        return region

    def _fleet(self, name: str) -> Fleet:
        """The fleet that a zone or node belongs to."""
        for region in self._cluster.regions.values():
            if name.startswith(region.fleet.zones):
                return region.fleet
        zones = [zone for region in self._cluster.regions.values() for zone in region.fleet.zones]
        raise ConfigurationError(
            f"there is no Availability Zone or storage node {name!r} here",
            hint=f"zones: {', '.join(zones)}; nodes: {zones[0]}-1 and so on",
        )

    def _partition(self, table: str, given: Parameters) -> tuple[Region, TableGroups, bytes, int]:
        regions = self._cluster.regions
        region = self._region(_optional(given, "region", str, next(iter(regions))))
        self._cluster.catch_up()
        number = _optional(given, "partition", int, 0)
        for record in region.all_tables():
            if record.name == table:
                groups = self._groups(region, record, given)
                if not 0 <= number < len(groups.map):
                    raise ConfigurationError(
                        f"{table} has no partition {number}", hint=f"it has 0 to {len(groups.map) - 1}"
                    )
                return region, groups, groups.map[number][0], number
        names = sorted({record.name for record in region.all_tables()})
        raise ConfigurationError(
            f"there is no table {table!r} in {region.name}"[:300],
            hint=f"there are: {', '.join(names[:20]) or 'none'}",
        )

    @staticmethod
    def _groups(region: Region, record: TableRecord, given: Parameters) -> TableGroups:
        """The groups of a table, or of one of its global secondary indexes."""
        index = _optional(given, "index", str | None, None)
        if index is None:
            return region.groups(record.table_id)
        there = region.indexes(record.table_id).stored
        if index not in there:
            raise ConfigurationError(
                f"{record.name} has no global secondary index {index!r}"[:300],
                hint=f"there are: {', '.join(there) or 'none'}",
            )
        return region.index_groups(record.table_id, index)


def _needed(given: Parameters, name: str, kind: Any) -> Any:
    if name not in given:
        raise ConfigurationError(
            f"{name} must be given", hint="the module control/faults.py shows each fault"
        )
    return _optional(given, name, kind, None)


def _optional(given: Parameters, name: str, kind: Any, default: Any) -> Any:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, kind):
        kinds = {str: "text", int: "a whole number"}
        raise ConfigurationError(
            f"{name} cannot be {value!r}"[:200], hint=f"it is {kinds.get(kind, 'a number')}"
        )
    return value
