"""What a request costs the reference endpoint, beside moto in the same run.

    make bench

Starts the endpoint, and moto where it is installed (`ddbproof targets install moto`), and sends both the
same requests over one kept-alive connection: PutItem of a 1 KB item, PutItem with a condition, and a
strongly consistent GetItem, over 1,000 keys. The figure is CPU time of the server process a request, taken
from the operating system, minimum of three rounds; the servers take turns, so the ratios hold even where
the machine is busy. Linux only. Nothing is asserted: figures are for reading.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from ddbproof.conformance.targets import open_target
from ddbproof.conformance.targets.errors import TargetError

REQUESTS = 3_000
ROUNDS = 3
AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=0"
)
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Connection:
    """One kept-alive connection that speaks just enough of the protocol."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        assert parts.port
        self._http = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)

    def call(self, operation: str, body: bytes) -> None:
        headers = {
            "X-Amz-Target": f"DynamoDB_20120810.{operation}",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Date": "20260101T000000Z",
            "Authorization": AUTHORIZATION,
        }
        self._http.request("POST", "/", body, headers)
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{operation} failed with {answer.status}: {text[:300]!r}")


def put(number: int) -> tuple[str, bytes]:
    item = {"pk": {"S": f"key-{number % 1000}"}, "n": {"N": str(number)}, "v": {"S": "x" * 1000}}
    return "PutItem", json.dumps({"TableName": "bench", "Item": item}).encode()


def conditional_put(number: int) -> tuple[str, bytes]:
    operation, body = put(number)
    request = json.loads(body) | {
        "ConditionExpression": "attribute_not_exists(#n) OR #n < :n",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":n": {"N": str(number + 1_000_000_000)}},
    }
    return operation, json.dumps(request).encode()


def get(number: int) -> tuple[str, bytes]:
    key = {"pk": {"S": f"key-{number % 1000}"}}
    return "GetItem", json.dumps({"TableName": "bench", "Key": key, "ConsistentRead": True}).encode()


WORK: dict[str, Callable[[int], tuple[str, bytes]]] = {
    "PutItem 1 KB": put,
    "conditional PutItem 1 KB": conditional_put,
    "GetItem 1 KB": get,
}


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def children() -> set[int]:
    """The processes that this one has started."""
    return {
        int(pid)
        for listing in Path("/proc/self/task").glob("*/children")
        for pid in listing.read_text().split()
    }


def measure(connection: Connection, pid: int, make: Callable[[int], tuple[str, bytes]]) -> float:
    """CPU microseconds a request in one round."""
    requests = [make(number) for number in range(REQUESTS)]
    before = cpu_seconds(pid)
    for operation, body in requests:
        connection.call(operation, body)
    return (cpu_seconds(pid) - before) / REQUESTS * 1e6


@contextlib.contextmanager
def servers() -> Iterator[dict[str, tuple[Connection, int]]]:
    """The servers that are here, by name, with a table each."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name in ("reference", "moto"):
            before = children()
            try:
                target = stack.enter_context(open_target(name))
            except TargetError as error:
                sys.stdout.write(f"{name}: left out ({error})\n")
                continue
            (pid,) = children() - before
            connection = Connection(target.endpoints["us-east-1"])
            connection.call(
                "CreateTable",
                json.dumps(
                    {
                        "TableName": "bench",
                        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                        "BillingMode": "PAY_PER_REQUEST",
                    }
                ).encode(),
            )
            found[name] = (connection, pid)
        yield found


def main() -> None:
    """Measure and print a table."""
    if not sys.platform.startswith("linux"):
        raise SystemExit("bench reads CPU times from /proc, which only Linux has")
    started = time.monotonic()
    with servers() as running:
        best = {(work, name): float("inf") for work in WORK for name in running}
        for round_number in range(ROUNDS):
            for work, make in WORK.items():
                for name, (connection, pid) in running.items():
                    best[work, name] = min(best[work, name], measure(connection, pid, make))
            sys.stdout.write(f"round {round_number + 1} of {ROUNDS} done\n")
        names = list(running)
        sys.stdout.write(f"\nCPU microseconds a request, Python {platform.python_version()}, 1 connection\n")
        sys.stdout.write(f"{'':26}" + "".join(f"{name:>12}" for name in names) + f"{'ratio':>9}\n")
        for work in WORK:
            figures = [best[work, name] for name in names]
            ratio = f"{figures[0] / figures[1]:9.2f}" if len(figures) > 1 else "        -"
            sys.stdout.write(f"{work:26}" + "".join(f"{it:12.0f}" for it in figures) + ratio + "\n")
    sys.stdout.write(f"{time.monotonic() - started:.0f} seconds in all\n")


if __name__ == "__main__":
    main()
