"""`ddbproof targets`: which endpoints can be launched here, how to install the rest, and what they lack."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from ddbproof.cli.errors import CommandError

if TYPE_CHECKING:
    from rich.console import Console

    from ddbproof.conformance.targets.products import Product

_FLAG = Parameter(negative="")

app = App(name="targets", help="List the targets that --target takes, install them, find out what they lack.")


@app.default
def list_targets() -> int:
    """List the known targets: name, version, whether it is installed, licence, and what it is.

    For an endpoint that runs already nothing has to be installed: `ddbproof conform --endpoint URL`.
    """
    from rich.console import Console
    from rich.table import Table

    from ddbproof.conformance.targets import known_targets

    table = Table(box=None, pad_edge=False)
    for heading in ("target", "version", "state", "data", "licence", "what it is"):
        table.add_column(heading)
    for target in known_targets():
        state = "ready" if target.installed else "not installed"
        data = "on disk" if target.persistent else "in memory"
        table.add_row(target.name, target.version, state, data, target.licence, target.description)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200  # read by a program: one line each
    console.print(table)
    console.print(
        "\nddbproof targets install NAME installs one, ddbproof targets doctor says what is missing"
    )
    return 0


@app.command
def install(
    *names: str,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    accept_licence: Annotated[bool, _FLAG] = False,
    timeout_seconds: Annotated[float, Parameter(name="--timeout-seconds")] = 600.0,
) -> int:
    """Install targets into the cache directory, pinned and hashed, without running any script of theirs.

    Nothing is left behind if it fails. The cache is $DDBPROOF_CACHE, else $XDG_CACHE_HOME/ddbproof, else
    ~/.cache/ddbproof. A target that is not open source asks for its licence to be accepted first.

    Parameters
    ----------
    names
        The targets, as `ddbproof targets` lists them.
    all_
        Every target that this machine can run.
    accept_licence
        Accept the licences of targets that are not open source, without being asked.
    timeout_seconds
        When to give up on one target.
    """
    from ddbproof.cli.interrupts import gentle_interrupts
    from ddbproof.conformance.targets import installable
    from ddbproof.conformance.targets.doctor import diagnose
    from ddbproof.conformance.targets.products import PRODUCTS

    if not names and not all_:
        raise CommandError("Which target?", hint="ddbproof targets install moto, or --all")
    chosen = [installable(name) for name in names]
    if all_:
        chosen += [product for product in PRODUCTS.values() if diagnose(product).healthy]
    with gentle_interrupts():
        for product in chosen:
            if product is None:
                sys.stdout.write("The reference endpoint is part of ddbproof: nothing to install\n")
            else:
                _install(product, accept_licence=accept_licence, timeout_seconds=timeout_seconds)
    return 0


def _install(product: Product, *, accept_licence: bool, timeout_seconds: float) -> None:
    from rich.console import Console

    from ddbproof.conformance.targets.installer import install as install_product
    from ddbproof.conformance.targets.installer import is_installed

    console = Console(highlight=False, markup=False, soft_wrap=True)
    if is_installed(product):
        console.print(f"{product.name} {product.version} is installed already")
        return
    if not product.open_source and not accept_licence:
        _ask_for_licence(product, console)
    console.print(f"Installing {product.name} {product.version} ({product.licence}) ...")
    with console.status(f"fetching {product.name}; this may take a minute"):
        home = install_product(product, timeout_seconds=timeout_seconds)
    console.print(f"{product.name} {product.version} is installed in {home}")


def _ask_for_licence(product: Product, console: Console) -> None:
    """Raises CommandError unless a person says yes."""
    console.print(
        f"{product.name} is not open source. It comes under the {product.licence}, which you find in the package "
        "and at its maker. ddbproof neither contains nor passes on any part of it."
    )
    if sys.stdin.isatty() and console.is_terminal:
        if console.input("Do you accept this licence? [y/N] ").strip().lower() in ("y", "yes"):
            return
        raise CommandError(f"{product.name} was not installed", cause="Its licence was not accepted")
    raise CommandError(
        f"{product.name} was not installed",
        cause=f"Its licence, the {product.licence}, has to be accepted first",
        hint=f"ddbproof targets install {product.name} --accept-licence",
    )


@app.command
def doctor(*names: str) -> int:
    """Say what this machine lacks to launch targets: one line each, with what to do.

    The exit code is 0 if every target asked about is ready or can be installed, 1 if something is missing.

    Parameters
    ----------
    names
        The targets to look at; all unless given.
    """
    from rich.console import Console

    from ddbproof.conformance.targets import installable
    from ddbproof.conformance.targets.doctor import diagnose
    from ddbproof.conformance.targets.products import PRODUCTS

    console = Console(highlight=False, markup=False, soft_wrap=True)
    chosen = [installable(name) for name in names] if names else list(PRODUCTS.values())
    healthy = True
    for product in chosen:
        if product is None:
            continue
        diagnosis = diagnose(product)
        healthy &= diagnosis.healthy
        console.print(f"{diagnosis.name}: {diagnosis.state}")
        for problem, hint in diagnosis.problems:
            console.print(f"    {problem}. {hint}.")
        if diagnosis.state == "can be installed":
            console.print(f"    ddbproof targets install {product.name}")
    return 0 if healthy else 1


@app.command
def start(name: str, /, *, port: int | None = None, data: Path | None = None) -> int:
    """Start a target and keep it running until Ctrl-C; it is started again if it crashes.

    Parameters
    ----------
    name
        The target, as `ddbproof targets` lists it. For the reference endpoint there is `ddbproof serve`.
    port
        The loopback port to listen on; a free one unless given.
    data
        The directory for its data, which then stay; otherwise they go with it.
    """
    import time

    from ddbproof.cli.interrupts import gentle_interrupts
    from ddbproof.conformance.kit.watch import Watch
    from ddbproof.conformance.targets import installable
    from ddbproof.conformance.targets.launcher import launched_product

    product = installable(name)
    if product is None:
        raise CommandError("The reference endpoint has a command of its own", hint="ddbproof serve --help")
    if data is not None and not product.persistent:
        raise CommandError(f"{name} keeps its data in memory", hint="Leave --data out")
    with gentle_interrupts(), launched_product(product, port=port, data=data) as target:
        url = next(iter(target.endpoints.values()))
        sys.stdout.write(f"{product.name} {product.version} at {url}; Ctrl-C ends it\n")
        sys.stdout.flush()
        watch = Watch(target.supervision)
        told = 0
        while watch.gone_for_good() is None:
            time.sleep(0.5)
            for crash in watch.crashes[told:]:
                sys.stdout.write(f"it crashed and was started again: {crash}\n")
                sys.stdout.flush()
                told += 1
        raise CommandError(f"{product.name} is gone", cause=watch.gone_for_good())
