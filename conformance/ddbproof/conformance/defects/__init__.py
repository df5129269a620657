"""Planted defects: relays that break any endpoint in a known way, to see the suite catch it."""

from __future__ import annotations

from ddbproof.conformance.defects.catalogue import DEFECTS, HARMLESS, defect_named, plant

__all__ = ["DEFECTS", "HARMLESS", "defect_named", "plant"]
