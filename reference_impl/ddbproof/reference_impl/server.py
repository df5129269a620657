"""The reference endpoint behind HTTP: uvicorn with uvloop and httptools, one process, one thread.

`serve` runs until it is told to stop by SIGINT, SIGTERM or SIGHUP, or until whoever holds its standard input
is gone. Once connections are accepted, a ready file tells address and control token to the program that
started it. Requests under way are finished first, for at most two seconds.

Choices: `Date` is written by the gateway, because it must show the endpoint's clock. Forwarding headers are
not believed, because the control interface trusts the peer's address.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from ddbproof.reference_impl.control.interface import ControlInterface
from ddbproof.reference_impl.endpoint import ReferenceEndpoint
from ddbproof.reference_impl.errors import ConfigurationError
from ddbproof.reference_impl.options import EndpointOptions
from ddbproof.reference_impl.wire.asgi import application
from ddbproof.reference_impl.wire.connection import connection_class
from ddbproof.reference_impl.wire.gateway import Gateway

KEEP_ALIVE_SECONDS = 65  # longer than SDKs keep a connection in their pools, so that they do not race its end


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a server listens, told once it does."""

    url: str
    options: EndpointOptions
    control_token: str


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 picks a free one. Raises ConfigurationError when that cannot be."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}", cause=str(error)) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {host} port {port}",
            cause=str(error),
            hint="--port 0 picks a free port",
        ) from error
    return listener


def serve(
    options: EndpointOptions,
    listener: socket.socket,
    control_token: str,
    *,
    on_ready: Callable[[Listening], None] = lambda _: None,
    exit_with_parent: bool = False,
) -> bool:
    """Serve until told to stop; returns True when SIGINT ended it.

    `on_ready` is called once, when connections are accepted; what it raises ends the server and is raised
    here. Raises ConfigurationError for impossible options. Changes the thresholds of this process's garbage
    collector.
    """
    endpoint = ReferenceEndpoint(options)
    gateway = Gateway(endpoint, options, endpoint.clock)
    control = ControlInterface(endpoint.clock, endpoint.cluster, options, control_token)
    app = application(gateway, control)
    # Records live long and hold no cycles; collecting them again and again only costs time (hotpath.md).
    gc.set_threshold(50_000, 20, 100)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=connection_class(gateway),
        lifespan="off",
        ws="none",
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=2,
    )
    listening = Listening(_url(listener), options, control_token)
    server = _Server(config, lambda: on_ready(listening))
    if exit_with_parent:
        threading.Thread(target=_watch_standard_input, args=(server,), daemon=True).start()
    with _ended_by_signals(server):
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return True
    if server.failure is not None:
        raise server.failure
    return False


def _url(listener: socket.socket) -> str:
    """The address by which this machine reaches the listener."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.failure: Exception | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        try:
            await asyncio.to_thread(self._ready)
        except Exception as error:
            # The loop would wait for ever for the listeners if this left it now.
            self.failure = error
            self.should_exit = True


@contextlib.contextmanager
def _ended_by_signals(server: uvicorn.Server) -> Iterator[None]:
    """Signals to end are lawful ends.

    uvicorn stops on SIGTERM and then raises it again for whoever was listening before it. That must not be
    the operating system, which would kill the process before its callers have cleaned up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        server.should_exit = True

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


def _watch_standard_input(server: uvicorn.Server) -> None:
    """The parent holds the other end of standard input; it closes when the parent is gone, however it went."""
    # No standard input at all counts as a closed one.
    with contextlib.suppress(OSError, ValueError, AttributeError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    server.should_exit = True


def write_ready_file(path: Path, listening: Listening) -> None:
    """Tell where the server is, readable by this user only, all at once."""
    content: dict[str, Any] = {
        "url": listening.url,
        "control_url": listening.url,
        "control_token": listening.control_token,
        "regions": list(listening.options.regions),
        "seed": listening.options.seed,
        "pid": os.getpid(),
        "version": version("ddbproof"),
    }
    write_private(path, msgspec.json.encode(content))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user can read: under another name first, then renamed. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
