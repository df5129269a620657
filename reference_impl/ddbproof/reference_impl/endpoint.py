"""The reference endpoint: a clock, Regions, and the operations over them, in one object.

`ReferenceEndpoint` is a `Backend`: it answers one request at a time, in the order in which they arrive, and
never waits. Behind HTTP, `server` calls it from one thread; in process, `embedded` holds a lock.
"""

from __future__ import annotations

from typing import Any

from ddbproof.reference_impl.api import METADATA_OPERATIONS, OPERATIONS
from ddbproof.reference_impl.api.call import Call
from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.errors import ConfigurationError, NotBuiltError
from ddbproof.reference_impl.options import EndpointOptions


class ReferenceEndpoint:
    """One endpoint with all its Regions.

    Promises: what it answers depends only on `options`, the requests and the clock. Raises
    ConfigurationError when the options name no Region or one Region twice.
    """

    def __init__(self, options: EndpointOptions | None = None, *, clock: Clock | None = None) -> None:
        self.options = options or EndpointOptions()
        if not self.options.regions or len(set(self.options.regions)) != len(self.options.regions):
            raise ConfigurationError(
                "the Regions of an endpoint must be one or more different names",
                cause=f"got {', '.join(self.options.regions) or 'none'}",
            )
        self.clock = clock or Clock(frozen_at_milliseconds=self.options.frozen_at_milliseconds)
        self.cluster = Cluster(self.options, self.clock)

    def call(self, operation: str, parameters: dict[str, Any], context: CallContext) -> dict[str, Any]:
        """Answer one operation; see `context.Backend`. Raises ServiceError."""
        handler = OPERATIONS.get(operation)
        if handler is None:
            raise NotBuiltError(operation)
        now_milliseconds = self.cluster.catch_up()
        region = self.cluster.regions[context.region]
        if operation in METADATA_OPERATIONS:
            region.metadata.require_ready()
        return handler(Call(self.cluster, region, context.account, now_milliseconds), parameters)
