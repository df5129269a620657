"""`ddbproof targets`: which endpoints can be launched here, and how to install the rest."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

app = App(name="targets", help="List the targets that --target takes, and install them.")


@app.default
def list_targets() -> int:
    """List the known targets: name, version, whether it is installed, and where.

    For an endpoint that runs already nothing has to be installed: `ddbproof conform --endpoint URL`.
    """
    from rich.console import Console
    from rich.table import Table

    from ddbproof.conformance.targets import known_targets

    table = Table(box=None, pad_edge=False)
    for heading in ("target", "version", "state", "what it is"):
        table.add_column(heading)
    for target in known_targets():
        state = "ready" if target.installed else f"not installed: ddbproof targets install {target.name}"
        table.add_row(target.name, target.version, state, target.description)
    Console(highlight=False).print(table)
    return 0


@app.command
def install(
    name: str, /, *, timeout_seconds: Annotated[float, Parameter(name="--timeout-seconds")] = 600.0
) -> int:
    """Install a target into the cache directory, pinned and hashed, in an environment of its own.

    Nothing is left behind if it fails. The cache is $DDBPROOF_CACHE, else $XDG_CACHE_HOME/ddbproof, else
    ~/.cache/ddbproof.

    Parameters
    ----------
    name
        The target, as `ddbproof targets` lists it.
    timeout_seconds
        When to give up.
    """
    from rich.console import Console

    from ddbproof.conformance.targets import installable
    from ddbproof.conformance.targets.installer import install as install_package
    from ddbproof.conformance.targets.installer import is_installed

    console = Console(highlight=False, markup=False, soft_wrap=True)
    package = installable(name)
    if package is None:
        console.print(f"{name} is part of ddbproof: nothing to install")
        return 0
    if is_installed(package):
        console.print(f"{package.name} {package.version} is installed already")
        return 0
    console.print(f"Installing {package.name} {package.version} ({package.licence}) ...")
    home = install_package(package, timeout_seconds=timeout_seconds)
    console.print(f"{package.name} {package.version} is installed in {home}")
    return 0
