"""Requests that the documentation says must be refused, and with which error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.kit.outcomes import Violation, describe, is_refusal_of_the_feature


def refused(call: Callable[..., Any], *codes: str, what: str, **arguments: Any) -> str:
    """Calls, and asserts that it is refused with one of `codes`; returns the code.

    `what` completes the sentence "... was accepted". A success is a violation, and so is another error,
    unless it says that the operation is not offered at all.
    """
    try:
        call(**arguments)
    except ClientError as error:
        code: str = error.response.get("Error", {}).get("Code", "")
        if code in codes:
            return code
        if is_refusal_of_the_feature(error):
            raise
        raise Violation(f"{what} must be refused with {' or '.join(codes)}, but {describe(error)}") from error
    raise Violation(f"{what} was accepted; it must be refused with {' or '.join(codes)}")
