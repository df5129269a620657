"""Results as JUnit XML, for continuous integration that knows nothing else.

One test case a result, so a test that judges two claims is two cases. Only `pass` passes: `fail` is a failure,
`error` an error, whatever says nothing about the target is skipped with its reason, and so are `differs` and
known failures, which break no build. A pass where the list of known failures expects a failure is a failure.
"""

from __future__ import annotations

import re

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from ddbproof.reports.commands import command_of_test
from ddbproof.reports.outcome import is_known_failure, is_unexpected_pass
from ddbproof.reports.reader import Results
from ddbproof.reports.schema import ResultRecord
from ddbproof.reports.summary import ClaimRow, Summary, clean
from ddbproof.reports.verdicts import Verdict

# What XML 1.0 has no place for, however it is escaped.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_junit(results: Results) -> str:
    """The results as one JUnit document."""
    summary = Summary(results)
    target = results.header.target
    suite = TestSuite(_clean(f"{target.name} {target.version or ''}".strip()))
    suite.timestamp = _clean(results.header.started)
    for name, value in (
        ("ddbproof", results.header.ddbproof),
        ("commit", results.header.commit or ""),
        ("seed", str(results.header.seed)),
        ("coverage", summary.coverage),
        ("complete", "yes" if summary.interruption is None else summary.interruption),
    ):
        suite.add_property(name, _clean(value))
    for result in results.results:
        suite.add_testcase(_case(result, summary))
    if summary.interruption is not None:
        suite.add_testcase(_broken_run("the run was carried to its end", summary.interruption))
    elif not results.results:
        suite.add_testcase(_broken_run("something was judged", "Nothing was judged."))
    document = JUnitXml("ddbproof")
    document.add_testsuite(suite)
    document.update_statistics()  # type: ignore[no-untyped-call]  # junitparser's own types are partial
    return str(document.tostring().decode("utf-8"))  # type: ignore[no-untyped-call]


def _broken_run(name: str, problem: str) -> TestCase:
    """A case of its own: a build must not be green because tests are missing."""
    case = TestCase(name, "ddbproof", 0.0)
    case.result = [Error(_clean(problem), "incomplete")]
    return case


def _case(result: ResultRecord, summary: Summary) -> TestCase:
    file, _, name = result.test.partition("::")
    case = TestCase(_clean(f"{result.claim} {name}"), _clean(file.removesuffix(".py")), result.seconds)
    outcome = _outcome(result)
    if outcome is not None:
        outcome.text = _clean(_details(result, summary.claims[result.claim], summary))
        case.result = [outcome]
    return case


def _details(result: ResultRecord, row: ClaimRow, summary: Summary) -> str:
    """What somebody needs who sees nothing but the build's log."""
    lines = [
        f"seen:     {result.reason}",
        f"expected: {result.promise}",
        f"rule:     {row.claim.id} {row.claim.sentence}",
        f"source:   {row.claim.source}",
        f"again:    {command_of_test(summary.results.header, result.test)}",
    ]
    if result.known is not None:
        lines.append(f"known:    {result.known.reason} ({result.known.owner}, until {result.known.expires})")
    return "\n".join(lines)


def _outcome(result: ResultRecord) -> Failure | Error | Skipped | None:
    words = _clean(f"{result.verdict}: {result.reason or result.promise}")
    if is_unexpected_pass(result):
        assert result.known is not None
        return Failure(
            _clean(f"passes, but is listed as a known failure: {result.known.reason}"), "unexpected pass"
        )
    if is_known_failure(result):
        assert result.known is not None
        return Skipped(_clean(f"known until {result.known.expires} ({result.known.reason}): {result.reason}"))
    if result.verdict is Verdict.PASS:
        return None
    if result.verdict is Verdict.FAIL:
        return Failure(words, "fail")
    if result.verdict is Verdict.ERROR:
        return Error(words, "error")
    return Skipped(words)


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", clean(text))
