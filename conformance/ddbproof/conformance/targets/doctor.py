"""What this machine lacks for the targets that can be launched: one line each, with what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ddbproof.conformance.targets.installer import cache_directory, is_installed
from ddbproof.conformance.targets.products import Product

_OLDEST_JAVA = 17
_HINTS = {
    "java": f"Install a Java runtime, {_OLDEST_JAVA} or newer",
    "node": "Install Node.js",
    "npm": "Install npm",
}
_VERSION_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How it stands with one target: `ready`, `can be installed`, or what is missing and what to do."""

    name: str
    state: str
    problems: tuple[tuple[str, str], ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether it can be launched now or after an installation."""
        return not self.problems


def diagnose(product: Product) -> Diagnosis:
    """Look at what the product needs."""
    problems: list[tuple[str, str]] = []
    machine = f"{sys.platform}-{platform.machine()}"
    if product.platform is not None and product.platform != machine:
        problems.append(
            (f"it runs on {product.platform}, this is {machine}", "Judge it from another machine")
        )
    for command in product.needs:
        if shutil.which(command) is None or not _works(command):
            problems.append((f"there is no {command}", _HINTS[command]))
        elif command == "java" and (found := _java_version()) is not None and found < _OLDEST_JAVA:
            problems.append((f"java is {found}", _HINTS[command]))
    installed = is_installed(product)
    if not installed and (place := _not_writable()) is not None:
        problems.append((f"{place} cannot be written", "Set DDBPROOF_CACHE to a directory that can be"))
    if problems:
        return Diagnosis(product.name, "missing", tuple(problems))
    return Diagnosis(product.name, "ready" if installed else "can be installed")


def _works(command: str) -> bool:
    """Whether the command can be run: a shim of a version manager may stand for nothing."""
    return _output(command, "-version" if command == "java" else "--version") is not None


def _java_version() -> int | None:
    """The first number of `java -version`, 1.8 being 8; None if it cannot be read."""
    output = _output("java", "-version") or ""
    quoted = output.partition('"')[2].partition('"')[0].split(".")
    number = quoted[1] if quoted[0] == "1" and len(quoted) > 1 else quoted[0]
    return int(number) if number.isdigit() else None


def _output(*arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 (a known command, no shell)
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_VERSION_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _not_writable() -> Path | None:
    """The part of the cache's path that is there and cannot be written, if so."""
    place = cache_directory()
    while not place.exists():
        place = place.parent
    return None if place.is_dir() and os.access(place, os.W_OK | os.X_OK) else place
