"""What a request costs the reference endpoint, with three replicas of everything, beside other endpoints in the same run.

    make bench                                     all targets that are installed
    .venv/bin/python bench/endpoint.py dynoxide    the reference and those that are named
    .venv/bin/python bench/endpoint.py --growth    the reference alone, by items and by partitions

All servers are alive at once and take turns with the same requests over kept-alive connections: PutItem of a 1 KB item, PutItem
with a condition that holds, and a strongly consistent GetItem, over 1,000 keys. The figure is CPU time of the server's
processes a request, taken from the operating system, the least of three rounds; so the ratios hold even where
the machine is busy. Latencies are what this client saw, and it shares the machine. `reference, recording` notes
every durable step for replay. Linux only. Nothing is asserted: figures are for reading.
"""

from __future__ import annotations

import contextlib
import json
import platform
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ddbproof.conformance.targets import open_target
from ddbproof.conformance.targets.endpoint import EXAMPLE_CREDENTIALS
from ddbproof.conformance.targets.errors import TargetError

REQUESTS = 3_000
LEAST_REQUESTS = 300
ROUND_SECONDS = 2.0
ROUNDS = 3
CONNECTIONS = (1, 8, 64)
KEYS = 1_000
PATIENCE_SECONDS = 20
PEERS = ("dynoxide", "dynalite", "dynamodb-local", "extenddb", "moto")
SIGNER = SigV4Auth(
    Credentials(EXAMPLE_CREDENTIALS.access_key_id, EXAMPLE_CREDENTIALS.secret_access_key),
    "dynamodb",
    "us-east-1",
)
TABLE = {
    "TableName": "bench",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}

Request = tuple[str, dict[str, object]]


class Server(NamedTuple):
    """A server, its processes, and where it listens."""

    pids: frozenset[int]
    host: str
    port: int


class Figures(NamedTuple):
    """One round: CPU microseconds a request, and latencies in milliseconds."""

    cpu: float
    median: float
    slowest: float


def put(number: int) -> Request:
    item = {"pk": {"S": f"key-{number % KEYS}"}, "n": {"N": str(number)}, "v": {"S": "x" * 1000}}
    return "PutItem", {"TableName": "bench", "Item": item}


def conditional_put(number: int) -> Request:
    operation, request = put(number)
    return operation, request | {
        "ConditionExpression": "attribute_not_exists(#n) OR #n < :n",
        "ExpressionAttributeNames": {"#n": "n"},
        "ExpressionAttributeValues": {":n": {"N": str(number + 1_000_000_000)}},
    }


def get(number: int) -> Request:
    key = {"pk": {"S": f"key-{number % KEYS}"}}
    return "GetItem", {"TableName": "bench", "Key": key, "ConsistentRead": True}


WORK: dict[str, Callable[[int], Request]] = {
    "PutItem 1 KB": put,
    "conditional PutItem 1 KB": conditional_put,
    "GetItem 1 KB": get,
}


def cpu_seconds(pids: frozenset[int]) -> float:
    """User and system time of processes so far, to the nanosecond: each has a clock, numbered after it."""
    return sum(time.clock_gettime(~pid << 3 | 2) for pid in pids)


def children(pid: str = "self") -> set[int]:
    """The processes that one has started, with all that those have."""
    own = {
        int(it)
        for listing in Path(f"/proc/{pid}/task").glob("*/children")
        for it in listing.read_text().split()
    }
    return own.union(*(children(str(it)) for it in own))


