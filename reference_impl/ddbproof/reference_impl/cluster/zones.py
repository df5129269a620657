"""The storage nodes of a Region: where they stand, and what the tester has broken of them.

A Region has three Availability Zones (REP-01) with a few nodes each; every partition has one replica in each zone. Faults are
states of nodes and of the network between them, and stay until they are mended. Each is an event in the record of
the Region. `groups` acts on them: it is told of a crash or a start, and asks for everything else.

A zone that is isolated is reached neither by the other zones nor by the Region's routers. What is lost, doubled or delayed
are messages between nodes; requests of routers arrive or fail at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from ddbproof.reference_impl.errors import ConfigurationError

ZONES = 3
NODES_A_ZONE = 2
_MOST_EVENTS = 10_000
_LONGEST_DELAY_MILLISECONDS = 60_000


class StorageNode:
    """A machine. `disk_milliseconds` is how long its disks take, `wall_offset_milliseconds` how far its time of day is off."""

    def __init__(self, number: int, zone: str) -> None:
        self.number = number
        self.zone_number = number % ZONES
        self.zone = zone
        self.name = f"{zone}-{number // ZONES + 1}"
        self.up = True
        self.disk_full = False
        self.disk_milliseconds = 0
        self.wall_offset_milliseconds = 0

    @property
    def disk_is_faulty(self) -> bool:
        """True if what is written is not on the disk at once."""
        return self.disk_full or self.disk_milliseconds > 0


class MessageFaults:
    """What happens to messages between nodes: the share that is lost, or comes twice, and how late they come."""

    def __init__(self) -> None:
        self.lost = 0.0
        self.doubled = 0.0
        self.delay_milliseconds = (0, 0)

    @property
    def any(self) -> bool:
        """True if there are any."""
        return bool(self.lost or self.doubled or self.delay_milliseconds[1])


class Hosted(Protocol):
    """What lives on the nodes: the groups of a table."""

    @property
    def settled(self) -> bool:
        """True if nothing will happen by itself."""

    def attend(self, now_milliseconds: int) -> None:
        """Go on to an instant."""

    def crash(self, node: int, *, disk: str) -> None:
        """A node is gone. Of its disk everything is `kept`, what was not synchronized `torn`, or all `lost`."""

    def start(self, node: int) -> None:
        """A node starts again, with what its disks hold."""

    def disk_changed(self, node: int) -> None:
        """A node's disk has become faulty, or is as it was."""


