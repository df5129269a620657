"""Results of a run as data, and everything that is rendered from them. Imports no other component."""

from ddbproof.reports.errors import ReportError, ResultsFileError
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
    Record,
    ResultRecord,
    SeedRecord,
    TargetRecord,
)
from ddbproof.reports.verdicts import MEANING, WORST_FIRST, Verdict, exit_code, worst
from ddbproof.reports.writer import ResultsWriter

__all__ = [
    "MEANING",
    "SCHEMA",
    "WORST_FIRST",
    "Attempt",
    "ClaimRecord",
    "EvidenceRecord",
    "Exchange",
    "FindingRecord",
    "Footer",
    "Header",
    "Record",
    "ReportError",
    "ResultRecord",
    "Results",
    "ResultsFileError",
    "ResultsWriter",
    "SeedRecord",
    "TargetRecord",
    "Verdict",
    "exit_code",
    "read_results",
    "worst",
]
