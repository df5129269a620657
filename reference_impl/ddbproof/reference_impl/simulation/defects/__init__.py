"""Planted defects: ways in which the cluster's code could be wrong, each of which the simulation has to find.

    base      how a defect is planted, and taken out again
    offices   defects of leases and elections
    logs      defects of what is stored, acknowledged and committed
    answers   defects of what clients are answered
    groups    defects of splits, members and healing
    merges    defects of merges
    hunt      how many seeds it takes to find each

`python -m ddbproof.reference_impl.simulation.defects` makes the table of the last.
"""

from ddbproof.reference_impl.simulation.defects import answers, groups, logs, merges, offices
from ddbproof.reference_impl.simulation.defects.base import DEFECTS, Defect, planted

__all__ = ["DEFECTS", "Defect", "answers", "groups", "logs", "merges", "offices", "planted"]