class Fleet:
    """The nodes of one Region. `now` gives the present instant; `name_of` in errors is a zone's or a node's name.

    All faults raise ConfigurationError for a zone, node or value that there is not.
    """

    def __init__(self, region: str, now: Callable[[], int]) -> None:
        self.zones = tuple(region + letter for letter in "abc"[:ZONES])
        self.nodes = tuple(
            StorageNode(number, self.zones[number % ZONES]) for number in range(ZONES * NODES_A_ZONE)
        )
        self.messages = MessageFaults()
        self.smooth = True
        """Every message arrives at once."""
        self.calm = True
        """Nothing is broken."""
        self.isolated: set[str] = set()
        self.cut: set[tuple[str, str]] = set()
        self.events: list[dict[str, Any]] = []
        self._hosted: dict[int, Hosted] = {}
        self.restless: dict[int, Hosted] = {}
        self._now = now

    # -- what is so -----------------------------------------------------------------------------------------

    def reaches(self, source: int, destination: int) -> bool:
        """True if messages get from one node to another."""
        if not (self.isolated or self.cut):
            return True
        one, other = self.nodes[source].zone, self.nodes[destination].zone
        if one == other:
            return True
        return one not in self.isolated and other not in self.isolated and (one, other) not in self.cut

    def router_reaches(self, node: int) -> bool:
        """True if the Region's routers get to a node, and it is up."""
        machine = self.nodes[node]
        return machine.up and machine.zone not in self.isolated

    def spare(self, instead_of: int, taken: Sequence[int]) -> int | None:
        """Another node of the same zone that is up; the same one if there is none, but it is up."""
        zone = self.nodes[instead_of].zone
        for node in self.nodes:
            if node.zone == zone and node.up and node.number not in taken:
                return node.number
        return instead_of if self.nodes[instead_of].up else None

    def host(self, hosted: Hosted) -> None:
        """Let a table's groups live here."""
        self._hosted[id(hosted)] = hosted

    def dismiss(self, hosted: Hosted) -> None:
        """A table's groups are gone."""
        self._hosted.pop(id(hosted), None)
        self.restless.pop(id(hosted), None)

    def rouse(self, hosted: Hosted) -> None:
        """Something goes on in a table's groups that needs no request: `attend` lets it, until they have settled."""
        self.restless[id(hosted)] = hosted

    def is_restless(self, hosted: Hosted) -> bool:
        """True if a table's groups have not settled since something happened."""
        return id(hosted) in self.restless

    def attend(self, now_milliseconds: int) -> None:
        """Let go on what goes on without requests."""
        for hosted in list(self.restless.values()):
            hosted.attend(now_milliseconds)
            if self.calm and hosted.settled:
                del self.restless[id(hosted)]

    def state(self) -> dict[str, Any]:
        """The nodes, and everything that is broken, for people to read."""
        return {
            "zones": list(self.zones),
            "nodes": {
                node.name: {
                    "up": node.up,
                    "disk": "full" if node.disk_full else "slow" if node.disk_milliseconds else "ok",
                    "wall_offset_milliseconds": node.wall_offset_milliseconds,
                }
                for node in self.nodes
            },
            "isolated_zones": sorted(self.isolated),
            "cut": sorted(f"{one} to {other}" for one, other in self.cut),
            "messages": {
                "lost": self.messages.lost,
                "doubled": self.messages.doubled,
                "delay_milliseconds": list(self.messages.delay_milliseconds),
            },
        }

    # -- faults -----------------------------------------------------------------------------------------

    def zone_down(self, zone: str) -> None:
        """All nodes of a zone crash; their disks stay."""
        for node in self._event("zone_down", zone, self._of_zone(zone)):
            self._crash(node, "kept")

    def zone_up(self, zone: str) -> None:
        """All nodes of a zone start."""
        for node in self._event("zone_up", zone, self._of_zone(zone)):
            self._start(node)

    def isolate_zone(self, zone: str) -> None:
        """Nothing gets into a zone, or out of it."""
        self._event("isolate_zone", zone, self._of_zone(zone))
        self.isolated.add(zone)
        self._changed()

    def heal_zone(self, zone: str) -> None:
        """A zone can be reached again."""
        self._event("heal_zone", zone, self._of_zone(zone))
        self.isolated.discard(zone)
        self._changed()

    def crash(self, name: str, disk: str = "kept") -> None:
        """A node crashes: see `Hosted.crash` for what becomes of its disk."""
        if disk not in ("kept", "torn", "lost"):
            raise ConfigurationError(f"a disk cannot be {disk!r}", hint="it is kept, torn or lost")
        (node,) = self._event("crash", f"{name}, disk {disk}", [self._node(name)])
        self._crash(node, disk)

    def start(self, name: str) -> None:
        """A node starts again."""
        (node,) = self._event("start", name, [self._node(name)])
        self._start(node)

    def fill_disk(self, name: str) -> None:
        """Nothing more gets onto a node's disks."""
        (node,) = self._event("fill_disk", name, [self._node(name)])
        self._change_disk(node, full=True)

    def slow_disk(self, name: str, milliseconds: int) -> None:
        """What is written to a node's disks takes so long."""
        _check_range("milliseconds", milliseconds, 1, _LONGEST_DELAY_MILLISECONDS)
        (node,) = self._event("slow_disk", f"{name}, {milliseconds} ms", [self._node(name)])
        self._change_disk(node, milliseconds=int(milliseconds))

    def mend_disk(self, name: str) -> None:
        """A node's disks are as they were; what waited for them is on them now."""
        (node,) = self._event("mend_disk", name, [self._node(name)])
        self._change_disk(node)

    def cut_link(self, source: str, destination: str) -> None:
        """Nothing gets from one zone to another; the way back is open."""
        self._of_zone(destination)
        self._event("cut_link", f"{source} to {destination}", self._of_zone(source))
        self.cut.add((source, destination))
        self._changed()

    def disturb_messages(self, lost: float, doubled: float, delay_milliseconds: tuple[int, int]) -> None:
        """Lose and double so many messages, as shares of one, and let all come late, within two bounds."""
        _check_range("lost", lost, 0, 1)
        _check_range("doubled", doubled, 0, 1)
        least, most = delay_milliseconds
        _check_range("delay_milliseconds", most, 0, _LONGEST_DELAY_MILLISECONDS)
        _check_range("delay_milliseconds", least, 0, most)
        self._event("messages", f"lost {lost}, doubled {doubled}, late by {least} to {most} ms", ())
        self.messages.lost, self.messages.doubled = float(lost), float(doubled)
        self.messages.delay_milliseconds = int(least), int(most)
        self._changed()

    def jump_clock(self, name: str, milliseconds: int) -> None:
        """A node's time of day is off by so much from now on, or less if negative; its steady clock is not."""
        _check_range("milliseconds", milliseconds, -(10**12), 10**12)
        (node,) = self._event("jump_clock", f"{name}, {milliseconds} ms", [self._node(name)])
        node.wall_offset_milliseconds = int(milliseconds)

    def mend(self) -> None:
        """Everything is as it was in the beginning; lost disks stay lost."""
        self._event("mend", "everything", ())
        self.isolated.clear()
        self.cut.clear()
        self.messages = MessageFaults()
        for node in self.nodes:
            node.wall_offset_milliseconds = 0
            self._start(node)
            if node.disk_is_faulty:
                self._change_disk(node)
        self._changed()

    def note(self, fault: str, what: str) -> None:
        """Put a fault that does not concern nodes into the record."""
        self._event(fault, what, ())

    # -- carrying them out ------------------------------------------------------------------------------

    def _event(self, fault: str, what: str, nodes: Iterable[StorageNode]) -> Iterable[StorageNode]:
        """Whatever came before has happened before; then the fault is noted."""
        now_milliseconds = self._now()
        for hosted in list(self._hosted.values()):
            hosted.attend(now_milliseconds)
            self.rouse(hosted)
        if len(self.events) < _MOST_EVENTS:
            self.events.append({"at": now_milliseconds / 1000, "fault": fault, "what": what})
        return nodes

    def _crash(self, node: StorageNode, disk: str) -> None:
        if node.up:
            for hosted in self._hosted.values():
                hosted.crash(node.number, disk=disk)
            node.up = False
            self._changed()

    def _start(self, node: StorageNode) -> None:
        if not node.up:
            node.up = True
            self._changed()
            for hosted in self._hosted.values():
                hosted.start(node.number)

    def _change_disk(self, node: StorageNode, *, full: bool = False, milliseconds: int = 0) -> None:
        node.disk_full, node.disk_milliseconds = full, milliseconds
        self._changed()
        for hosted in self._hosted.values():
            hosted.disk_changed(node.number)

    def _changed(self) -> None:
        self.smooth = not (self.messages.any or self.isolated or self.cut)
        self.calm = self.smooth and all(node.up and not node.disk_is_faulty for node in self.nodes)

    def _of_zone(self, zone: str) -> list[StorageNode]:
        if zone not in self.zones:
            raise ConfigurationError(
                f"there is no Availability Zone {zone!r} here", hint=f"there are: {', '.join(self.zones)}"
            )
        return [node for node in self.nodes if node.zone == zone]

    def _node(self, name: str) -> StorageNode:
        for node in self.nodes:
            if node.name == name:
                return node
        raise ConfigurationError(
            f"there is no storage node {name!r} here",
            hint=f"there are: {', '.join(node.name for node in self.nodes)}",
        )


def _check_range(what: str, value: object, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ConfigurationError(
            f"{what} cannot be {value!r}"[:200], hint=f"it is a number from {least:,} to {most:,}"
        )
