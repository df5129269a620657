"""A small message-passing world: nodes, and a network that loses, doubles, delays and reorders.

Runs made here are what replay is tried on: nodes that call the kernel and record what they do, without the
proof engine anywhere near. Everything random comes from one seed. A node may crash: what it had not made durable is
gone, messages on their way to it are lost, and it starts again from what it kept.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

import msgspec

Handler = Callable[[Any], None]


class Faults(msgspec.Struct, frozen=True):
    """How often a message is lost or doubled, and how long it may take, in ticks."""

    loss: float = 0.1
    duplication: float = 0.1
    longest_delay: int = 50


class Network:
    """Carries messages between nodes, by the tick."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a seeded simulation, no secret
        self.now = 0
        self._faults = faults
        self._handlers: dict[int, Handler] = {}
        self._waiting: list[tuple[int, int, int, Any]] = []
        self._sent = 0

    def join(self, node: int, handler: Handler) -> None:
        """A node begins, or begins again, to receive."""
        self._handlers[node] = handler

    def leave(self, node: int) -> None:
        """A node is gone; what reaches it meanwhile is lost."""
        self._handlers.pop(node, None)

    def send(self, to: int, message: Any) -> None:
        """Send a message; it arrives never, once or twice, each time after a delay of its own."""
        if self.random.random() < self._faults.loss:
            return
        for _ in range(2 if self.random.random() < self._faults.duplication else 1):
            arrives = self.now + self.random.randint(1, self._faults.longest_delay)
            self._sent += 1
            heapq.heappush(self._waiting, (arrives, self._sent, to, message))

    def tick(self) -> None:
        """One tick on: deliver what has come due."""
        self.now += 1
        while self._waiting and self._waiting[0][0] <= self.now:
            _, _, to, message = heapq.heappop(self._waiting)
            handler = self._handlers.get(to)
            if handler is not None:
                handler(message)
