"""Installing a target: pinned, all or nothing, bounded; without any network."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import sys
import tarfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ddbproof.conformance.targets import installable, installer, known_targets, open_target
from ddbproof.conformance.targets.errors import InstallError, NotInstalledError
from ddbproof.conformance.targets.products import PRODUCTS, NpmSource, PipSource, Product, TarballSource
from ddbproof.conformance.targets.unpack import unpack

MOTO = PRODUCTS["moto"]
PIP = [product for product in PRODUCTS.values() if isinstance(product.source, PipSource)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory of the test's own."""
    monkeypatch.setenv("DDBPROOF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pretend(monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
    """Make an environment by touching a file; `fails` in the second step."""

    def run(_: Product, arguments: Sequence[str], __: float, directory: Path | None = None) -> None:
        if "venv" in arguments:
            python = installer._python(Path(arguments[-1]))
            python.parent.mkdir(parents=True)
            python.touch()
        elif fails:
            raise InstallError("moto cannot be installed", cause="the index hung up")

    monkeypatch.setattr(installer, "_run", run)


# -- what is pinned -----------------------------------------------------------------------------------


@pytest.mark.parametrize("product", PIP, ids=lambda product: product.name)
def test_a_lock_file_pins_and_hashes_everything(product: Product) -> None:
    """Each requirement has one version and a hash, and there is no address in the file."""
    assert isinstance(product.source, PipSource)
    text = product.source.lock_text
    assert f"{product.name}=={product.version} " in text
    requirements = [block for block in re.split(r"\n(?=\S)", text.strip()) if block]
    assert len(requirements) > 10
    assert [block for block in requirements if not re.match(r"[\w.-]+==\S+", block)] == []
    assert [block for block in requirements if "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_the_npm_lock_file_pins_and_hashes_everything() -> None:
    """Every package has a version and a SHA-512, none an address."""
    source = PRODUCTS["dynalite"].source
    assert isinstance(source, NpmSource)
    packages = {name: one for name, one in json.loads(source.lock_text)["packages"].items() if name}
    assert packages["node_modules/dynalite"]["version"] == PRODUCTS["dynalite"].version
    assert all(one["version"] and one["integrity"].startswith("sha512-") for one in packages.values())
    assert not any("resolved" in one for one in packages.values())
    assert "://" not in source.lock_text


def test_a_product_that_is_not_open_source_says_so() -> None:
    """Everything else names a licence that is."""
    assert [product.name for product in PRODUCTS.values() if not product.open_source] == ["dynamodb-local"]
    assert all(product.licence for product in PRODUCTS.values())


# -- wheels -------------------------------------------------------------------------------------------


def test_an_installed_target_is_whole_and_in_place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the installation only the target's directory is there, under its version."""
    pretend(monkeypatch)
    assert not installer.is_installed(MOTO)
    home = installer.install(MOTO)
    assert installer.is_installed(MOTO)
    assert [entry.name for entry in (cache / "targets").iterdir()] == [f"moto-{MOTO.version}"]
    assert installer.installed_home(MOTO) == home
    assert next(target for target in known_targets() if target.name == "moto").installed


def test_a_failed_installation_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing half installed, and nothing that looks installed."""
    pretend(monkeypatch, fails=True)
    with pytest.raises(InstallError) as raised:
        installer.install(MOTO)
    assert raised.value.cause == "the index hung up"
    assert list((cache / "targets").iterdir()) == []
    assert not installer.is_installed(MOTO)


def test_another_lock_file_is_another_installation(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was installed from other pins does not count, and is replaced."""
    pretend(monkeypatch)
    home = installer.install(MOTO)
    (home / installer._MARKER).write_text("{}")
    assert not installer.is_installed(MOTO)
    assert installer.install(MOTO) == home
    assert installer.is_installed(MOTO)
    assert len(list((cache / "targets").iterdir())) == 1


# -- tarballs -----------------------------------------------------------------------------------------


def tarball(*members: tarfile.TarInfo, content: bytes = b"#!/bin/sh\n") -> bytes:
    """A gzipped tarball of these members; files hold `content`."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for member in members:
            member.size = len(content) if member.isfile() else 0
            archive.addfile(member, io.BytesIO(content) if member.isfile() else None)
    return made.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", mode: int = 0o755) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


def packed(monkeypatch: pytest.MonkeyPatch, content: bytes, *, integrity: str | None = None) -> Product:
    """A product whose tarball npm would fetch with that content."""
    digest = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()

    def run(_: Product, arguments: Sequence[str], __: float, directory: Path | None = None) -> None:
        assert "--ignore-scripts" in arguments
        assert directory is not None
        (directory / "product-1.0.tgz").write_bytes(content)

    monkeypatch.setattr(installer, "_run", run)
    source = TarballSource("product", "1.0", integrity or digest)
    return replace(PRODUCTS["dynoxide"], name="product", version="1.0", source=source)


def test_a_tarball_with_the_right_hash_is_unpacked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs stay programs, and the tarball itself is gone."""
    product = packed(monkeypatch, tarball(member("package/program")))
    home = installer.install(product)
    assert (home / "package" / "program").stat().st_mode & 0o100
    assert list(home.glob("*.tgz")) == []
    assert installer.is_installed(product)


def test_a_tarball_with_another_hash_is_not_used(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it is unpacked, and nothing is left."""
    product = packed(monkeypatch, tarball(member("package/program")), integrity="sha512-AAAA")
    with pytest.raises(InstallError, match="not what it should be"):
        installer.install(product)
    assert list((cache / "targets").iterdir()) == []


@pytest.mark.parametrize(
    "evil",
    [
        member("../outside"),
        member("package/../../outside"),
        member("package/link", tarfile.SYMTYPE, link="/etc/passwd"),
        member("package/hard", tarfile.LNKTYPE, link="../outside"),
        member("package/device", tarfile.CHRTYPE),
        member("package/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda one: one.name,
)
def test_a_tarball_that_reaches_elsewhere_is_refused(
    evil: tarfile.TarInfo, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whatever its hash: no path out, no link, no device."""
    product = packed(monkeypatch, tarball(evil))
    with pytest.raises(InstallError, match="refused"):
        installer.install(product)
    assert list((cache / "targets").iterdir()) == []
    assert not (tmp_path / "outside").exists()


def test_an_absolute_path_is_taken_as_a_relative_one(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot lead elsewhere."""
    home = installer.install(packed(monkeypatch, tarball(member("/absolute"))))
    assert (home / "absolute").exists()
    assert not Path("/absolute").exists()


def test_a_file_that_is_no_tarball_is_refused(tmp_path: Path) -> None:
    """With a sentence."""
    (tmp_path / "it.tgz").write_bytes(b"<html>no such package</html>")
    with pytest.raises(InstallError, match="refused"):
        unpack("it", tmp_path / "it.tgz", tmp_path)


# -- trouble ------------------------------------------------------------------------------------------


def test_a_command_that_fails_is_told_by_its_last_lines() -> None:
    """pip's own words are the cause."""
    command = [sys.executable, "-c", "print('reading'); raise SystemExit('no such thing')"]
    with pytest.raises(InstallError) as raised:
        installer._run(MOTO, command, deadline=time.monotonic() + 60)
    assert "no such thing" in str(raised.value.cause)


def test_a_command_that_is_not_there_points_to_the_doctor() -> None:
    """npm, say."""
    with pytest.raises(InstallError) as raised:
        installer._run(MOTO, ["no-such-npm"], deadline=time.monotonic() + 60)
    assert raised.value.hint == "ddbproof targets doctor"


def test_a_command_that_hangs_is_ended() -> None:
    """An installation is bounded."""
    with pytest.raises(InstallError, match="too long"):
        installer._run(MOTO, [sys.executable, "-c", "import time; time.sleep(60)"], deadline=0.0)


@pytest.mark.parametrize("name", PRODUCTS)
def test_launching_what_is_not_installed_says_how_to(name: str) -> None:
    """The hint is the command."""
    with pytest.raises(NotInstalledError) as raised, open_target(name):
        pass
    assert raised.value.hint == f"ddbproof targets install {name}"
    assert raised.value.exit_code == 2


def test_the_reference_endpoint_needs_no_installation() -> None:
    """It is part of ddbproof."""
    assert installable("reference") is None


def test_a_cache_that_cannot_be_written_is_said(cache: Path) -> None:
    """A file in the way is told before anything is fetched."""
    cache.write_text("in the way")
    with pytest.raises(InstallError) as raised:
        installer.install(MOTO)
    assert "DDBPROOF_CACHE" in str(raised.value.hint)
