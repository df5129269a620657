"""The judge turns what tests do into verdicts: tried on throw-away suites against a tiny endpoint in this process."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from judging import SECRET, TWO_TESTS, Bench, refusal

from ddbproof.conformance.judge import list_tests

# -- verdicts -----------------------------------------------------------------------------------------


def test_a_failed_assert_is_fail_with_its_own_sentence(bench: Bench) -> None:
    """The reason is the sentence of the test, on one line, without pytest's explanation."""
    found = bench.result(
        '''
        @claim("PI-12")
        def test_it():
            """Two is one."""
            two = 2
            assert two == 1, f"two is\\n {two}"
        '''
    )
    assert (found.verdict, found.reason, found.promise) == ("fail", "two is 2", "Two is one.")


def test_fail_becomes_differs_where_the_source_binds_nobody(bench: Bench) -> None:
    """Of one failed test, a claim from a contract fails and a second-hand claim (BK-13) differs."""
    bench.judge(
        """
        @claim("PI-12", "BK-13")
        def test_it():
            assert False, "no"
        """
    )
    verdicts = [bench.watching.result(claim=claim).verdict for claim in ("PI-12", "BK-13")]
    assert verdicts == ["fail", "differs"]


@pytest.mark.parametrize(
    ("raised", "verdict", "reason"),
    [
        ('Violation("broken")', "fail", "broken"),
        ('Inconclusive("who knows")', "inconclusive", "who knows"),
        ('Unsupported("not here")', "unsupported", "not here"),
        ('NotTestableHere("no clock")', "not testable here", "no clock"),
        ('KeyError("ours")', "error", "KeyError: 'ours'"),
    ],
)
def test_outcomes_have_their_verdicts(bench: Bench, raised: str, verdict: str, reason: str) -> None:
    """What a test raises is the verdict; what is none of these is our own error."""
    found = bench.result(
        f"""
        @claim("PI-12")
        def test_it():
            raise {raised}
        """
    )
    assert (found.verdict, found.reason) == (verdict, reason)


def test_a_test_that_returns_passes(bench: Bench) -> None:
    """A pass has no reason and no exchanges, and shows what was seen."""
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here, seen):
            here.client.list_tables()
            seen["either"] = "this one"
        """
    )
    assert (found.verdict, found.reason, found.exchanges) == ("pass", "", [])
    assert found.seen == {"either": "this one"}


@pytest.mark.parametrize(
    "request_made",
    [
        "here.client.describe_limits()",
        'refused(here.client.describe_limits, "LimitExceededException", what="that")',
    ],
)
def test_an_operation_the_target_does_not_know_is_unsupported(bench: Bench, request_made: str) -> None:
    """UnknownOperationException is an explicit refusal, also where another error was demanded."""
    found = bench.result(
        f"""
        @claim("PI-12")
        def test_it(here):
            {request_made}
        """
    )
    assert found.verdict == "unsupported"


def test_a_refused_preparation_does_not_blame_the_claim(bench: Bench) -> None:
    """A table that cannot be made says nothing about what the test wanted to do with it."""
    bench.endpoint.answers["CreateTable"] = lambda _: refusal("ValidationException", "not today")
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            here.new_table()
        """
    )
    assert found.verdict == "inconclusive"
    assert "could not prepare" in found.reason
    assert "not today" in found.reason


def test_a_refused_request_of_the_test_itself_is_fail(bench: Bench) -> None:
    """A request that the documentation allows must be answered."""
    bench.endpoint.answers["PutItem"] = lambda _: refusal("ValidationException", "not today")
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            here.new_table().put("a", "b")
        """
    )
    assert found.verdict == "fail"
    assert "PutItem was answered 400 ValidationException: not today" in found.reason


def test_a_result_that_is_no_pass_shows_the_exchanges(bench: Bench) -> None:
    """Operation, request, status and answer are kept, and nothing of the credentials."""
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            here.client.list_tables(Limit=7)
            assert False, "no"
        """
    )
    (exchange,) = found.exchanges
    assert (exchange.region, exchange.operation, exchange.status) == ("us-east-1", "ListTables", 200)
    assert json.loads(exchange.request) == {"Limit": 7}
    assert SECRET not in str(found)
    assert "key-id" not in str(found)


