"""Clients: each does one thing after the other, through a router of its own, and writes down what came of it.

Every write has a value that no other has, so that a history can be judged item by item (`model.histories`). What was
refused did not happen, and is tried again elsewhere. What has no answer may have happened: with `retries` the very same
request is sent again, which must not have a second effect; then it is ambiguous.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec import UNSET

from ddbproof.model.histories.operations import FOREVER, Operation, Value
from ddbproof.reference_impl.replication import messages
from ddbproof.reference_impl.replication.partition_map import MAP_KEY
from ddbproof.reference_impl.simulation.routing import Router
from ddbproof.reference_impl.simulation.world import CLIENTS, World

_REFUSED_PAUSE = 60_000
_ATTEMPTS = 3
_MOST_REFUSALS = 40
_FRESH_MAPS = 0.005
"""How often a router asks for the partition map though nobody has told it to."""


class Ledger:
    """What all clients did, and what answers showed: `shown` has each value with the length of the record by then."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.eventual: list[tuple[str, Value, int]] = []
        self.shown: list[tuple[str, str, Value, int]] = []
        self.begun = 0
        self.processes = 0
        self.values = 0
        self.errors: list[tuple[int, str, str]] = []

    def fresh_value(self) -> int:
        """A value that was never written."""
        self.values += 1
        return self.values


def key_of(name: str) -> bytes:
    """The encoded key of an item: a hash, then the name, as the endpoint has it."""
    spread = int.from_bytes(name.encode(), "big") * 0x9E3779B97F4A7C15 & 0xFFFF
    return spread.to_bytes(2, "big") + name.encode()


class Client:
    """One client. `wanted` says whether there is more to do."""

    def __init__(
        self, world: World, number: int, router: Router, ledger: Ledger, wanted: Callable[[], bool]
    ) -> None:
        self.world = world
        self.address = CLIENTS + number
        self.router = router
        self.ledger = ledger
        self.wanted = wanted
        self.chance = random.Random(world.chance.getrandbits(64))  # noqa: S311 - a seeded simulation
        self.known: dict[str, Value] = {}
        self.requests = number << 32
        self.process = self._new_process()
        self._current: _Call | None = None
        world.clients[self.address] = self.receive
        world.later(self.chance.randrange(world.options.think_microseconds), self.act)

    def act(self) -> None:
        """Do the next thing."""
        if not self.wanted():
            return
        options, chance = self.world.options, self.chance
        if chance.random() < _FRESH_MAPS:
            self.fetch_map(self.act)
            return
        self.ledger.begun += 1
        name = f"k{chance.randrange(options.keys)}"
        dice = chance.random()
        if dice < options.writes:
            call = _Call(self, name, "put", value=self.ledger.fresh_value())
        elif dice < options.writes + options.conditional:
            call = _Call(self, name, "cas", value=self.ledger.fresh_value(), expected=self.known.get(name))
        else:
            call = _Call(self, name, "read", strong=chance.random() >= options.eventual)
        self.start(call)

    def read(self, name: str, then: Callable[[bool], None]) -> None:
        """Read an item now, strongly; `then` is told whether there was an answer."""
        self.start(_Call(self, name, "read", then=then))

    def write_map(self, item: bytes, then: Callable[[bool], None]) -> None:
        """Store the first partition map."""
        call = _Call(self, "", "put", then=then, quiet=True)
        call.key, call.item = MAP_KEY, item
        self.start(call)

    def fetch_map(self, then: Callable[[], None]) -> None:
        """Ask the metadata group for the partition map, in the middle of a call, which goes on with it or without."""
        before = self._current

        def got(_had_answer: bool) -> None:
            if call.found is not None:
                self.router.learn(call.found)
            if (
                before is None or not before.outcome
            ):  # else it was given up meanwhile, and the client has gone on
                self._current = before
                then()

        call = _Call(self, "", "read", then=got, quiet=True)
        call.key = MAP_KEY
        self.start(call)

    @property
    def busy(self) -> bool:
        """True while a call is under way."""
        return self._current is not None

    def start(self, call: _Call) -> None:
        """Begin a call."""
        self._current = call
        call.send()

    def receive(self, message: messages.Message) -> None:
        """An answer has come; one to a call that was given up is dropped."""
        call = self._current
        if call is not None and isinstance(message, messages.Reply) and message.request == call.request:
            call.on_reply(message)

    def finished(self, call: _Call) -> None:
        """Go on."""
        if self._current is call:
            self._current = None
        if call.outcome == "info":
            self.process = self._new_process()
        if call.then is not None:
            call.then(call.outcome == "ok")
            return
        pause = self.chance.randrange(2 * self.world.options.think_microseconds)
        self.world.later(pause, self.act)

    def _new_process(self) -> int:
        self.ledger.processes += 1
        return self.ledger.processes


