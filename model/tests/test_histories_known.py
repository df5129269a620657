"""Histories whose verdicts were written down beforehand, in the files themselves.

In model/tests/histories: `about` tells the story, `verdicts` says by model what is expected of each promise: ok, unknown,
`violation`, or `violation: NAME`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ddbproof.model.histories import formats
from ddbproof.model.histories.checking import judge
from ddbproof.model.histories.operations import History, Ok, Unknown, Verdict, Violation

FILES = sorted((Path(__file__).parent / "histories").iterdir(), key=lambda path: path.name)


def stated(path: Path) -> dict[str, Any]:
    """What the file says of itself."""
    text = path.read_text()
    if path.suffix == ".edn":
        lines = [line[1:].split(":", 1) for line in text.splitlines() if line.startswith("; ")]
        fields = {name.strip(): words.strip() for name, words in lines}
        return {"about": fields["about"], "verdicts": json.loads(fields["verdicts"])}
    document: dict[str, Any] = json.loads(text if path.suffix == ".json" else text.splitlines()[0])
    return document


def agrees(verdict: Verdict, words: str) -> bool:
    if words.startswith("violation"):
        return isinstance(verdict, Violation) and words in ("violation", f"violation: {verdict.anomaly}")
    return isinstance(verdict, Ok if words == "ok" else Unknown)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_known_histories_have_the_verdicts_they_state(path: Path) -> None:
    """Every model the file names, every promise; and every violation is told in less than a screen."""
    history = formats.read(path)
    for model, promises in stated(path)["verdicts"].items():
        judged = judge(history, model)
        assert judged.promises.keys() == promises.keys()
        for promise, words in promises.items():
            verdict = judged.promises[promise]
            assert agrees(verdict, words), f"{model}, {promise}: {verdict}"
            if isinstance(verdict, Violation):
                assert verdict.told().startswith("Let:")
                assert len(verdict.told().splitlines()) <= 20


def test_there_are_enough_of_them() -> None:
    """Valid and anomalous ones, ambiguous operations, all formats."""
    texts = [json.dumps(stated(path)["verdicts"]) for path in FILES]
    assert len(FILES) >= 20
    assert sum("violation" in text for text in texts) >= 10
    assert sum("violation" not in text for text in texts) >= 10
    histories = [formats.read(path) for path in FILES]
    assert sum(is_ambiguous(history) for history in histories) >= 10
    assert {path.suffix for path in FILES} == {".jsonl", ".edn", ".json"}


def is_ambiguous(history: History) -> bool:
    return any(one.outcome == "info" for one in history.operations) or any(
        one.outcome == "info" for one in history.transactions
    )
