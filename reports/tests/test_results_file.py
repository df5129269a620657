"""A results file is whole or recognisably not, and says what was written."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reports import (
    Attempt,
    ClaimRecord,
    Exchange,
    FindingRecord,
    Footer,
    Header,
    Record,
    ResultRecord,
    ResultsFileError,
    ResultsWriter,
    SeedRecord,
    TargetRecord,
    Verdict,
    read_results,
)

Write = Callable[[Path, list[Record]], Path]

texts = st.text(max_size=30)
seconds = st.floats(min_value=0, max_value=1e6)
numbers = st.integers(min_value=0, max_value=2**32)
attempts = st.lists(st.builds(Attempt, seconds=seconds), max_size=2)
exchanges = st.lists(st.builds(Exchange, status=numbers), max_size=2)
headers = st.builds(
    Header,
    schema=st.just("ddbproof.results/1"),
    seed=numbers,
    options=st.dictionaries(texts, texts | numbers | st.lists(texts), max_size=3),
    target=st.builds(TargetRecord),
)
claims = st.lists(st.builds(ClaimRecord), max_size=3, unique_by=lambda claim: claim.id)
seeds = st.lists(st.builds(SeedRecord), max_size=3, unique_by=lambda seed: seed.id)
results = st.lists(
    st.builds(ResultRecord, seconds=seconds, attempts=attempts, exchanges=exchanges),
    max_size=5,
    unique_by=lambda result: (result.claim, result.test),
)
footers = st.builds(Footer, seconds=seconds, exit=numbers, counts=st.dictionaries(texts, numbers, max_size=3))


@given(headers, claims, seeds, results, st.lists(st.builds(FindingRecord), max_size=3), footers)
def test_what_is_written_is_read(
    header: Header,
    claims: list[ClaimRecord],
    seeds: list[SeedRecord],
    results: list[ResultRecord],
    findings: list[FindingRecord],
    footer: Footer,
) -> None:
    """Reading is the inverse of writing, whatever the texts hold."""
    footer = msgspec.structs.replace(footer, counts=dict(Counter(str(it.verdict) for it in results)))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "results.jsonl"
        with ResultsWriter(path) as writer:
            records: list[Record] = [header, *claims, *seeds, *results, *findings]
            for record in records:
                writer.write(record)
            writer.close(footer)
        read = read_results(path)
    assert read.header == header
    assert list(read.claims.values()) == claims
    assert list(read.seeds.values()) == seeds
    assert read.results == results
    assert read.findings == findings
    assert read.footer == footer
    assert read.complete is not footer.interrupted


@given(st.text(st.characters(categories=["Cs", "L"]), min_size=1))
def test_text_that_is_no_unicode_does_not_end_a_run(text: str) -> None:
    """JSON of a target can hold half of a surrogate pair; the record is written, the half as an escape."""
    header = Header("", "", "", 1, TargetRecord("", {}, "fixed"), {})
    result = ResultRecord("PI-01", "test", "", Verdict.FAIL, text, 0.0, seen={text: text})
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "results.jsonl"
        with ResultsWriter(path) as writer:
            writer.write(header)
            writer.write(result)
            writer.close(Footer("", {"fail": 1}, 1.0, interrupted=False, exit=1))
        (read,) = read_results(path).results
    shown = text.encode("utf-8", "backslashreplace").decode()
    assert (read.reason, read.seen) == (shown, {shown: shown})


def test_a_file_cut_anywhere_is_never_complete(tmp_path: Path, records: list[Record], write: Write) -> None:
    """Every proper beginning of a file is incomplete or refused."""
    few = [
        records[0],
        records[1],
        *[one for one in records if isinstance(one, ResultRecord)][:1],
        records[-1],
    ]
    whole = write(tmp_path / "whole", few).read_bytes()
    path = tmp_path / "cut"
    outcomes = {"incomplete": 0, "refused": 0}
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            assert not read_results(path).complete, f"cut after {length} bytes"
            outcomes["incomplete"] += 1
        except ResultsFileError:
            outcomes["refused"] += 1
    # Only a file without a whole header is refused.
    assert outcomes["refused"] == whole.index(b"\n") + 1
    assert outcomes["incomplete"] == len(whole) - outcomes["refused"]


def test_a_run_that_is_cut_off_leaves_a_partial_file(tmp_path: Path, records: list[Record]) -> None:
    """Without a footer the file does not get its name, and what was judged can still be read."""
    path = tmp_path / "results.jsonl"

    def run() -> None:
        with ResultsWriter(path) as writer:
            writer.write(records[0])
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        run()
    assert not path.exists()
    read = read_results(tmp_path)
    assert read.header == records[0]
    assert not read.complete


def test_a_later_run_that_is_cut_off_does_not_hide_behind_an_earlier_one(
    tmp_path: Path, results_path: Path, records: list[Record]
) -> None:
    """A directory stands for its latest run, also when that has no end."""
    with ResultsWriter(results_path) as writer:
        writer.write(records[0])
    assert read_results(results_path).complete
    assert not read_results(tmp_path).complete


def test_a_run_that_wrote_nothing_leaves_nothing(tmp_path: Path) -> None:
    """No empty files are left about."""
    with ResultsWriter(tmp_path / "results.jsonl"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_records_are_on_disk_as_soon_as_they_are_written(tmp_path: Path, records: list[Record]) -> None:
    """A process that is killed loses nothing it had written."""
    with ResultsWriter(tmp_path / "results.jsonl") as writer:
        writer.write(records[0])
        assert read_results(writer.partial_path).header == records[0]


def test_an_interrupted_run_is_whole_but_not_complete(
    tmp_path: Path, records: list[Record], write: Write
) -> None:
    """An interruption is told by the footer."""
    last = records[-1]
    assert isinstance(last, Footer)
    footer = msgspec.structs.replace(last, interrupted=True, exit=130)
    read = read_results(write(tmp_path / "results.jsonl", [*records[:-1], footer]))
    assert read.footer == footer
    assert not read.complete


HEADER = b'{"record":"header","schema":"ddbproof.results/1","run":"r","started":"","ddbproof":"0","seed":0,"target":{"name":"t","endpoints":{},"clock":"fixed"},"versions":{}}\n'
RESULT = b'{"record":"result","claim":"PI-12","test":"t.py::t","promise":"","verdict":"pass","reason":"","seconds":0}\n'
CLAIM = b'{"record":"claim","id":"PI-12","sentence":"","area":"","area_title":"","source":"","source_rank":"","checks":[],"seeds":[]}\n'
SEED = b'{"record":"seed","id":"S01","statement":"","verdict":"","explanation":"","claims":[]}\n'
FOOTER = b'{"record":"footer","finished":"","counts":{},"seconds":0,"interrupted":false,"exit":0}\n'


@pytest.mark.parametrize(
    ("content", "line", "cause"),
    [
        (b"", None, "empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", 1, "malformed"),
        (b"PK\x03\x04", 1, "PK"),
        (b"[]\n", 1, "Expected `object`"),
        (HEADER + b"{}\n", 2, "required field `record`"),
        (HEADER + b"\n" + FOOTER, 2, "the line is empty"),
        (HEADER + b"nonsense\n" + FOOTER, 2, "nonsense"),
        (HEADER + RESULT.replace(b"pass", b"great") + FOOTER, 2, "great"),
        (HEADER.replace(b"results/1", b"results/2"), 1, "ddbproof.results/2"),
        (b'{"record":"header","schema":"other/7"}\n', 1, "other/7"),
        (RESULT + HEADER + FOOTER, 1, "not a header"),
        (HEADER + HEADER + FOOTER, 2, "second header"),
        (HEADER + RESULT + RESULT + FOOTER, 3, "a second time"),
        (HEADER + CLAIM + CLAIM + FOOTER, 3, "a second time"),
        (HEADER + SEED + SEED + FOOTER, 3, "a second time"),
        (HEADER + FOOTER + RESULT, 3, "after the footer"),
        (HEADER + FOOTER.replace(b"{}", b'{"fail":1}'), 2, "the footer counts {'fail': 1} results"),
        (HEADER + RESULT + FOOTER, 3, "the file holds {'pass': 1}"),
        (HEADER + FOOTER + b"tail", 3, "after the footer"),
        (b"[" * 100_000 + b"\n", 1, ""),
    ],
)  # fmt: skip
def test_what_is_not_a_results_file_is_refused(
    tmp_path: Path, content: bytes, line: int | None, cause: str
) -> None:
    """The error names the line and the reason."""
    path = tmp_path / "results.jsonl"
    path.write_bytes(content)
    with pytest.raises(ResultsFileError) as caught:
        read_results(path)
    assert caught.value.line == line
    assert caught.value.cause is not None
    assert cause in caught.value.cause
    assert str(path) in caught.value.message


def test_several_tests_may_judge_one_claim(tmp_path: Path) -> None:
    """Only the pair of claim and test is unique."""
    path = tmp_path / "results.jsonl"
    footer = FOOTER.replace(b'"counts":{}', b'"counts":{"pass":2}')
    path.write_bytes(HEADER + RESULT + RESULT.replace(b"t.py::t", b"t.py::u") + footer)
    assert [result.verdict for result in read_results(path).results] == [Verdict.PASS] * 2


@pytest.mark.parametrize("name", ["", "absent", "absent/results.jsonl"])
def test_a_file_that_is_not_there_is_told_with_a_hint(tmp_path: Path, name: str) -> None:
    """A directory without results, and a file that does not exist."""
    with pytest.raises(ResultsFileError) as caught:
        read_results(tmp_path / name)
    assert caught.value.cause == "No such file or directory"
    assert caught.value.hint is not None
