"""Launching a product: a free loopback port, a scratch directory, an answer, and somebody who watches over it.

What the child sees of our environment has no credentials and no settings of AWS's clients in it, and its home is
the scratch directory, so that nothing of the user's is read and nothing is left behind.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.resources import as_file, files
from pathlib import Path

from ddbproof.conformance.plan import Supervision, Target
from ddbproof.conformance.targets.endpoint import DEFAULT_REGIONS, EXAMPLE_CREDENTIALS
from ddbproof.conformance.targets.errors import LaunchError, TargetError
from ddbproof.conformance.targets.installer import installed_home
from ddbproof.conformance.targets.preflight import preflight
from ddbproof.conformance.targets.process import Server
from ddbproof.conformance.targets.products import Product
from ddbproof.conformance.targets.supervisor import Supervisor

_LAUNCH_ATTEMPTS = 3
_READY_TIMEOUT_SECONDS = 2.0


@contextlib.contextmanager
def launched_product(
    product: Product, *, port: int | None = None, data: Path | None = None
) -> Iterator[Target]:
    """Start a product on a loopback port (a free one unless given); stopped and gone afterwards.

    Its data are in `data` if given, and then stay. Raises NotInstalledError, or LaunchError with what it printed.
    """
    home = installed_home(product)
    for command in product.needs:
        if shutil.which(command) is None and command != "npm":
            raise LaunchError(
                f"{product.name} cannot be started",
                cause=f"There is no command {command} on this machine",
                hint=f"ddbproof targets doctor {product.name}",
            )
    with contextlib.ExitStack() as stack:
        guard = stack.enter_context(as_file(files("ddbproof.conformance.targets").joinpath("guard.py")))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ddbproof-")))
        place = scratch / "data" if data is None else data.absolute()
        place.mkdir(parents=True, exist_ok=True)
        launch = functools.partial(_launch, product, home, guard, scratch, place)
        chosen, server = _first(product, launch, port)
        target = _target(product, chosen, Supervision(scratch, product.persistent))
        watch = Supervisor(
            server, functools.partial(launch, chosen), functools.partial(_answers, target), scratch
        )
        stack.callback(watch.end)
        yield target


def free_port() -> int:
    """A loopback port that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _first(product: Product, launch: functools.partial[Server], port: int | None) -> tuple[int, Server]:
    """A port that was free may be taken a moment later: then another one is tried."""
    for attempt in range(1, _LAUNCH_ATTEMPTS + 1):
        chosen = free_port() if port is None else port
        server = launch(chosen)
        try:
            target = _target(product, chosen, None)
            server.wait_until(functools.partial(_answers, target), product.start.timeout_seconds)
            if not server.running():
                # Somebody else's server on the same port has answered.
                raise LaunchError(f"{product.name} ended while it started", cause=server.tail())
        except LaunchError:
            server.stop()
            if attempt == _LAUNCH_ATTEMPTS or port is not None:
                raise
        except BaseException:
            server.stop()
            raise
        else:
            return chosen, server
    raise AssertionError("not reached")


def _launch(product: Product, home: Path, guard: Path, scratch: Path, place: Path, port: int) -> Server:
    """One start of the server, ready or not."""
    command = [sys.executable, str(guard), *product.start.command(home, port, place)]
    environment = {**clean_environment(scratch), **product.start.environment(port, place)}
    return Server(product.name, command, scratch, environment)


def clean_environment(scratch: Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Our environment without what is AWS's, with a home of its own and no way to send figures about itself."""
    variables = os.environ if environment is None else environment
    kept = {name: value for name, value in variables.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
        "DO_NOT_TRACK": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _target(product: Product, port: int, supervision: Supervision | None) -> Target:
    regions = DEFAULT_REGIONS if product.knows_regions else DEFAULT_REGIONS[:1]
    return Target(
        name=product.name,
        endpoints=dict.fromkeys(regions, f"http://127.0.0.1:{port}"),
        credentials=EXAMPLE_CREDENTIALS,
        version=product.version,
        supervision=supervision,
    )


def _answers(target: Target) -> bool:
    try:
        preflight(target, timeout_seconds=_READY_TIMEOUT_SECONDS)
    except TargetError:
        return False
    return True
