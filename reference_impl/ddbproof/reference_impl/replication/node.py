"""A storage node: the replicas that live on it, and the requests of routers that reach them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ddbproof.model.engine.shared_log import NO_ENTRIES
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.affairs import Affairs
from ddbproof.reference_impl.replication.environment import Disk, Environment
from ddbproof.reference_impl.replication.replica import HANDLERS, Replica

OpenDisk = Callable[[int], Disk]


class Node:
    """What runs on one machine. `open_disk` gives the file of a group's replica, `drop_disk` deletes it."""

    def __init__(
        self, environment: Environment, open_disk: OpenDisk, drop_disk: Callable[[int], None]
    ) -> None:
        self.environment = environment
        self._open_disk = open_disk
        self._drop_disk = drop_disk
        self.replicas: dict[int, Replica] = {}

    def open(self, groups: Sequence[int]) -> None:
        """Begin with the replicas that the disks hold; whoever calls this lets them `tick`."""
        for group in groups:
            replica = Replica.opened(self.environment, self._open_disk(group), group)
            if replica is not None:
                self.replicas[group] = replica

    def start(self, groups: Sequence[int]) -> None:
        """Begin with the replicas that the disks hold, and let them tick."""
        self.open(groups)
        # Each node at a time of its own: replicas that wait for the same lease must not act at the same moment.
        first = self.environment.random.randint(1, self.environment.timing.tick_milliseconds)
        self.environment.after(first, self._tick)

    def host(
        self, group: int, identity: int, affairs: Affairs, start: int = 0, digest: int = NO_ENTRIES
    ) -> Replica:
        """A new replica lives here, in the place of an older one of its group."""
        self.replicas.pop(group, None)
        self._drop_disk(group)
        replica = Replica(self.environment, self._open_disk(group), group, identity, affairs, start, digest)
        self.replicas[group] = replica
        replica.found()
        return replica

    def receive(self, message: messages.Message) -> None:
        """A message has reached this node."""
        replica = self.replicas.get(message.group)
        handler = HANDLERS.get(type(message))
        if handler is not None:
            if replica is not None:
                handler(replica, message)  # what `Replica.receive` does, without another look for the handler
        elif isinstance(message, messages.Request):
            self._serve(replica, message)
        elif isinstance(message, messages.Reply):
            self._map_changed(message)
        elif isinstance(message, messages.Found):
            self._found(message)
        elif isinstance(message, messages.Join):
            if replica is None or _gives_way(replica, message):
                self.host(message.group, message.identity, message.affairs, message.start, message.digest)
        elif isinstance(message, messages.Retire) and replica is not None and _retires(replica, message):
            del self.replicas[message.group]
            self._drop_disk(message.group)

    def _found(self, message: messages.Found) -> None:
        replica = self.replicas.get(message.child)
        if replica is None:  # otherwise it comes again
            replica = self.host(message.child, message.identity, message.affairs)
        founded = messages.Founded(message.group, message.identity, self.environment.node, message.child)
        replica.save(lambda: self.environment.send(message.node, founded))

    def _map_changed(self, message: messages.Reply) -> None:
        """The metadata group has taken note of what became of one of the groups here."""
        replica = self.replicas.get(message.request)
        if message.outcome == "ok" and replica is not None and replica.leading is not None:
            replica.leading.map_change.answered()

    def _serve(self, replica: Replica | None, request: messages.Request) -> None:
        def answer(reply: messages.Reply) -> None:
            self.environment.send(request.node, reply)

        if replica is not None and replica.leading is not None:
            replica.leading.serve(request, answer)
            return
        item, outcome, leader = None, "refused", -1
        if replica is not None:
            if replica.hears_leader:
                leader = replica.leader_node
            operation = request.operation
            serves = replica.state is not None and replica.state.affairs.serves
            if serves and operation.kind == "read" and not operation.strong and replica.state is not None:
                image = replica.state.fold.items.get(operation.key)
                item, outcome = None if image is None else image.item, "ok"
        answer(
            messages.Reply(
                request.group,
                0 if replica is None else replica.identity,
                self.environment.node,
                request.request,
                outcome,
                item,
                leader,
            )
        )

    def _tick(self) -> None:
        for replica in list(self.replicas.values()):
            replica.tick()
        self.environment.after(self.environment.timing.tick_milliseconds, self._tick)


def _retires(replica: Replica, message: messages.Retire) -> bool:
    """True if a replica is told to go by somebody who knows of no older configuration than it has promised itself.

    Who was invited may be told so by those who do not know of it, and become a member before it hears of that.
    """
    mine = message.identity == replica.identity and replica.leading is None
    return mine and message.number >= replica.number


def _gives_way(replica: Replica, message: messages.Join) -> bool:
    """True if a replica was never more than invited, or is no member any more, by what the inviting leader knows."""
    known = (*message.members, message.identity)
    return replica.number <= message.number and replica.leading is None and replica.identity not in known
