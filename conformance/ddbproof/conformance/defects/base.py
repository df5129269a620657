"""What a planted defect is, and what it may do.

A defect stands between the suite and an endpoint and breaks one promise on purpose. It sees each request
before it is forwarded and each answer before it goes back, and may make calls of its own to the endpoint. It
is composed in by the relay; nothing in production code knows of it.

A defect is made anew for each planting, so it may remember what passed. The relay answers requests in
parallel: what is remembered is guarded by `self.lock`, which is never held while a call is made.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A request: `operation` and its `parameters`, sent to `region`.

    `parameters` is None where the body was not a JSON object; then it is forwarded untouched.
    """

    region: str
    operation: str
    parameters: Document | None

    def parameter(self, name: str) -> Any:
        """One parameter, None if it is not there."""
        return None if self.parameters is None else self.parameters.get(name)

    def with_parameters(self, **changes: Any) -> Call:
        """The call with some parameters changed; None takes one away."""
        parameters = {**(self.parameters or {}), **changes}
        return replace(self, parameters={k: v for k, v in parameters.items() if v is not None})

    @property
    def table(self) -> str:
        """The name in TableName, also where an ARN was given there."""
        return table_name(str(self.parameter("TableName") or ""))


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: HTTP `status`, the `document` in its body, and `headers` (lower-case names).

    `document` is None where the body was not a JSON object; then `body` goes back untouched.
    """

    status: int
    document: Document | None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.status == 200 and self.document is not None

    @property
    def code(self) -> str | None:
        """The plain code of an error answer, None for any other."""
        if self.status == 200 or self.document is None:
            return None
        return str(self.document.get("__type", "")).rpartition("#")[2]

    def member(self, name: str) -> Any:
        """One member of the document, None if it is not there."""
        return None if self.document is None else self.document.get(name)

    def with_document(self, document: Document) -> Answer:
        """The answer with another document."""
        return replace(self, document=document)

    def with_members(self, **changes: Any) -> Answer:
        """The answer with some members changed; None takes one away."""
        document = {**(self.document or {}), **changes}
        return replace(self, document={k: v for k, v in document.items() if v is not None})


def success(document: Document) -> Answer:
    """A made-up answer 200."""
    return Answer(200, document)


def failure(code: str, message: str, *, status: int = 400) -> Answer:
    """A made-up error answer with a code of DynamoDB's own namespace."""
    return Answer(status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": message})


def recoded(answer: Answer, code: str) -> Answer:
    """The error answer with another code."""
    namespace = str(answer.member("__type") or "").rpartition("#")[0] or "com.amazonaws.dynamodb.v20120810"
    return answer.with_members(__type=f"{namespace}#{code}")


class Endpoint(Protocol):
    """The endpoint behind the relay, for calls that a defect makes itself."""

    @property
    def regions(self) -> tuple[str, ...]:
        """The Regions it serves."""

    def call(self, region: str, operation: str, parameters: Document) -> Answer:
        """One signed call, past the relay; no defect sees it."""

    def isolated(self) -> tuple[str, ...]:
        """The Regions that are cut off now; none where the endpoint cannot be asked."""

    def zones_down(self, region: str) -> tuple[str, ...]:
        """The zones of a Region of which no node is up; none where the endpoint cannot be asked."""


class Defect:
    """A planted defect. Subclasses say what they break and override `request` or `response`.

    `name` is what `--defect` takes, `sentence` says what is broken, `claims` are the claims that the suite
    must judge `fail` (or `differs`) because of it. One that `needs_copy` stands in front of two endpoints of
    one kind and is made with both.
    """

    name: ClassVar[str]
    sentence: ClassVar[str]
    claims: ClassVar[tuple[str, ...]]

    needs_copy: ClassVar[bool] = False

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.lock = threading.Lock()

    def close(self) -> None:
        """The relay ends; for a defect that does something by itself."""

    def request(self, call: Call) -> Call | Answer:
        """What to forward instead of the call, or the answer to give without forwarding."""
        return call

    def response(self, call: Call, answer: Answer) -> Answer:  # noqa: ARG002 (for subclasses)
        """What to answer; `call` is the call as it came, before `request` changed it."""
        return answer


def table_name(name_or_arn: str) -> str:
    """The table's name, from a name or an ARN.

    >>> table_name("arn:aws:dynamodb:us-east-1:000000000000:table/a/backup/01"), table_name("b")
    ('a', 'b')
    """
    return name_or_arn.partition(":table/")[2].partition("/")[0] or name_or_arn


def canonical(value: object) -> str:
    """A value of JSON as text that is equal for equal values: for use as a dictionary key."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
