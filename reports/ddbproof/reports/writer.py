"""Writing results: record by record, under another name until the run has ended.

The file appears under its own name only when it is whole. A run that was cut off leaves `<name>.partial`,
which can be read and is recognised by its lacking footer; a run that wrote nothing leaves nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from ddbproof.reports.schema import Footer, Record

PARTIAL_SUFFIX = ".partial"


class ResultsWriter:
    """A results file in the making, as a context manager; `close` with the footer makes it whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial_path = path.with_name(path.name + PARTIAL_SUFFIX)
        self._file = self.partial_path.open("wb")
        self._wrote = False

    def write(self, record: Record) -> None:
        """Add a record; it is on its way to the disk when this returns."""
        self._file.write(_encode(record) + b"\n")
        self._file.flush()
        self._wrote = True

    def close(self, footer: Footer) -> None:
        """Add the footer and give the file its name, both or neither."""
        self.write(footer)
        os.fsync(self._file.fileno())
        self._file.close()
        self.partial_path.replace(self.path)

    def __enter__(self) -> ResultsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._file.closed:
            self._file.close()
            if not self._wrote:
                self.partial_path.unlink(missing_ok=True)


def _encode(record: Record) -> bytes:
    """A record as JSON. Half of a surrogate pair, which JSON of a target can hold, is shown as an escape."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        return msgspec.json.encode(_in_unicode(msgspec.to_builtins(record)))


def _in_unicode(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {_in_unicode(name): _in_unicode(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_in_unicode(member) for member in value]
    return value
