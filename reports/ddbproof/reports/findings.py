"""Findings: every failure of a published run beside the sentence of the documentation that it breaks.

A verdict of `fail` accuses somebody's product, so each is looked at by hand before it is published. What was found
stands in a file of judgements, one for each test: the documentation's own sentence, the page it is on, and why an
endpoint that does otherwise breaks it. From that file and the published runs one page a product is made: what was
asked, what was answered, and the sentence, side by side. A failure that nobody has judged is an error.

    [[judgement]]
    test = "test_recovery.py::test_an_instant_outside_the_window_is_refused"
    documentation = "the sentence, word for word, or what it says, after 'In our words: '"
    page = "API Reference: RestoreTableToPointInTime"
    judgement = "why otherwise is wrong"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ddbproof.reports.errors import ReportError
from ddbproof.reports.markdown import escaped
from ddbproof.reports.reader import Results
from ddbproof.reports.schema import Exchange, ResultRecord
from ddbproof.reports.summary import clean, one_line
from ddbproof.reports.verdicts import Verdict

JUDGEMENTS_NAME = "judgements.toml"
IN_OUR_WORDS = "In our words: "
_MEMBERS = ("test", "documentation", "page", "judgement")
_BODY_CHARACTERS = 700


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the documentation says of what one test demands."""

    test: str
    documentation: str
    page: str
    judgement: str


def load_judgements(path: Path) -> dict[str, Judgement]:
    """Judgements by test. Raises ReportError for a file that cannot be read or an entry that lacks something."""
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ReportError(f"The judgements in {path} cannot be read", cause=str(error)) from error
    found: dict[str, Judgement] = {}
    for entry in document.get("judgement", []):
        missing = [name for name in _MEMBERS if not str(entry.get(name, "")).strip()]
        if missing or entry["test"] in found:
            raise ReportError(
                f"The judgement of {entry.get('test', 'no test')} in {path} is not as it should be",
                cause=f"It lacks {', '.join(missing)}" if missing else "There are two of it",
            )
        found[entry["test"]] = Judgement(**{name: " ".join(entry[name].split()) for name in _MEMBERS})
    return found


def findings_page(results: Results, judgements: Mapping[str, Judgement]) -> str:
    """The page of one product as Markdown. Raises ReportError for a failure that nobody has judged."""
    failures: dict[str, list[ResultRecord]] = {}
    for result in results.results:
        if result.verdict is Verdict.FAIL:
            failures.setdefault(result.test, []).append(result)
    if unjudged := [test for test in failures if test not in judgements]:
        raise ReportError(
            f"Nobody has looked at failures of {results.header.target.name}",
            cause=", ".join(unjudged),
            hint=f"Look at each, and write down what the documentation says in {JUDGEMENTS_NAME}",
        )
    target = results.header.target
    lines = [
        f"# {escaped(target.name)} {escaped(target.version or '')}".rstrip(),
        "",
        f"Judged on {results.header.started[:10]} by the suite at commit `{(results.header.commit or '')[:12]}`; "
        f"{_count(failures)}. Made by `ddbproof report findings` from the published run and "
        f"[{JUDGEMENTS_NAME}]({JUDGEMENTS_NAME}); every one was looked at by hand.",
    ]
    for test, found in failures.items():
        lines += ["", *_finding(found, judgements[test])]
    return "\n".join(lines) + "\n"


def write_findings(runs: Sequence[Results], directory: Path) -> dict[Path, str]:
    """The pages of all products by their place in `directory`, which holds the judgements; writes nothing."""
    judgements = load_judgements(directory / JUDGEMENTS_NAME)
    pages = {}
    for results in runs:
        if any(result.verdict is Verdict.FAIL for result in results.results):
            pages[directory / f"{results.header.target.name}.md"] = findings_page(results, judgements)
    return pages


def _finding(found: Sequence[ResultRecord], judgement: Judgement) -> list[str]:
    result = found[0]
    claims = ", ".join(dict.fromkeys(one.claim for one in found))
    lines = [f"## {claims}: {escaped(result.promise)}", "", f"**Seen:** {escaped(result.reason)}", ""]
    exchange = _decisive(result)
    if exchange is not None:
        asked, answered = _code(exchange.request), _code(exchange.response)
        lines += [f"Request, {exchange.operation} in {exchange.region}:", "", *asked, ""]
        lines += [f"Answer, {exchange.status}:", "", *answered, ""]
    lines += [
        f"**Documentation** ({escaped(judgement.page)}): {_quoted(judgement.documentation)}",
        "",
        escaped(judgement.judgement),
        "",
        f"Test: `{result.test}`",
    ]
    return lines


def _quoted(sentence: str) -> str:
    """In quotation marks if it is word for word."""
    if sentence.startswith(IN_OUR_WORDS):
        return escaped(sentence)
    return f"“{escaped(sentence)}”"


def _decisive(result: ResultRecord) -> Exchange | None:
    """The exchange that the verdict rests on: the last one of the test that is more than looking around.

    ListTables asks what time it is; a stream is described, and read until nothing more comes.
    """
    telling = [one for one in result.exchanges if not _looks_around(one)] or result.exchanges
    if not telling:
        return None
    # Who waits for a record of a change looks at the item meanwhile; the record is what was waited for.
    waiting = telling[-1].operation == "GetItem" and telling[-1].status < 400
    return telling[-2] if waiting and telling[-2:][0].operation == "GetRecords" else telling[-1]


def _looks_around(exchange: Exchange) -> bool:
    if exchange.operation == "GetRecords":
        return exchange.response.startswith('{"Records":[]')
    return exchange.status < 400 and exchange.operation in ("ListTables", "DescribeStream")


def _code(text: str) -> list[str]:
    shown = clean(text)
    shown = shown if len(shown) <= _BODY_CHARACTERS else shown[:_BODY_CHARACTERS] + " …"
    # Four spaces: nothing in an indented block means anything to Markdown.
    return ["    " + line for line in one_line(shown, _BODY_CHARACTERS + 2).splitlines() or [""]]


def _count(failures: Mapping[str, Sequence[ResultRecord]]) -> str:
    claims = {result.claim for found in failures.values() for result in found}
    return f"{len(claims)} claims fail in {len(failures)} tests"
