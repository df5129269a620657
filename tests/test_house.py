"""Rules of the house that a reader cannot see by looking at one file."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS = {
    "model": "model/ddbproof/model",
    "reports": "reports/ddbproof/reports",
    "reference_impl": "reference_impl/ddbproof/reference_impl",
    "conformance": "conformance/ddbproof/conformance",
    "cli": "conformance/ddbproof/cli",
}
MAY_IMPORT = {
    "model": set[str](),
    "reports": set[str](),
    "reference_impl": {"model"},
    "conformance": {"model", "reports"},
    "cli": {"model", "reports", "reference_impl", "conformance"},
}


def modules(component: str) -> Iterator[Path]:
    return (ROOT / COMPONENTS[component]).rglob("*.py")


def imports(path: Path) -> set[str]:
    """Full names of everything of ours that a module imports, wherever in the module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith("ddbproof.")}


@pytest.mark.parametrize("component", COMPONENTS)
def test_imports_run_one_way(component: str) -> None:
    """design section 2: model <- reference_impl, model and reports <- conformance, all <- cli."""
    allowed = MAY_IMPORT[component] | {component}
    strays = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(component)
        for name in imports(path)
        if name.split(".")[1] not in allowed
    }
    assert not strays


def test_ddbproof_is_a_namespace_package() -> None:
    """One `ddbproof/__init__.py` would hide the other three roots."""
    assert not list(ROOT.glob("*/ddbproof/__init__.py"))


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_component_is_typed(component: str) -> None:
    """Users of the package get our types."""
    assert (ROOT / COMPONENTS[component] / "py.typed").exists()


@pytest.mark.parametrize("component", COMPONENTS)
def test_modules_open_with_prose_and_stay_short(component: str) -> None:
    """Modules tell one story: a docstring first, at most 500 lines."""
    for path in modules(component):
        text = path.read_text()
        assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
        assert text.count("\n") <= 500, f"{path} is too long"


def tracked_files() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_nothing_committed_names_a_registry_or_a_machine() -> None:
    """No package registry's host, no path of somebody's machine."""
    forbidden = re.compile(
        r"(?:py"
        r"pi\.org|python"
        r"hosted|registry\."
        r"npmjs|deb\."
        r"debian\.org|(?<![\w.])/(?:ro"
        r"ot|wo"
        r"rk)/)"
    )
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in forbidden.finditer(text)]
    assert not found


def test_the_lock_pins_names_versions_and_hashes_only() -> None:
    """Every requirement has one version and hashes; no address stands in the lock."""
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert requirements
    assert all(re.match(r"[a-z0-9.-]+==[^ ]+( ;.*)? \\$", line) for line in requirements)
    assert text.count("--hash=sha256:") >= len(requirements)


def test_the_lock_pins_the_build_backend_that_is_used() -> None:
    """An installation without build isolation builds with what the lock says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (backend,) = project["build-system"]["requires"]
    assert f"\n{backend} " in "\n" + (ROOT / "requirements.lock").read_text()


def test_the_readme_names_only_make_targets_that_exist() -> None:
    """Every `make something` of README and docs is a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", path.read_text(), re.MULTILINE))
        assert named <= targets, path