def framed(server: Server, operation: str, request: dict[str, object]) -> bytes:
    """A request as it goes over the wire, signed."""
    body, host = json.dumps(request).encode(), f"{server.host}:{server.port}"
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Content-Type": "application/x-amz-json-1.0"}
    signed = AWSRequest("POST", f"http://{host}/", data=body, headers=headers)
    SIGNER.add_auth(signed)
    lines = [f"{name}: {value}" for name, value in {**signed.headers, "Host": host}.items()]
    head = "\r\n".join(["POST / HTTP/1.1", *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode() + body


@cache
def prepared(server: Server, make: Callable[[int], Request], count: int) -> list[bytes]:
    """So many requests; signing them takes longer than answering them, and is done once."""
    return [framed(server, *make(number)) for number in range(count)]


class Connection:
    """A connection with at most one request under way; made anew where a server ends it with its answer."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.started = 0.0
        self._received = b""
        self.ended = False
        self.open()

    def open(self) -> None:
        """Connect, again if there was a connection before."""
        if self.ended:
            self.socket.close()
        self.socket = socket.create_connection((self._server.host, self._server.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ended = False

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.started = time.perf_counter()
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Read what is there; True if an answer is whole now. Ends the program if it is an error."""
        data = self.socket.recv(1 << 16)
        if not data:
            raise SystemExit("a connection was closed")
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return False
        lines = head.lower()
        if b"transfer-encoding: chunked" in lines:
            whole = body.endswith(b"0\r\n\r\n")
        else:
            length = lines.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
            whole = len(body) >= int(length)
        if whole:
            if head.split(b" ", 2)[1] != b"200":
                raise SystemExit(f"a request failed: {head[:30]!r} {body[:300]!r}")
            self._received = b""
            self.ended = b"\r\nconnection: close" in lines
        return whole


@contextlib.contextmanager
def connected(server: Server, connections: int, request: bytes) -> Iterator[list[Connection]]:
    """So many connections, over each of which a request was answered: servers accept one after another, and that takes time."""
    with contextlib.ExitStack() as stack:
        opened = [Connection(server) for _ in range(connections)]
        for connection in opened:
            stack.callback(lambda it=connection: it.socket.close())
        send_all(opened, [request] * connections)
        yield opened


def send_all(connections: list[Connection], requests: list[bytes]) -> list[float]:
    """Send requests over these connections, each as soon as there is an answer; returns how long each took, in seconds."""
    waiting, taken = iter(requests), []
    with selectors.DefaultSelector() as selector:
        for connection, request in zip(connections, waiting, strict=False):
            if connection.ended:
                connection.open()
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(request)
        while selector.get_map():
            ready = selector.select(PATIENCE_SECONDS)
            if not ready:
                raise SystemExit(f"no answer in {PATIENCE_SECONDS} seconds")
            for key, _ in ready:
                connection = key.data
                if connection.is_answered():
                    taken.append(time.perf_counter() - connection.started)
                    following = next(waiting, None)
                    if following is None or connection.ended:
                        selector.unregister(connection.socket)
                    if following is None:
                        continue
                    if connection.ended:
                        connection.open()
                        selector.register(connection.socket, selectors.EVENT_READ, connection)
                    connection.send(following)
    return taken


def send_one(server: Server, request: bytes) -> None:
    """Send a request over a connection of its own."""
    with connected(server, 1, request):
        pass


def measure(
    server: Server, make: Callable[[int], Request], connections: int, count: int = REQUESTS
) -> Figures:
    """One round of so many requests."""
    requests = prepared(server, make, count)
    with connected(server, connections, requests[0]) as opened:
        before = cpu_seconds(server.pids)
        taken = send_all(opened, requests)
        cpu = (cpu_seconds(server.pids) - before) / count * 1e6
    return Figures(cpu, statistics.median(taken) * 1e3, sorted(taken)[len(taken) * 99 // 100] * 1e3)


def requests_a_round(server: Server) -> int:
    """As many as a round has time for: the slowest are not asked as much as the others."""
    began = time.perf_counter()
    measure(server, put, 1, LEAST_REQUESTS)
    rate = LEAST_REQUESTS / (time.perf_counter() - began)
    return max(LEAST_REQUESTS, min(REQUESTS, int(rate * ROUND_SECONDS)))


def started(stack: contextlib.ExitStack, name: str, *options: str) -> Server | None:
    """Start a server with a table; None, with the reason, if it is not here."""
    before = children()
    try:
        target = stack.enter_context(open_target(name, serve_options=options))
    except TargetError as error:
        sys.stdout.write(f"{name}: left out ({error})\n")
        return None
    parts = urlsplit(target.endpoints["us-east-1"])
    assert parts.hostname
    assert parts.port
    server = Server(frozenset(children() - before), parts.hostname, parts.port)
    try:
        send_one(server, framed(server, "CreateTable", dict(TABLE)))
    except SystemExit as refused:
        sys.stdout.write(f"{name}: left out ({refused})\n")
        return None
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(SystemExit):
            send_one(server, framed(server, *get(0)))
            return server
        time.sleep(0.2)
    raise SystemExit(f"the table of {name} does not become active")


@contextlib.contextmanager
def servers(peers: tuple[str, ...]) -> Iterator[dict[str, Server]]:
    """The servers that are here, by name."""
    with contextlib.ExitStack() as stack:
        found = {"reference": started(stack, "reference")}
        found["reference, recording"] = started(stack, "reference", "--record-steps")
        found |= {name: started(stack, name) for name in peers}
        yield {name: server for name, server in found.items() if server is not None}


def compare(peers: tuple[str, ...]) -> None:
    """The reference beside the others."""
    with servers(peers) as running:
        best: dict[tuple[int, str, str], list[Figures]] = {}
        counts: dict[str, int] = {}
        for name, server in list(running.items()):
            try:
                counts[name] = requests_a_round(server)
            except SystemExit as refused:
                del running[name]
                sys.stdout.write(f"{name}: left out ({refused})\n")
        for round_number in range(ROUNDS):
            for connections in CONNECTIONS:
                for work, make in WORK.items():
                    for name, server in running.items():
                        figures = measure(server, make, connections, counts[name])
                        best.setdefault((connections, work, name), []).append(figures)
                sys.stdout.write(f"round {round_number + 1} of {ROUNDS}, {connections} connections: done\n")
                sys.stdout.flush()
    for connections in CONNECTIONS:
        sys.stdout.write(
            f"\n{connections} connections: CPU microseconds a request (reference's share of it), p50/p99 in ms\n"
        )
        for name in running:
            cells = []
            for work in WORK:
                ours = min(it.cpu for it in best[connections, work, "reference"])
                rounds = best[connections, work, name]
                cpu, one = min(it.cpu for it in rounds), min(rounds, key=lambda it: it.median)
                share = f"({ours / cpu:.2f})" if cpu else "-"
                cells.append(f"{cpu:8.0f} {share:6} {one.median:7.2f}/{one.slowest:7.2f}")
            sys.stdout.write(f"{name:22}" + "  |".join(cells) + "\n")
        sys.stdout.write(f"{'':22}" + "".join(f"{work:>33}" for work in WORK) + "\n")


def growth() -> None:
    """The reference alone: what a request costs with many items, and with many partitions."""
    sys.stdout.write("CPU microseconds a request, 8 connections\n")
    with contextlib.ExitStack() as stack:
        server = started(stack, "reference")
        assert server is not None
        filled = 0
        for items in (1_000, 10_000, 100_000, 1_000_000):
            more = [
                framed(server, "PutItem", {"TableName": "bench", "Item": {"pk": {"S": f"more-{number}"}}})
                for number in range(filled, items)
            ]
            with connected(server, 8, more[0]) as opened:
                send_all(opened, more)
            filled = items
            row = [min(measure(server, make, 8).cpu for _ in range(ROUNDS)) for make in WORK.values()]
            sys.stdout.write(f"{items:>9} items      " + "".join(f"{it:12.0f}" for it in row) + "\n")
            sys.stdout.flush()
    for partitions in (1, 4, 16, 64, 256):
        with contextlib.ExitStack() as stack:
            server = started(stack, "reference", "--partitions", str(partitions))
            assert server is not None
            row = [min(measure(server, make, 8).cpu for _ in range(ROUNDS)) for make in WORK.values()]
            sys.stdout.write(f"{partitions:>9} partitions " + "".join(f"{it:12.0f}" for it in row) + "\n")
            sys.stdout.flush()
    sys.stdout.write(f"{'':21}" + "".join(f"{work.split()[0]:>12}" for work in WORK) + "\n")


def main() -> None:
    """Measure and print a table."""
    if not sys.platform.startswith("linux"):
        raise SystemExit("bench reads the CPU clocks of other processes, and /proc, which only Linux has")
    began = time.monotonic()
    sys.stdout.write(f"Python {platform.python_version()}\n")
    arguments = sys.argv[1:]
    if arguments == ["--growth"]:
        growth()
    else:
        compare(tuple(arguments) or PEERS)
    sys.stdout.write(f"{time.monotonic() - began:.0f} seconds in all\n")


if __name__ == "__main__":
    main()