class _Call:
    """One operation, with all its attempts."""

    def __init__(
        self,
        client: Client,
        name: str,
        kind: str,
        value: Value = None,
        expected: Value = None,
        *,
        strong: bool = True,
        then: Callable[[bool], None] | None = None,
        quiet: bool = False,
    ) -> None:
        client.requests += 1
        self.client = client
        self.name = name
        self.kind = kind
        self.value = value
        self.expected = expected
        self.strong = strong
        self.then = then
        self.request = client.requests
        self.invoke = client.world.now
        self.attempts = 0
        self.refusals = 0
        self.ambiguous = False
        self.outcome = ""
        self.key = key_of(name)
        self.item = _bytes(value)
        self.quiet = quiet
        self.found: bytes | None = None

    def send(self) -> None:
        """Send the request, to whoever the router believes to lead."""
        world, client = self.client.world, self.client
        self.attempts += 1
        attempt = self.attempts
        group, node = client.router.route(self.key, strong=self.strong)
        operation = messages.Operation(self.kind, self.key, self.item, _bytes(self.expected), self.strong)
        world.network(
            client.address,
            node,
            messages.Request(group, 0, client.address, self.request, operation),
        )
        world.later(world.options.client_patience_microseconds, lambda: self._no_answer(attempt))

    def on_reply(self, reply: messages.Reply) -> None:
        """An answer to one of the attempts."""
        if self.outcome:
            return
        match reply.outcome:
            case "ok":
                self._finish("ok", reply.item)
            case "repeated":
                self._finish("ok", None, told=False)
            case "failed":
                self._finish("fail", reply.item)
            case "unknown":
                self._maybe_again()
            case _:
                self._refused(reply)

    def _no_answer(self, attempt: int) -> None:
        if not self.outcome and attempt == self.attempts:
            self.client.router.forget(self.key)
            self._maybe_again()

    def _maybe_again(self) -> None:
        """Nobody knows what came of it."""
        self.ambiguous = self.ambiguous or self.kind != "read"
        options = self.client.world.options
        if self.attempts < _ATTEMPTS and (options.retries or self.kind == "read"):
            self.send()
        else:
            self._finish("info" if self.ambiguous else "fail", None, told=False)

    def _refused(self, reply: messages.Reply) -> None:
        self.refusals += 1
        self.client.router.refused(self.key, reply)
        self.client.world.counts["refused"] += 1
        if self.refusals > _MOST_REFUSALS:
            self._finish("info" if self.ambiguous else "fail", None, told=False)
            return
        attempt = self.attempts = self.attempts + 1
        pause = self.client.chance.randrange(_REFUSED_PAUSE)

        def again() -> None:
            if self.outcome or attempt != self.attempts:
                return
            self.attempts -= 2
            if reply.moved:
                self.client.world.counts["stale routes"] += 1
                self.client.fetch_map(self.send)
            else:
                self.send()

        self.client.world.later(pause, again)

    def _finish(self, outcome: str, item: bytes | None, *, told: bool = True) -> None:
        self.outcome = outcome
        client, world, self.found = self.client, self.client.world, item
        if self.quiet:
            client.finished(self)
            return
        found = _value(item)
        if told:
            self._show(found)
            client.known[self.name] = found if self.kind == "read" or outcome == "fail" else self.value
        if self.kind == "read":
            if outcome == "ok" and self.strong:
                self._note(Operation(client.process, self.name, "read", self.invoke, found, world.now))
            elif outcome == "ok":
                client.ledger.eventual.append((self.name, found, world.now))
        else:
            seen = found if told else UNSET
            self._note(
                Operation(
                    client.process,
                    self.name,
                    "cas" if self.kind == "cas" else "write",
                    self.invoke,
                    self.value,
                    FOREVER if outcome == "info" else world.now,
                    outcome,  # type: ignore[arg-type] # ok, fail or info
                    self.expected if self.kind == "cas" else UNSET,
                    seen,
                )
            )
        client.finished(self)

    def _show(self, found: Value) -> None:
        """What an answer shows has been committed by now: what was read or stood there before, and what was written."""
        what = "a read" if self.kind == "read" else "an answer to a write"
        if self.kind == "read" and not self.strong:
            what = "an eventual read"
        place = len(self.client.world.trace)
        shown = self.client.ledger.shown
        shown.append((what, self.name, found, place))
        if self.kind != "read" and self.outcome == "ok":
            shown.append((what, self.name, self.value, place))

    def _note(self, operation: Operation) -> None:
        self.client.ledger.operations.append(operation)
        if operation.outcome == "info":
            self.client.world.counts["lost acknowledgements"] += 1


def _bytes(value: Value) -> bytes | None:
    return None if value is None else str(value).encode()


def _value(item: bytes | None) -> Value:
    return None if item is None else int(item)
