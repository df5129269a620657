"""boto3 clients for a target, and a memory of the last requests and answers.

A client is made once per Region and run: making one costs more than a hundred calls. It goes to the given
address whatever the environment says (no proxy, no AWS default, no profile), signs with the plan's credentials, and
retries a little, as an application would. What is remembered has no headers, hence no credentials.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from ddbproof.conformance.kit.outcomes import Inconclusive
from ddbproof.conformance.kit.readable import UnreadableAnswerError, check_answer
from ddbproof.conformance.plan import Target
from ddbproof.reports.schema import Exchange

CONNECT_TIMEOUT_SECONDS = 5
READ_TIMEOUT_SECONDS = 20
TEST_SECONDS = 180.0
REMEMBERED_EXCHANGES = 12
REMEMBERED_CHARACTERS = 1500
_LOOKING = ("Describe", "Get", "List")
_ITERATOR = re.compile(r'"(Next)?ShardIterator": ?"[^"]*"')
_NO_PROFILE = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


class Wire:
    """All clients of a run."""

    def __init__(self, target: Target) -> None:
        self._target = target
        # One session for all clients: it reads the service model once. It knows no profile and no file of the
        # user's; whom to sign as has been decided, and a profile may change retries, addresses and more.
        core = botocore.session.Session(session_vars=_NO_PROFILE)
        self._session = boto3.session.Session(
            botocore_session=core,
            aws_access_key_id=target.credentials.access_key_id,
            aws_secret_access_key=target.credentials.secret_access_key,
            aws_session_token=target.credentials.session_token,
            region_name=target.regions[0],
        )
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self.exchanges: deque[Exchange] = deque(maxlen=REMEMBERED_EXCHANGES)
        self._deadline: float | None = None

    def begin_test(self) -> None:
        """Forget the last test, and give the next one its time: requests after that are Inconclusive."""
        self.exchanges.clear()
        self._deadline = time.monotonic() + TEST_SECONDS

    def end_test(self) -> None:
        """Lift the bound, for cleaning up."""
        self._deadline = None

    def client(self, region: str, *, service: str = "dynamodb", validate: bool = True) -> Any:
        """The client for a Region; `validate=False` sends what botocore itself would refuse.

        `service` is `dynamodb` or `dynamodbstreams`, which speak to the same endpoint.
        """
        key = (region, service, validate)
        if key not in self._clients:
            self._clients[key] = self._make(region, service, validate=validate)
        return self._clients[key]

    def _remember(self, exchange: Exchange) -> None:
        """Keep an exchange; of looks that follow each other and show the same, only the last is kept.

        Else a test that polls to the end would show its last looks and not what it found.
        """
        for earlier in reversed(self.exchanges):
            if not earlier.operation.startswith(_LOOKING):
                break
            if _same_look(earlier, exchange):
                self.exchanges.remove(earlier)
                break
        self.exchanges.append(exchange)

    def _make(self, region: str, service: str, *, validate: bool) -> Any:
        client = self._session.client(
            service,
            region_name=region,
            endpoint_url=self._target.endpoints[region],
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                read_timeout=READ_TIMEOUT_SECONDS,
                retries={"mode": "standard", "total_max_attempts": 3},
                parameter_validation=validate,
                proxies={},
                use_fips_endpoint=False,
                use_dualstack_endpoint=False,
                max_pool_connections=20,
            ),
        )

        # A call is made and its answer read by one thread, and several threads may share the client.
        asked = threading.local()

        def before(params: dict[str, Any], **_: Any) -> None:
            if self._deadline is not None and time.monotonic() > self._deadline:
                raise Inconclusive(f"the test took longer than {TEST_SECONDS:.0f} seconds")
            body = params.get("body", b"")
            asked.request = _shorten(body.decode(errors="replace") if isinstance(body, bytes) else str(body))

        def remember(operation: str, request: str, status: int, body: bytes) -> None:
            answer = _shorten(body.decode(errors="replace"))
            self._remember(Exchange(region, operation, request, status, answer))

        def after(http_response: Any, model: Any, **_: Any) -> None:
            remember(model.name, asked.request, http_response.status_code, http_response.content)

        def before_parse(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
            try:
                check_answer(operation_model, response_dict)
            except UnreadableAnswerError:
                # Nothing comes after this, so it is remembered here.
                remember(
                    operation_model.name, asked.request, response_dict["status_code"], response_dict["body"]
                )
                raise

        events = client.meta.events
        events.register(f"before-call.{client.meta.service_model.service_id.hyphenize()}", before)
        events.register(f"before-parse.{client.meta.service_model.service_id.hyphenize()}", before_parse)
        events.register(f"after-call.{client.meta.service_model.service_id.hyphenize()}", after)
        return client


def _same_look(one: Exchange, other: Exchange) -> bool:
    """True if both ask and say the same, but for the iterators of a stream, which are new each time."""
    kind = (one.region, one.operation, one.status) == (other.region, other.operation, other.status)
    return kind and all(
        _ITERATOR.sub("", mine) == _ITERATOR.sub("", its)
        for mine, its in ((one.request, other.request), (one.response, other.response))
    )


def _shorten(text: str) -> str:
    if len(text) <= REMEMBERED_CHARACTERS:
        return text
    return f"{text[:REMEMBERED_CHARACTERS]}… ({len(text)} characters)"
