"""Targets: the endpoints that are judged. Launch ours, launch others, reach the user's, refuse AWS.

`open_target` is the one way in. Everything it opens is closed when its context ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ddbproof.conformance.plan import Target

if TYPE_CHECKING:
    from ddbproof.conformance.targets.products import Product

__all__ = ["REFERENCE", "KnownTarget", "installable", "known_targets", "open_target"]

REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class KnownTarget:
    """A target that can be launched: `installed` says whether it is ready to, `place` where it lives.

    `persistent` says whether its data outlive a kill; `licence` is what its authors call theirs.
    """

    name: str
    version: str
    description: str
    licence: str
    installed: bool
    persistent: bool
    place: str | None = None


def known_targets() -> list[KnownTarget]:
    """Every target that `--target` takes, with its version and whether it is installed."""
    from importlib.metadata import version

    from ddbproof.conformance.targets.installer import home_of, is_installed
    from ddbproof.conformance.targets.products import PRODUCTS

    ours = KnownTarget(
        name=REFERENCE,
        version=version("ddbproof"),
        description="the reference endpoint of ddbproof; its clock can be moved",
        licence="Apache-2.0",
        installed=True,
        persistent=False,
    )
    others = []
    for product in PRODUCTS.values():
        installed = is_installed(product)
        others.append(
            KnownTarget(
                name=product.name,
                version=product.version,
                description=product.description,
                licence=product.licence,
                installed=installed,
                persistent=product.persistent,
                place=str(home_of(product)) if installed else None,
            )
        )
    return [ours, *others]


@contextlib.contextmanager
def open_target(
    name: str = REFERENCE,
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
        return
    product = installable(name)
    if product is None:
        from ddbproof.conformance.targets.reference import reference_target

        with reference_target(seed=seed, options=serve_options) as target:
            yield target
    else:
        from ddbproof.conformance.targets.launcher import launched_product

        with launched_product(product) as target:
            yield target


def installable(name: str) -> Product | None:
    """The product behind a target's name, None for the target that is part of ddbproof.

    Raises UnknownTargetError.
    """
    from ddbproof.conformance.targets.products import PRODUCTS, unknown_target

    if name == REFERENCE:
        return None
    if name not in PRODUCTS:
        raise unknown_target(name, {REFERENCE: None, **PRODUCTS})
    return PRODUCTS[name]
