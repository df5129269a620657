"""A reader of EDN, as far as Jepsen's histories need it: maps, vectors, keywords, numbers, strings, nil, tags.

Keywords become `Keyword`, vectors, lists and sets become lists. A tag, like that of `#jepsen.history.Op{...}`, is left
out and what it stands before is kept; how often, is counted. Nothing is evaluated, and depth is bounded. Errors name the line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

DEEPEST = 32
_TOKEN = re.compile(
    r"""(?P<blank>[\s,]+|;[^\n]*)
    |(?P<string>"(?:[^"\\]|\\.)*")
    |(?P<open>\#\{|[\[({])
    |(?P<close>[\])}])
    |(?P<discard>\#_)
    |(?P<character>\\(?:[A-Za-z]+|.))
    |(?P<tag>\#[A-Za-z][^\s,;"()\[\]{}]*)
    |(?P<atom>[^\s,;"()\[\]{}]+)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "b": "\b", "f": "\f"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}N?")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]*)?([eE][+-]?[0-9]{1,4})?M?")
_WORDS = {"nil": None, "true": True, "false": False}


class EdnError(Exception):
    """What is wrong, and in which line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Keyword(str):
    """`:ok` is Keyword("ok")."""

    __slots__ = ()


class Reader:
    """Forms of a text, one after the other; `tags` counts what was left out before them."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.line = 1
        self.tags: Counter[str] = Counter()

    def elements(self) -> Iterator[tuple[int, Any]]:
        """Line and value of each form; if the first is a vector or a list, of each form in it."""
        token, kind = self._next()
        closing = None
        if kind == "open" and token in ("[", "("):
            closing = _CLOSES[token]
            token, kind = self._next()
        while kind is not None:
            if closing is not None and token == closing and kind == "close":
                token, kind = self._next()
                if kind is not None:
                    raise self._error("something follows the end of the history")
                return
            if kind == "discard":
                self._form(*self._next(), depth=0)
            else:
                line = self.line
                yield line, self._form(token, kind, depth=0)
            token, kind = self._next()
        if closing is not None:
            raise self._error(f"the text ends where a {closing} is missing")

    def _error(self, message: str) -> EdnError:
        return EdnError(message, self.line)

    def _next(self) -> tuple[str, str | None]:
        """The next token that is not blank, and its kind; no kind at the end."""
        while self.place < len(self.text):
            match = _TOKEN.match(self.text, self.place)
            if match is None and self.text[self.place] == '"':
                raise self._error("a string has no end")
            if match is None:
                raise self._error(f"cannot read {self.text[self.place : self.place + 20]!r}")
            token, kind = match[0], match.lastgroup
            self.place = match.end()
            if kind != "blank":
                return token, kind
            self.line += token.count("\n")
        return "", None

    def _form(self, token: str, kind: str | None, depth: int) -> Any:
        if depth > DEEPEST:
            raise self._error(f"nested deeper than {DEEPEST}")
        match kind:
            case "atom":
                return self._atom(token)
            case "open":
                values = self._until(_CLOSES[token], depth + 1)
                return self._map(values) if token[0] == "{" else values
            case "string":
                self.line += token.count("\n")
                return re.sub(
                    r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), token[1:-1], flags=re.DOTALL
                )
            case "character":
                return token[1:]
            case "tag":
                self.tags[token] += 1
                return self._form(*self._next(), depth=depth + 1)
            case "discard":
                self._form(*self._next(), depth=depth + 1)
                return self._form(*self._next(), depth=depth + 1)
            case None:
                raise self._error("the text ends in the middle of a form")
        raise self._error(f"unexpected {token}")

    def _until(self, closing: str, depth: int) -> list[Any]:
        values: list[Any] = []
        while True:
            token, kind = self._next()
            if kind == "close" and token == closing:
                return values
            if kind == "discard":
                self._form(*self._next(), depth=depth)
            else:
                values.append(self._form(token, kind, depth))

    def _map(self, values: list[Any]) -> dict[Any, Any]:
        if len(values) % 2:
            raise self._error("a map has a key without a value")
        keys = (tuple(key) if isinstance(key, list) else key for key in values[::2])
        try:
            return dict(zip(keys, values[1::2], strict=True))
        except TypeError as error:
            raise self._error("the key of a map is no plain value") from error

    def _atom(self, token: str) -> Any:
        if token.startswith(":"):
            return Keyword(token[1:])
        if token in _WORDS:
            return _WORDS[token]
        if _INTEGER.fullmatch(token):
            return int(token.rstrip("N"))
        if _DECIMAL.fullmatch(token):
            return float(token.rstrip("M"))
        return token
