"""What did not pass can be acted on: found by its link, understood, and judged again by one command."""

from __future__ import annotations

import re
from html import unescape

import msgspec
import pytest

from ddbproof.reports import Attempt, Exchange, Results, Summary, Verdict, render_html
from ddbproof.reports.cases import cases_of, groups_of, places_of
from ddbproof.reports.commands import command_of_test
from ddbproof.reports.schema import KnownFailure, PartRecord, ResultRecord

KNOWN = KnownFailure("issue 7", "storage team", "2999-01-01")
TEST = "test_recovery.py::test_a_future_instant[35 days]"
SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"


def exchange(operation: str = "DescribeBackup", status: int = 200, request: str = "{}") -> Exchange:
    """A request and its answer."""
    return Exchange("us-east-1", operation, request, status, '{"Backup": "gone"}')


def failing(run: Results, **changes: object) -> Results:
    """The run with one result, a failure unless changed."""
    given: dict[str, object] = {
        "verdict": Verdict.FAIL,
        "test": TEST,
        "promise": "A restore to a future instant is refused.",
        "reason": "it was accepted",
    }
    run.results = [msgspec.structs.replace(run.results[0], **(given | changes))]
    return run


def section(run: Results) -> str:
    """The part of the page about what did not pass, or nothing."""
    _, begin, rest = render_html(run).partition('<section id="not-passed"')
    return unescape(rest.partition("</section>")[0]) if begin else ""


def test_a_failure_says_all_that_is_needed_to_mend_it(run: Results) -> None:
    """Promise, rule with its source, what was seen, both attempts, the requests in order, and the command."""
    attempts = [Attempt(Verdict.FAIL, "it was accepted", 0.3), Attempt(Verdict.FAIL, "accepted again", 0.2)]
    steps = [exchange("CreateTable"), exchange("RestoreTableToPointInTime", 400)]
    page = section(failing(run, attempts=attempts, exchanges=steps))
    claim = run.claims[run.results[0].claim]
    for words in (
        "A restore to a future instant is refused.",
        "it was accepted",
        claim.sentence,
        claim.source,
        "in 0.2 s: accepted again",
        "ddbproof conform --target moto --select test_a_future_instant --seed 2437891546",
    ):
        assert words in page
    assert page.index(">CreateTable</b>") < page.index(">RestoreTableToPointInTime</b>")


def test_one_test_that_breaks_several_rules_is_one_thing_to_mend(run: Results) -> None:
    """Its requests are shown once, and each rule has a place of its own."""
    first = failing(run, exchanges=[exchange("CreateTable")]).results[0]
    others = list(run.claims)[-2:]
    run.results = [first, *(msgspec.structs.replace(first, claim=claim) for claim in others)]
    summary = Summary(run)
    (case,) = cases_of(summary)
    assert [row.claim.id for row, _, _ in case.rules] == [first.claim, *others]
    page = section(run)
    assert page.count(">CreateTable</b>") == 1
    assert all(f'id="{place}"' in page for place in places_of([case]).values())


def test_every_result_that_did_not_pass_has_a_place(run: Results) -> None:
    """A link to it leads somewhere, and to nothing else."""
    cases = cases_of(Summary(run))
    places = places_of(cases)
    others = [one for one in run.results if one.verdict is not Verdict.PASS]
    assert set(places) == {(one.claim, one.test) for one in others}
    anchors = re.findall(r'\bid="([^"]+)"', render_html(run))
    assert len(anchors) == len(set(anchors))
    assert set(places.values()) <= set(anchors)


@pytest.mark.parametrize("tests", [("t.py::a[1]", "t.py::a-1", "t.py::a_1"), ("a", "A"), ("", "·", "–")])
def test_tests_with_names_alike_have_places_of_their_own(run: Results, tests: tuple[str, ...]) -> None:
    """Whatever an anchor leaves out of a name."""
    first = failing(run).results[0]
    run.results = [msgspec.structs.replace(first, test=test) for test in tests]
    places = places_of(cases_of(Summary(run)))
    assert len(set(places.values())) == len(tests)


def test_what_is_the_same_several_times_in_a_row_is_one_step(run: Results) -> None:
    """A poll is not twelve steps, and the number of requests stays right."""
    polls = [
        exchange("CreateTable"),
        *[exchange("DescribeTable")] * 5,
        exchange("DescribeTable", request="1"),
    ]
    (case,) = cases_of(Summary(failing(run, exchanges=polls)))
    assert [(step.exchange.operation, step.times) for step in case.steps] == [
        ("CreateTable", 1),
        ("DescribeTable", 5),
        ("DescribeTable", 1),
    ]
    assert case.course == [("CreateTable", 200, 1), ("DescribeTable", 200, 6)]
    assert "in their order (7)" in section(run)
    assert "5 times in a row" in section(run)


def test_a_long_answer_is_folded_and_a_short_one_is_not(run: Results) -> None:
    """Both can be read without a script."""
    long = msgspec.structs.replace(
        exchange(), response=msgspec.json.encode([f"{n:060}" for n in range(40)]).decode()
    )
    page = section(failing(run, exchanges=[long]))
    assert "<summary>Answer, 42 lines</summary>" in page
    assert ">Request</p>" in page


