"""How a kernel function refuses a step.

There is one way: it raises NotAllowed, and nothing has changed. The endpoint turns that into the API's own
error or waits; a proof takes the step as one that cannot happen; a replay of a recorded run calls it a
violation.
"""

from __future__ import annotations


class NotAllowed(Exception):
    """The protocol does not allow this step in this state."""


def require(condition: bool) -> None:
    """Go on only if the condition holds. Raises NotAllowed."""
    if not condition:
        raise NotAllowed
