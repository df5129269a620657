"""Results of a run as data, and everything that is rendered from them. Imports no other component."""

from ddbproof.reports.errors import ReportError, ResultsFileError
from ddbproof.reports.html import render_html
from ddbproof.reports.outcome import exit_code_of, is_known_failure, is_unexpected_pass
from ddbproof.reports.reader import Results, read_results
from ddbproof.reports.schema import (
    SCHEMA,
    Attempt,
    ClaimRecord,
    EvidenceRecord,
    Exchange,
    FindingRecord,
    Footer,
    Header,
    KnownFailure,
    PartRecord,
    Record,
    ResultRecord,
    SeedRecord,
    TargetRecord,
)
from ddbproof.reports.summary import Area, ClaimRow, SeedRow, Summary
from ddbproof.reports.terminal import print_summary
from ddbproof.reports.verdicts import MEANING, WORST_FIRST, Verdict, exit_code, worst
from ddbproof.reports.writer import ResultsWriter

__all__ = [
    "MEANING",
    "SCHEMA",
    "WORST_FIRST",
    "Area",
    "Attempt",
    "ClaimRecord",
    "ClaimRow",
    "EvidenceRecord",
    "Exchange",
    "FindingRecord",
    "Footer",
    "Header",
    "KnownFailure",
    "PartRecord",
    "Record",
    "ReportError",
    "ResultRecord",
    "Results",
    "ResultsFileError",
    "ResultsWriter",
    "SeedRecord",
    "SeedRow",
    "Summary",
    "TargetRecord",
    "Verdict",
    "exit_code",
    "exit_code_of",
    "is_known_failure",
    "is_unexpected_pass",
    "print_summary",
    "read_results",
    "render_html",
    "worst",
]
