"""What a conformance test works with: claims, Regions, tables, the endpoint's clock, verdicts.

A test takes fixtures by name (`here`, `elsewhere`, `third`, `clock`, `seen`; see `fixtures`) and says what
it found by `assert`, or by raising one of the outcomes below.
"""

from ddbproof.conformance.kit.claim import claim, is_consistency_test
from ddbproof.conformance.kit.outcomes import Inconclusive, NotTestableHere, Outcome, Unsupported, Violation
from ddbproof.conformance.kit.polling import until
from ddbproof.conformance.kit.refusals import refused

__all__ = [
    "Inconclusive",
    "NotTestableHere",
    "Outcome",
    "Unsupported",
    "Violation",
    "claim",
    "is_consistency_test",
    "refused",
    "until",
]
