"""The reference endpoint behind HTTP: uvicorn with uvloop and httptools, one process, one thread.

`serve` runs until it is told to stop by SIGINT or SIGTERM, or until whoever holds its standard input is
gone. Once connections are accepted, a ready file tells address and control token to the program that
started it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
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
from ddbproof.reference_impl.wire.gateway import Gateway


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
    """Serve until told to stop. `on_ready` is called once; returns True when SIGINT ended it."""
    endpoint = ReferenceEndpoint(options)
    gateway = Gateway(endpoint, options, endpoint.clock)
    control = ControlInterface(endpoint.clock, options, control_token)
    # Long-lived records fill memory; collecting them again and again only costs time.
    gc.set_threshold(50_000, 20, 100)
    config = uvicorn.Config(
        application(gateway, control),
        interface="asgi3",
        lifespan="off",
        log_level="warning",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    server = _Server(config, lambda: on_ready(Listening(f"http://{shown}:{port}", options, control_token)))
    if exit_with_parent:
        threading.Thread(target=_watch_standard_input, args=(server,), daemon=True).start()
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        return True
    return False


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        await asyncio.to_thread(self._ready)


def _watch_standard_input(server: uvicorn.Server) -> None:
    """The parent holds the other end of standard input; it closes when the parent is gone, however it went."""
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
    """Write a file that only this user can read: under another name first, then renamed."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(name).replace(path)
