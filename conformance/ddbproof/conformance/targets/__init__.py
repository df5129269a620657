"""Targets: the endpoints that are judged. Launch ours, reach the user's, refuse AWS.

`open_target` is the one way in. Everything it opens is closed when its context ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets.errors import UnknownTargetError

if TYPE_CHECKING:
    from ddbproof.conformance.targets.installer import Package

__all__ = ["KNOWN_TARGETS", "KnownTarget", "installable", "known_targets", "open_target"]

KNOWN_TARGETS = {
    "reference": "the reference endpoint of ddbproof; its clock can be moved",
    "moto": "an emulator in Python, started from an environment of its own",
}


@dataclass(frozen=True, slots=True)
class KnownTarget:
    """A target that can be launched: `installed` says whether it is ready to, `place` where it lives."""

    name: str
    version: str
    description: str
    installed: bool
    place: str | None = None


def known_targets() -> list[KnownTarget]:
    """Every target that `--target` takes, with its version and whether it is installed."""
    from importlib.metadata import version

    from ddbproof.conformance.targets.installer import MOTO, home_of, is_installed

    installed = is_installed(MOTO)
    return [
        KnownTarget("reference", version("ddbproof"), KNOWN_TARGETS["reference"], installed=True),
        KnownTarget(
            "moto", MOTO.version, KNOWN_TARGETS["moto"], installed, str(home_of(MOTO)) if installed else None
        ),
    ]


@contextlib.contextmanager
def open_target(
    name: str = "reference",
    *,
    endpoints: Sequence[str] = (),
    profile: str | None = None,
    seed: int = 0,
    serve_options: Sequence[str] = (),
) -> Iterator[Target]:
    """The target to judge: launched by `name`, or reached at `endpoints` ([REGION=]URL) where there are any.

    `profile` names the AWS profile to sign with; `seed` and `serve_options` go to the reference endpoint.
    Raises a TargetError before anything is launched if what is asked cannot be.
    """
    if endpoints:
        from ddbproof.conformance.targets.endpoint import named_target

        yield named_target(endpoints, profile)
    elif name == "reference":
        from ddbproof.conformance.targets.reference import reference_target

        with reference_target(seed=seed, options=serve_options) as target:
            yield target
    elif name == "moto":
        from ddbproof.conformance.targets.moto import moto_target

        with moto_target() as target:
            yield target
    else:
        raise _unknown(name)


def installable(name: str) -> Package | None:
    """The package behind a target's name, None for a target that is part of ddbproof."""
    from ddbproof.conformance.targets.installer import MOTO

    if name not in KNOWN_TARGETS:
        raise _unknown(name)
    return MOTO if name == "moto" else None


def _unknown(name: str) -> UnknownTargetError:
    near = get_close_matches(name, KNOWN_TARGETS, n=1)
    return UnknownTargetError(
        f"There is no target {name!r}",
        cause="Known targets: " + ", ".join(KNOWN_TARGETS),
        hint=f"Did you mean {near[0]}?" if near else "For an endpoint that runs already: --endpoint URL",
    )
