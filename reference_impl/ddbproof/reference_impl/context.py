"""Who calls, and what answers: the seam between the wire and the API.

`wire` turns an HTTP request into an operation name, checked parameters and a `CallContext`; a `Backend`
answers with a JSON-ready dictionary or raises `ServiceError`. Nothing below this seam knows HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class CallContext:
    """The caller of one request: `region` from the credential scope, `account` of 12 digits, `request_id`."""

    region: str
    account: str
    request_id: str


class Backend(Protocol):
    """Answers operations.

    `parameters` have been decoded and checked against the shapes of the service model. The answer is
    JSON-ready: timestamps are epoch seconds as numbers, and any value may be `msgspec.Raw`, that is JSON
    already encoded. Raises `ServiceError` for every refusal.
    """

    def call(self, operation: str, parameters: dict[str, Any], context: CallContext) -> dict[str, Any]: ...
