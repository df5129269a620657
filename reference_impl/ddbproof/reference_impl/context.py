"""Who calls, and what answers: the seam between the wire and the API.

`wire` turns an HTTP request into an operation name, checked parameters and a `CallContext`; a `Backend`
answers with a JSON-ready dictionary or raises `ServiceError`. Nothing below this seam knows HTTP.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec


class CallContext(msgspec.Struct, frozen=True):
    """The caller of a request: `region` from the credential scope, `account` of 12 digits."""

    region: str
    account: str


class Backend(Protocol):
    """Answers operations.

    `parameters` have been decoded and checked against the shapes of the service model. The answer is
    JSON-ready: timestamps are epoch seconds as numbers, and any value may be `msgspec.Raw`, that is JSON
    already encoded. Raises `ServiceError` for every refusal.
    """

    def call(self, operation: str, parameters: dict[str, Any], context: CallContext) -> dict[str, Any]: ...
