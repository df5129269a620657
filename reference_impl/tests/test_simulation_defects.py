"""The simulation finds what is planted, leaves nothing of it behind, and finds nothing where nothing is planted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ddbproof.reference_impl.errors import InvariantError
from ddbproof.reference_impl.simulation.defects import DEFECTS, planted
from ddbproof.reference_impl.simulation.defects.base import home
from ddbproof.reference_impl.simulation.defects.hunt import MOST_SEEDS, hunt, shown_by

TABLE = Path(__file__).parents[2] / "docs" / "simulation-defects-table.md"
QUICK = (
    "acknowledged-at-one",
    "answered-requests-forgotten",
    "condition-on-committed",
    "middle-key-dropped",
    "closed-partition-read",
    "merged-opens-with-one",
    "snapshot-wipes-the-other-source",
)


def recorded() -> dict[str, int]:
    """How many seeds each defect needs, by the table."""
    rows = [line.split("|") for line in TABLE.read_text(encoding="utf-8").splitlines()]
    return {row[1].strip(): int(row[3]) for row in rows if len(row) == 6 and row[3].strip().isdigit()}


def replaced(name: str) -> list[Any]:
    """What stands in the cluster's code now where a defect would be planted."""
    return [
        owner[key] if isinstance(owner, dict) else vars(home(owner, key))[key]
        for owner, key, _ in DEFECTS[name].replacements
    ]


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_planted_for_its_block_and_leaves_nothing_behind(name: str) -> None:
    """Neither after its end nor after an exception."""
    before = replaced(name)
    with planted(name):
        assert all(new is not old for new, old in zip(replaced(name), before, strict=True))
    assert replaced(name) == before
    with pytest.raises(ZeroDivisionError), planted(name):
        raise ZeroDivisionError
    assert replaced(name) == before


def test_only_one_defect_is_planted_at_a_time() -> None:
    """Two would not say which of them was found; and the first is gone in the end."""
    before = replaced(QUICK[0])
    with planted(QUICK[0]), pytest.raises(InvariantError), planted(QUICK[1]):
        pass
    assert replaced(QUICK[0]) == before
    with pytest.raises(InvariantError), planted("no-such-defect"):
        pass


def test_every_defect_says_what_it_does_wrong_and_stands_in_the_table() -> None:
    """At least eighteen, each with a sentence, and all of them found."""
    assert len(DEFECTS) >= 18
    assert all(defect.sentence.endswith(".") for defect in DEFECTS.values())
    assert recorded().keys() == DEFECTS.keys()
    assert max(recorded().values()) <= MOST_SEEDS


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_defect_is_found_in_as_many_seeds_as_recorded(name: str) -> None:
    """Or in fewer, if the checks have become sharper."""
    assert hunt(name, recorded()[name]).seed is not None


def test_the_seeds_that_show_quick_defects_show_nothing_without_them() -> None:
    """What is found is the defect's doing."""
    for seed in sorted({recorded()[name] - 1 for name in QUICK}):
        assert shown_by(seed) == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFECTS)
def test_every_defect_is_found_in_as_many_seeds_as_recorded(name: str) -> None:
    """Each of them, in as many runs as the table says, or fewer."""
    assert hunt(name, recorded()[name]).seed is not None


@pytest.mark.slow
def test_the_seeds_that_show_defects_show_nothing_without_them() -> None:
    """All seeds up to the last one that a defect needs."""
    for seed in range(max(recorded().values())):
        assert shown_by(seed) == ""
