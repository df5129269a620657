"""Results of `ddbproof prove`, to stand in a report beside the claims they are about.

A report says which proofs there are; with a file of `ddbproof prove --json` it also says that they were
carried out, on these very sources, and what they assume. A file about other sources is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from ddbproof.conformance.errors import ProofsError
from ddbproof.model.engine.results import SCHEMA, Results, sources_digest
from ddbproof.reports.schema import ProofRecord

_AGAIN = "ddbproof prove --json FILE makes it anew"


def load_proofs(path: Path) -> Mapping[str, ProofRecord]:
    """What came of each promise, by its place in the code. Raises ProofsError for a file that is none, or old."""
    try:
        results = msgspec.json.decode(path.read_bytes(), type=Results)
    except OSError as error:
        raise ProofsError(f"{path} cannot be read", cause=str(error), hint=_AGAIN) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProofsError(f"{path} holds no results of proofs", cause=str(error), hint=_AGAIN) from error
    if results.schema != SCHEMA:
        raise ProofsError(
            f"{path} is written as {results.schema}", cause=f"This ddbproof reads {SCHEMA}", hint=_AGAIN
        )
    if results.sources != sources_digest():
        raise ProofsError(
            f"{path} is about other sources than these",
            cause="Engine, kernels or systems have changed since",
            hint=_AGAIN,
        )
    return {
        promise.where: ProofRecord(
            promise.sentence, f"{system.in_words}, {results.solver}", list(system.scope)
        )
        for system in results.systems
        for promise in system.promises
    }
