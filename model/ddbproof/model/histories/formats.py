"""Files of histories: our own, JSON lines under a header, and Jepsen's in EDN and JSON.

Ours begins with a line `{"schema": "ddbproof-history/1"}`, in which may also stand `initial` (items that are there before
the first operation) and anything else a person wants to note. Then a line for each operation:

    {"process": 3, "key": "a", "kind": "write", "value": 7, "seen": 4, "invoke": 120, "return": 180}
    {"process": 4, "key": "a", "kind": "cas", "expected": 4, "value": 8, "invoke": 130, "outcome": "info"}
    {"process": 5, "invoke": 140, "return": 150, "steps": [{"key": "a", "kind": "read", "value": 7}]}

`outcome` is ok where nothing else stands. A file is read whole, up to a bound; every error names the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from ddbproof.model.histories import jepsen, transactions
from ddbproof.model.histories.edn import EdnError, Reader
from ddbproof.model.histories.operations import FOREVER, History, Operation, Transaction, Value

SCHEMA = "ddbproof-history/1"
MOST_BYTES = 1 << 30
_LATEST = 2**61


class FormatError(Exception):
    """A file that is no history. With a hint, as the command line shows it."""

    def __init__(self, message: str, *, cause: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.cause = cause
        self.hint = hint


def read(path: Path, most_bytes: int = MOST_BYTES) -> History:
    """The history in a file; which format it is in, its first characters tell."""
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise FormatError(f"{path} is too large", cause=f"{size} bytes; up to {most_bytes} are read")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FormatError(f"cannot read {path}", cause=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is not text in UTF-8", cause=str(error)) from error
    try:
        return parse(text)
    except FormatError as error:
        where = f"{path}: {error}"
        raise FormatError(where, cause=error.cause, hint=error.hint) from error


def parse(text: str) -> History:
    """The history in a text."""
    start = text.lstrip()[:1]
    if not start:
        raise FormatError("nothing in it", hint="docs/histories.md tells which formats there are")
    first = _first_line(text)
    if first is None:
        return _edn(text)
    if isinstance(first, dict) and "schema" in first:
        return _ours(text, first)
    return _jepsen_json(text)


def write(path: Path, history: History, header: dict[str, Any] | None = None) -> None:
    """Our own format."""
    first = {
        "schema": SCHEMA,
        **({"initial": dict(history.initial)} if history.initial else {}),
        **(header or {}),
    }
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        file.write(encode(first) + b"\n")
        for one in (*history.operations, *history.transactions):
            file.write(encode(one) + b"\n")


# -- ours -------------------------------------------------------------------------------------------------


def _ours(text: str, header: dict[str, Any]) -> History:
    if header["schema"] != SCHEMA:
        raise FormatError(f"line 1: its schema is {header['schema']!r}", hint=f"{SCHEMA} is read")
    try:
        initial = msgspec.convert(header.get("initial", {}), dict[str, Value])
    except msgspec.ValidationError as error:
        raise FormatError(f"line 1: {error}") from error
    decode_operation = msgspec.json.Decoder(Operation).decode
    decode_transaction = msgspec.json.Decoder(Transaction).decode
    operations: list[Operation] = []
    several: list[tuple[int, Transaction]] = []
    for number, line in _lines(text):
        if number == 1:
            continue
        try:
            if '"steps"' in line and '"kind"' not in line.split('"steps"')[0]:
                several.append((len(operations), decode_transaction(line)))
            else:
                operations.append(decode_operation(line))
        except msgspec.DecodeError as error:
            raise FormatError(f"line {number}: {error}") from error
        wrong = _wrong(several[-1][1] if several and several[-1][0] == len(operations) else operations[-1])
        if wrong is not None:
            raise FormatError(f"line {number}: {wrong}")
    if not several:
        return History(operations, initial=initial, header=header)
    together: list[Transaction] = transactions.single(operations)
    for place, one in reversed(several):
        together.insert(place, one)
    return History(transactions=together, initial=initial, header=header)


def _wrong(one: Operation | Transaction) -> str | None:
    """What cannot be in an operation, whatever the store does."""
    if abs(one.invoke) > _LATEST or (one.returned != FOREVER and abs(one.returned) > _LATEST):
        return "a time beyond 2^61 nanoseconds"
    if one.outcome == "info":
        if one.returned != FOREVER:
            return "an operation of which nobody knows whether it happened has no return"
    elif one.returned == FOREVER:
        return f"an operation that is {one.outcome} has a return"
    if one.returned < one.invoke:
        return "it returns before it is invoked"
    if isinstance(one, Operation):
        if (one.expected is UNSET) == (one.kind == "cas"):
            return "a cas, and nothing else, has an expected value"
        if one.seen is not UNSET and (one.kind == "read" or one.outcome == "info"):
            return "only writes that were answered can have seen the old item"
    return None


# -- Jepsen's ---------------------------------------------------------------------------------------------


def _edn(text: str) -> History:
    reader = Reader(text)
    try:
        history = jepsen.history(reader.elements())
    except (EdnError, jepsen.JepsenError) as error:
        raise FormatError(
            f"line {error.line}: {error}", hint="docs/histories.md tells what is read"
        ) from error
    tags = [f"the tag {tag} was left out {count} times" for tag, count in reader.tags.items()]
    return msgspec.structs.replace(history, notes=[*history.notes, *tags])


def _jepsen_json(text: str) -> History:
    """An array of events, an object with `history`, or an event in each line."""
    elements: Iterable[tuple[int, Any]]
    try:
        whole = msgspec.json.decode(text)
        if isinstance(whole, dict):
            whole = whole.get("history", [whole])
        if not isinstance(whole, list):
            raise FormatError("no history", hint="docs/histories.md tells which formats there are")
        elements, unit = list(enumerate(whole, 1)), "event"
    except msgspec.DecodeError:
        elements, unit = list(_json_lines(text)), "line"
    try:
        return jepsen.history(elements)
    except jepsen.JepsenError as error:
        raise FormatError(
            f"{unit} {error.line}: {error}", hint="docs/histories.md tells what is read"
        ) from error


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in _lines(text):
        try:
            yield number, msgspec.json.decode(line)
        except msgspec.DecodeError as error:
            raise FormatError(f"line {number}: {error}") from error


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())


def _first_line(text: str) -> Any:
    """The first line's JSON; an empty list if that begins there, and None if the text is no JSON at all."""
    line = next(line for _, line in _lines(text))
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        return (
            []
            if line.lstrip()[0] == "[" and ":type" not in text[:2000]
            else {}
            if '{"' in line[:20]
            else None
        )
