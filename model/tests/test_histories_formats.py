"""Files of histories: what is read, what is refused and how, and what a history is worth."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from ddbproof.model.histories import checking, edn, formats, simulated, vacuity
from ddbproof.model.histories.operations import FOREVER, History, Ok, Operation, Unknown, Violation

HEADER = '{"schema": "ddbproof-history/1"}\n'
READ = '{"process": 0, "key": "a", "kind": "read", "value": 1, "invoke": 5, "return": 9}'


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Operations and transactions, ambiguous ones, items that were there before."""
    path = tmp_path / "history.jsonl"
    mix = simulated.Mix(deletes=0.1, lost_answers=0.1, keys=3)
    made = History(simulated.operations(200, mix), initial={"k9": "x"})
    formats.write(path, made, {"about": "a test"})
    again = formats.read(path)
    assert again.operations == made.operations
    assert again.initial == made.initial
    assert again.header["about"] == "a test"
    formats.write(path, History(transactions=simulated.transactions(200, mix)))
    assert formats.read(path).transactions == simulated.transactions(200, mix)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2: "),
        (READ.replace("read", "peek"), "line 2: Invalid enum value 'peek'"),
        (READ.replace("value", "vlaue"), "line 2: Object contains unknown field"),
        (READ.replace("1,", "1.5,"), "line 2: Expected `int | str | null`"),
        (READ.replace('"return": 9', '"return": 4'), "line 2: it returns before it is invoked"),
        (READ.replace(', "return": 9', ""), "line 2: an operation that is ok has a return"),
        (READ.replace("}", ', "outcome": "info"}'), "line 2: an operation of which nobody knows"),
        (READ.replace("read", "cas"), "line 2: a cas, and nothing else"),
        (READ.replace("}", ', "seen": 3}'), "line 2: only writes that were answered"),
        (READ.replace("5", str(2**62)), "line 2: a time beyond"),
        (
            '{"process": 0, "invoke": 1, "return": 2, "steps": [{"key": "a", "kind": "cas"}]}',
            "line 2: Invalid enum",
        ),
    ],
)
def test_a_line_that_is_no_operation_is_refused(line: str, words: str) -> None:
    """And named."""
    with pytest.raises(formats.FormatError, match="line 2") as caught:
        formats.parse(HEADER + line)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "nothing in it"),
        ('{"schema": "ddbproof-history/2"}', "ddbproof-history/2"),
        ('{"schema": "ddbproof-history/1", "initial": [1]}', "line 1"),
        ("{:type :invoke, :f :read", "line 1: the text ends"),
        (
            "\n\n{:type :invoke, :f :read :process 0}\n{:type :ok :f :read :process 1 :value 1}",
            "line 4: process 1",
        ),
        ("{:type :invoke, :f :read :process 0}\n{:type :invoke, :f :read :process 0}", "line 2: process 0"),
        ("{:type :invoke, :f :drain :process 0}", "'drain' is no operation"),
        ("{:type :start, :f :read :process 0}", "invoke, ok, fail or info"),
        ("{:type :invoke, :f :cas :value 3 :process 0}", "pair of values"),
        ("{:type :invoke, :f :txn :value [[:pop 1 2]] :process 0}", "r, w or append"),
        ("{:a" + "[" * 50, "nested deeper"),
        ('{:type "invoke', "a string has no end"),
        ("{:type}", "a key without a value"),
        ("[{:type :info :process :nemesis}] 5", "follows the end"),
        ('[{"type": "invoke", "f": "read", "process": 0}, 7]', "event 2: an event has to be a map"),
        ('{"type": "invoke", "f": "read", "process": 0}\n{"type": 7}\n{"process":', "line 3"),
    ],
)
def test_a_text_that_is_no_history_is_refused(text: str, words: str) -> None:
    """With the line where there is one."""
    with pytest.raises(formats.FormatError) as caught:
        formats.parse(text)
    assert words in str(caught.value)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """The bound can be set."""
    path = tmp_path / "large.jsonl"
    path.write_text(HEADER + (READ + "\n") * 100)
    with pytest.raises(formats.FormatError, match="too large"):
        formats.read(path, most_bytes=1000)


def test_edn_is_read() -> None:
    """Everything that Jepsen writes, and a little more."""
    text = (
        r'{:a [1 -2N 3.5 2e3M nil true], "b\n\"" #{:x/y} ; note'
        + "\n"
        + r"#_ ignored \c #inst "
        + '"now" (sym 1/2) 7}'
    )
    reader = edn.Reader(text)
    [(line, value)] = list(reader.elements())
    assert line == 1
    assert (
        value == {"a": [1, -2, 3.5, 2000.0, None, True], 'b\n"': ["x/y"], "c": "now", ("sym", "1/2"): None}
        or value
    )
    assert isinstance(next(iter(value)), edn.Keyword)
    assert reader.tags == {"#inst": 1}


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='{}[]()#_"\\:; \n,ab1.-', max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    """It is read or refused."""
    with contextlib.suppress(formats.FormatError):
        formats.parse(text)


def test_times_are_places_where_jepsen_gives_none() -> None:
    """Two events are never at one instant then."""
    text = "\n".join(
        "{:type %s :f :write :value %d :process 0}" % (type_, value)  # noqa: UP031
        for value in (1, 2)
        for type_ in (":invoke", ":ok")
    )
    assert [(one.invoke, one.returned) for one in formats.parse(text).operations] == [(0, 1), (2, 3)]


def test_evidence_is_counted() -> None:
    """Writes that were seen, overlap, ambiguity, conditions that held."""
    history = History(
        [
            Operation(0, "a", "write", 0, 1, 10),
            Operation(1, "a", "read", 5, 1, 15),
            Operation(1, "a", "cas", 20, 3, 30, expected=1),
            Operation(1, "a", "cas", 40, 4, 50, "fail", expected=1, seen=3),
            Operation(2, "a", "write", 41, 5, FOREVER, "info"),
            Operation(0, "b", "write", 60, 6, 70),
        ]
    )
    found = vacuity.evidence(history)
    assert (found.operations, found.items, found.reads, found.writes) == (6, 2, 1, 3)
    assert found.writes_seen == pytest.approx(2 / 3)
    assert found.sightings == pytest.approx(1.0)
    assert found.overlapping == pytest.approx(2 / 5)
    assert found.ambiguous == pytest.approx(1 / 6)
    assert found.conditions_held == pytest.approx(1 / 2)
    assert found.thin == ("only 6 operations",)


def test_thin_evidence_is_said() -> None:
    """Nobody overlaps, nobody reads."""
    blind = [Operation(0, "a", "write", 10 * place, place, 10 * place + 5) for place in range(20)]
    thin = vacuity.evidence(History(blind)).thin
    assert "nothing was read" in thin
    assert len(thin) == 3


def test_auto_takes_what_suits() -> None:
    """Zones, and the search for items that they cannot judge; many operations go through numpy."""
    made = simulated.operations(6_000, simulated.Mix(clients=3, keys=300, deletes=0.01), seed=3)
    history = History(made)
    assert isinstance(checking.judge(history, "register").verdict, Unknown)
    assert isinstance(checking.judge(history).verdict, Ok)
    place = next(place for place, one in enumerate(made) if place > 5_000 and one.kind == "read")
    made[place] = structs.replace(made[place], value=-1)
    assert isinstance(checking.judge(history).verdict, Violation)
