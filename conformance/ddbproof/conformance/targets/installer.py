"""Targets that live in a virtual environment of their own, in a cache directory.

What is installed is pinned and hashed in a lock file that ships with us; it is fetched as wheels only, so no
package runs a script while it is installed. The environment is built under another name and renamed when it
is whole: an interrupted installation leaves nothing that looks installed.

The cache is `$DDBPROOF_CACHE`, else `$XDG_CACHE_HOME/ddbproof`, else `~/.cache/ddbproof`.
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
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ddbproof.conformance.targets.errors import InstallError, NotInstalledError

_MARKER = "ddbproof-target.json"
INSTALL_TIMEOUT_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Package:
    """An installable target: `name` and `version` as shown, `lock` the name of its lock file beside us,
    `licence` as its authors name it."""

    name: str
    version: str
    lock: str
    licence: str

    @property
    def lock_text(self) -> str:
        """The lock file's content."""
        return files("ddbproof.conformance.targets").joinpath(self.lock).read_text("utf-8")

    @property
    def digest(self) -> str:
        """What tells one lock file from another."""
        return hashlib.sha256(self.lock_text.encode()).hexdigest()


MOTO = Package(name="moto", version="5.2.5", lock="moto.lock", licence="Apache-2.0")


def cache_directory(environment: Mapping[str, str] | None = None) -> Path:
    """Where installed targets live; need not exist yet."""
    variables = os.environ if environment is None else environment
    if variables.get("DDBPROOF_CACHE"):
        return Path(variables["DDBPROOF_CACHE"]).expanduser().absolute()
    base = variables.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "ddbproof"


def home_of(package: Package) -> Path:
    """The directory of the package's environment."""
    return cache_directory() / "targets" / f"{package.name}-{package.version}"


def is_installed(package: Package) -> bool:
    """Whether exactly what our lock file says is installed, for the Python that runs us."""
    home = home_of(package)
    try:
        marker = json.loads((home / _MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool(marker == _marker(package)) and _python(home).exists()


def python_of(package: Package) -> Path:
    """The Python of the package's environment; NotInstalledError if there is none."""
    if not is_installed(package):
        raise NotInstalledError(
            f"{package.name} is not installed",
            cause=f"Nothing whole is at {home_of(package)}",
            hint=f"ddbproof targets install {package.name}",
        )
    return _python(home_of(package))


def install(package: Package, *, timeout_seconds: float = INSTALL_TIMEOUT_SECONDS) -> Path:
    """Install the package unless it is; its directory. Bounded by `timeout_seconds`.

    Raises InstallError with pip's last lines; nothing is left behind then.
    """
    home = home_of(package)
    if is_installed(package):
        return home
    deadline = time.monotonic() + timeout_seconds
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{home.name}-", dir=home.parent))
    except OSError as error:
        raise InstallError(
            f"{package.name} cannot be installed",
            cause=str(error),
            hint="Set DDBPROOF_CACHE to a directory that can be written",
        ) from error
    try:
        _build(package, building, deadline)
        _put_in_place(package, building, home)
    except OSError as error:
        raise InstallError(f"{package.name} cannot be installed", cause=str(error)) from error
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return home


def _build(package: Package, building: Path, deadline: float) -> None:
    lock = building / package.lock
    lock.write_text(package.lock_text, "utf-8")
    _run(package, [sys.executable, "-m", "venv", str(building)], deadline)
    pip = [str(_python(building)), "-m", "pip", "install", "--quiet", "--no-input", "--no-deps"]
    pip += ["--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    _run(package, [*pip, "--requirement", str(lock)], deadline)
    (building / _MARKER).write_text(json.dumps(_marker(package)), "utf-8")


def _put_in_place(package: Package, building: Path, home: Path) -> None:
    """Rename, which either happens or does not; an environment of an older lock file makes way first."""
    building.chmod(0o755)
    if home.exists():
        if is_installed(package):  # somebody else was faster
            return
        old = Path(tempfile.mkdtemp(prefix=f".{home.name}-old-", dir=home.parent))
        home.replace(old)
        shutil.rmtree(old, ignore_errors=True)
    building.replace(home)


def _run(package: Package, arguments: Sequence[str], deadline: float) -> None:
    """Run a command with its own process group, so that a time-out ends its children too."""
    with subprocess.Popen(  # noqa: S603 (our own command, no shell)
        list(arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            _kill_group(process)
            raise InstallError(
                f"Installing {package.name} took too long",
                hint="Try again when the package index answers faster",
            ) from error
        except BaseException:
            _kill_group(process)
            raise
    if process.returncode != 0:
        lines = output.decode("utf-8", "replace").strip().splitlines()
        raise InstallError(
            f"{package.name} cannot be installed",
            cause="\n".join(lines[-4:]) or f"exit code {process.returncode}",
            hint="Check the network and pip's configuration, then try again",
        )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and its children: the group is its own, it was started as the leader of a session."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:  # pragma: no cover (Windows)
        process.kill()
    process.wait()


def _marker(package: Package) -> dict[str, str]:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"name": package.name, "version": package.version, "lock": package.digest, "python": python}


def _python(home: Path) -> Path:
    return home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