# -- the repeat rule ----------------------------------------------------------------------------------


def test_a_failure_is_repeated_once_on_fresh_resources(bench: Bench) -> None:
    """What fails twice is fail; both attempts are kept, and each had a table of its own."""
    found = bench.result(
        """
        @claim("PI-12")
        def test_it(here):
            raise Violation(f"with {here.new_table().name}")
        """
    )
    assert found.verdict == "fail"
    assert [attempt.verdict for attempt in found.attempts] == ["fail", "fail"]
    assert found.attempts[0].reason != found.attempts[1].reason


def test_a_failure_that_does_not_come_back_is_inconclusive(bench: Bench) -> None:
    """Fail then pass accuses nobody, and is not green either."""
    found = bench.result(
        """
        once = []

        @claim("PI-12")
        def test_it():
            once.append(1)
            assert len(once) > 1, "bad luck"
        """
    )
    assert found.verdict == "inconclusive"
    assert found.reason == "failed once (bad luck), then pass when repeated"
    assert [attempt.verdict for attempt in found.attempts] == ["fail", "pass"]


def test_a_consistency_violation_is_never_repeated_away(bench: Bench) -> None:
    """Seen once is seen."""
    found = bench.result(
        """
        once = []

        @claim("ME-02", consistency=True)
        def test_it():
            once.append(1)
            assert len(once) > 1, "diverged"
        """
    )
    assert (found.verdict, len(found.attempts)) == ("fail", 1)


# -- isolation and selection --------------------------------------------------------------------------


def test_nothing_of_the_users_surroundings_has_a_part(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not a conftest above the suite, not a configuration, not a variable; and pytest prints nothing."""
    (tmp_path / "conftest.py").write_text("raise RuntimeError('hostile conftest')")
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-option'\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing_at_all --no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    before = dict(os.environ)
    judgement = bench.judge(TWO_TESTS.format(first="assert False, 'no'"))
    assert [record.verdict for record in bench.watching.records] == ["fail", "pass"]
    assert judgement.selected_count == 2
    assert dict(os.environ) == before
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        ({"select": ("PI-12",)}, ["test_first"]),
        ({"select": ("PI-*",)}, ["test_first", "test_second"]),
        ({"select": ("second",)}, ["test_second"]),
        ({"areas": ("recovery",)}, ["test_first", "test_second"]),
        ({"areas": ("backups",)}, []),
        ({"areas": ("recovery",), "select": ("PI-11",)}, ["test_second"]),
        ({"select": ("NO-1",)}, []),
    ],
)
def test_a_plan_selects_by_claim_by_name_and_by_area(
    bench: Bench, selection: dict[str, Any], selected: list[str]
) -> None:
    """Claim ids, patterns of them and parts of names; an empty selection touches nothing."""
    judgement = bench.judge(TWO_TESTS.format(first="pass"), **selection)
    assert [test.test.rpartition("::")[2] for test in bench.watching.tests] == selected
    assert judgement.selected_count == len(selected)
    assert bool(bench.endpoint.calls) == bool(selected)


def test_listing_makes_no_request(bench: Bench) -> None:
    """What would run can be told without a target."""
    bench.write(TWO_TESTS.format(first="pass"))
    (first, second) = list_tests(bench.plan(), suite_directory=bench.directory)
    assert (first.claims, second.claims) == (("PI-12",), ("PI-11",))
    assert bench.endpoint.calls == []


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def test_it(): pass", "judges no claim"),
        ("import no_such_module_at_all", "cannot be collected"),
    ],
)
def test_a_broken_suite_is_our_error_and_no_verdict(bench: Bench, code: str, words: str) -> None:
    """A test without a claim, or a file that cannot be imported, must not look like an empty selection."""
    with pytest.raises(RuntimeError, match=words):
        bench.judge(code)
