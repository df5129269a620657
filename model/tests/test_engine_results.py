"""Results of proving: they claim no more than was done, and say what they are about."""

from __future__ import annotations

import msgspec
import pytest

from ddbproof.model.engine import campaign
from ddbproof.model.engine.prove import Outcome, Verdict
from ddbproof.model.engine.results import Results, SystemResult, sources_digest, summed_up


def results(verdict: Verdict, *, fast: bool = False) -> SystemResult:
    """Of the system `eventual`, whose first obligation came out so and all others were proved."""
    planned = campaign.plan(["eventual"], fast=fast)
    outcomes = [
        Outcome(one, Verdict.PROVED if number else verdict, 1, 0, 0.5)
        for number, one in enumerate(planned.obligations)
    ]
    made = summed_up([campaign.load("eventual")], outcomes, planned.left_out, 1.0)
    read = msgspec.json.decode(msgspec.json.encode(made), type=Results)
    assert read == made
    return read.systems[0]


def test_a_system_whose_every_obligation_is_proved() -> None:
    """It says for how many steps, and of how many obligations; each promise has its place and claims."""
    one = results(Verdict.PROVED)
    assert one.in_words == f"proved for any number of steps: {one.obligations} obligations"
    assert one.seconds == one.obligations / 2
    promise = next(it for it in one.promises if it.where.endswith("::SAFE_latest_delivered_survives"))
    assert promise.claims == ("ME-02", "ME-04", "ME-18")
    assert promise.sentence.startswith("A Region holds the latest")
    assert any(line.startswith("scope: ") for line in one.scope)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.COUNTEREXAMPLE])
def test_one_failure_spoils_every_promise_of_its_system(verdict: Verdict) -> None:
    """`unknown` is one too."""
    assert results(verdict).in_words.startswith("NOT proved: 1 of ")


def test_what_was_left_out_is_said() -> None:
    """By the fast tier."""
    assert results(Verdict.PROVED, fast=True).in_words.startswith("proved but for 1 of ")


def test_the_digest_is_of_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of engine, kernels and systems; with one of them missing it is another."""
    everything = sources_digest()
    monkeypatch.setattr("ddbproof.model.kernel.__path__", [])
    assert sources_digest() != everything