def test_known_failures_are_failures_and_say_who_sees_to_them(run: Results) -> None:
    """Under fail, apart from those that count, with reason, owner and expiry."""
    page = section(failing(run, known=KNOWN))
    assert "</span>fail</span>, known" in page
    for words in ("issue 7", "storage team", "2999-01-01"):
        assert words in page
    ((verdict, known, _),) = groups_of(cases_of(Summary(run)))
    assert (verdict, known) == (Verdict.FAIL, True)


def test_a_case_is_known_only_if_all_of_it_is(run: Results) -> None:
    """A rule that nobody excused is not hidden behind one that somebody did."""
    first = failing(run, known=KNOWN).results[0]
    run.results = [first, msgspec.structs.replace(first, claim=list(run.claims)[-1], known=None)]
    ((_, known, _),) = groups_of(cases_of(Summary(run)))
    assert not known
    assert "known failure</span>" in section(run)


def test_unexpected_passes_are_told_apart(run: Results) -> None:
    """They did pass, so they are not among what did not; the list has to be mended."""
    html = render_html(failing(run, verdict=Verdict.PASS, known=KNOWN))
    assert "Passing against expectation" in html
    assert 'id="not-passed"' not in html
    assert "issue 7" in html


def test_no_secret_is_on_the_page(run: Results) -> None:
    """Wherever the target has put it."""
    leak = msgspec.structs.replace(
        exchange(request=f'{{"SecretAccessKey": "{SECRET}"}}'), response=f"Signature={SECRET}"
    )
    failing(run, reason=f"refused: {SECRET}", exchanges=[leak], seen={"key": SECRET})
    target = msgspec.structs.replace(
        run.header.target, endpoints={"us-east-1": "http://me:hunter22@127.0.0.1:1"}
    )
    run.header = msgspec.structs.replace(run.header, target=target)
    html = render_html(run)
    assert SECRET not in html
    assert "hunter22" not in html
    assert html.count("[redacted]") >= 5


@pytest.mark.parametrize(
    ("options", "command"),
    [
        ({"target": "moto", "seed": 1, "jobs": 4, "shard": "1/2"}, "--target moto --select test_a --seed 7"),
        (
            {"endpoint": ["a=http://x", "b=http://y"], "select": ["PI-*"]},
            "--endpoint a=http://x --endpoint b=http://y --select test_a --seed 7",
        ),
        ({"target": "moto", "defect": "stale"}, "--target moto --defect stale --select test_a --seed 7"),
        ({"known-failures": "k.toml", "hooks": "my hooks"}, "--target moto --hooks 'my hooks' --select test_a --seed 7"),
    ],
)  # fmt: skip
def test_the_command_judges_the_same_target_by_this_test_only(
    run: Results, options: dict[str, object], command: str
) -> None:
    """How many tests ran side by side, and which others, does not matter to it."""
    header = msgspec.structs.replace(run.header, options=options, seed=7)
    assert command_of_test(header, "test_recovery.py::test_a[x]") == f"ddbproof conform {command}"


def test_the_command_for_a_merged_result_has_the_seed_of_its_part(run: Results) -> None:
    """Each shard drew its own."""
    parts = [
        PartRecord("r1", 1, {"target": "moto", "seed": 1}, 1.0, ["t.py::test_a"]),
        PartRecord("r2", 2, {"target": "moto", "seed": 2}, 1.0, ["t.py::test_b"]),
    ]
    header = msgspec.structs.replace(run.header, parts=parts)
    assert command_of_test(header, "t.py::test_b").endswith("--select test_b --seed 2")
    run.header = header
    assert Summary(run).command.splitlines() == [
        "ddbproof conform --target moto --seed 1",
        "ddbproof conform --target moto --seed 2",
    ]


def result(verdict: Verdict, claim: str, *, known: bool = False) -> ResultRecord:
    """A result on that claim."""
    return ResultRecord(claim, "t.py::t", "", verdict, "", 0.1, known=KNOWN if known else None)


@pytest.mark.parametrize(
    ("results", "headline"),
    [
        ([result(Verdict.FAIL, "A-1", known=True)], "breaks 1 promise that AWS documents, a known failure."),
        (
            [result(Verdict.FAIL, "A-1", known=True), result(Verdict.FAIL, "A-2")],
            "breaks 2 promises that AWS documents, 1 of them known.",
        ),
        (
            [result(Verdict.FAIL, "A-1", known=True), result(Verdict.FAIL, "A-2", known=True)],
            "breaks 2 promises that AWS documents, all of them known failures.",
        ),
        ([result(Verdict.PASS, "A-1", known=True)], "1 known failure passes against expectation."),
    ],
)
def test_the_headline_neither_hides_what_is_known_nor_counts_it_twice(
    run: Results, results: list[ResultRecord], headline: str
) -> None:
    """A known failure is a broken promise, and said to be known."""
    run.results = results
    assert Summary(run).headline.endswith(headline)
