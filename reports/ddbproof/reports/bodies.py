"""Requests and answers as people read them: JSON indented, small objects on one line, what was cut marked.

DynamoDB's JSON wraps every value in its type. An object that fits into a line therefore stays on one, so that
`{"pk": {"S": "a"}}` does not take five. An answer that was cut when it was recorded is no JSON any more; the
members that are whole are shown, and how long the answer was.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

LINE_WIDTH = 54
# A longer body is folded away; a reader opens it.
LINES_SHOWN = 14
# A bound, so that a page stays a page; the results file has all.
CHARACTERS_SHOWN = 4000
_CUT = re.compile(r"… \((\d+) characters\)\Z")
_CLOSERS = {"{": "}", "[": "]"}


class _Number(str):
    """A number as it was written: 1.0 and 1 are the same to a parser, and not to a reader."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Body:
    """A request or an answer, ready to be shown."""

    text: str
    note: str = ""

    @property
    def line_count(self) -> int:
        """Number of lines."""
        return self.text.count("\n") + 1

    @property
    def is_long(self) -> bool:
        """Whether it should be folded away."""
        return self.line_count > LINES_SHOWN


def body(text: str) -> Body:
    """A recorded request or answer, indented if it is JSON, and as it is if not."""
    note = ""
    value, found = _parsed(text)
    cut = _CUT.search(text)
    if not found and cut is not None:
        note = f"cut when it was recorded; it had {cut[1]} characters"
        value, found = _parsed(_closed(text[: cut.start()]))
    try:
        shown = _indented(value, "", 0) if found else text
    except RecursionError:
        shown = text
    if len(shown) > CHARACTERS_SHOWN:
        note = f"{len(shown) - CHARACTERS_SHOWN} more characters in the results file"
        shown = shown[:CHARACTERS_SHOWN]
    return Body(shown, note)


def _parsed(text: str) -> tuple[Any, bool]:
    try:
        return json.loads(text, parse_float=_Number, parse_int=_Number, parse_constant=_Number), True
    except (ValueError, RecursionError):
        return None, False


def _indented(value: Any, indent: str, used: int) -> str:
    """JSON that begins at column `used`; what fits into the line is not broken."""
    flat = _flat(value)
    if not isinstance(value, dict | list) or not value or used + len(flat) <= LINE_WIDTH:
        return flat
    inner = indent + "  "
    if isinstance(value, list):
        members = [inner + _indented(one, inner, len(inner)) for one in value]
        return "[\n" + ",\n".join(members) + f"\n{indent}]"
    members = []
    for name, one in value.items():
        begin = f"{inner}{_flat(name)}: "
        members.append(begin + _indented(one, inner, len(begin)))
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


def _flat(value: Any) -> str:
    """JSON on one line."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flat(name)}: {_flat(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flat, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _closed(text: str) -> str:
    """The beginning of a JSON text up to its last whole member, with the brackets closed.

    >>> _closed('{"Items":[{"pk":{"S":"a"}},{"pk":{"S":"b')
    '{"Items":[{"pk":{"S":"a"}},{"pk":{}}]}'
    """
    place, open_there = 0, ""
    stack = ""
    in_text = escaped = False
    for index, letter in enumerate(text):
        if in_text:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                in_text = False
            continue
        if letter == '"':
            in_text = True
        elif letter in _CLOSERS:
            stack += letter
            place, open_there = index + 1, stack
        elif letter in "}]":
            stack = stack[:-1]
            place, open_there = index + 1, stack
        elif letter == ",":
            place, open_there = index, stack
    return text[:place] + "".join(_CLOSERS[one] for one in reversed(open_there))
