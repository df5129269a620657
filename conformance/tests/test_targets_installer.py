"""Installing a target: pinned, all or nothing, bounded; without any network."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ddbproof.conformance.targets import installer, known_targets, open_target
from ddbproof.conformance.targets.errors import InstallError, NotInstalledError
from ddbproof.conformance.targets.installer import MOTO


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache directory of the test's own."""
    monkeypatch.setenv("DDBPROOF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pretend(monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
    """Make an environment by touching a file; `fails` in the second step."""

    def run(_: installer.Package, arguments: Sequence[str], __: float) -> None:
        if "venv" in arguments:
            python = installer._python(Path(arguments[-1]))
            python.parent.mkdir(parents=True)
            python.touch()
        elif fails:
            raise InstallError("moto cannot be installed", cause="the index hung up")

    monkeypatch.setattr(installer, "_run", run)


def test_the_lock_file_pins_and_hashes_everything() -> None:
    """Each requirement has one version and a hash, and there is no address in the file."""
    text = MOTO.lock_text
    assert f"moto=={MOTO.version} " in text
    requirements = [block for block in re.split(r"\n(?=\S)", text.strip()) if block]
    assert len(requirements) > 20
    assert [block for block in requirements if not re.match(r"[\w.-]+==\S+", block)] == []
    assert [block for block in requirements if "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_an_installed_target_is_whole_and_in_place(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the installation only the target's directory is there, under its version."""
    pretend(monkeypatch)
    assert not installer.is_installed(MOTO)
    home = installer.install(MOTO)
    assert installer.is_installed(MOTO)
    assert [entry.name for entry in (cache / "targets").iterdir()] == [f"moto-{MOTO.version}"]
    assert installer.python_of(MOTO).is_relative_to(home)
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


def test_a_command_that_fails_is_told_by_its_last_lines() -> None:
    """pip's own words are the cause."""
    command = [sys.executable, "-c", "print('reading'); raise SystemExit('no such thing')"]
    with pytest.raises(InstallError) as raised:
        installer._run(MOTO, command, deadline=time.monotonic() + 60)
    assert "no such thing" in str(raised.value.cause)


def test_a_command_that_hangs_is_ended() -> None:
    """An installation is bounded."""
    with pytest.raises(InstallError, match="too long"):
        installer._run(MOTO, [sys.executable, "-c", "import time; time.sleep(60)"], deadline=0.0)


def test_launching_what_is_not_installed_says_how_to() -> None:
    """The hint is the command."""
    with pytest.raises(NotInstalledError) as raised, open_target("moto"):
        pass
    assert raised.value.hint == "ddbproof targets install moto"
    assert raised.value.exit_code == 2


def test_a_cache_that_cannot_be_written_is_said(cache: Path) -> None:
    """A file in the way is told before anything is fetched."""
    cache.write_text("in the way")
    with pytest.raises(InstallError) as raised:
        installer.install(MOTO)
    assert "DDBPROOF_CACHE" in str(raised.value.hint)
