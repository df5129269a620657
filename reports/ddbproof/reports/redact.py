"""Secrets and machine paths, taken out of whatever is shown or published.

A results file holds no headers and so no signatures. But a target may repeat what it was sent: an error page
with the Authorization header, an address with a password in it, the credentials of its own process. Whoever
attaches a report to a public issue must not have to read it all first.

What looks like a secret is replaced by `[redacted]`, by these rules and no others: access key ids of AWS; the
parts of a signature (Signature, Credential, X-Amz-Security-Token); values of Authorization headers and bearer
tokens; members and parameters named like secrets (SecretAccessKey, SessionToken, password, api_key ...); the
user information of an address; and words of forty characters that only a secret access key looks like. Tokens
of the API itself, such as NextToken or ClientRequestToken, are not secret and stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

REDACTED = "[redacted]"
_PATH = "<path>"

_NAMES = (
    r"(?:aws_?)?secret_?(?:access_?)?key|(?:aws_?)?session_?token|(?:x-amz-)?security-?token"
    r"|password|passwd|api_?key|access_?token|refresh_?token|private_?key|client_?secret|x-ddbproof-token"
)
_RULES = (
    # Authorization: AWS4-HMAC-SHA256 Credential=..., SignedHeaders=..., Signature=...
    (re.compile(r"AWS4-HMAC-SHA256\s+Credential=[^\"'<>\\\n]*", re.IGNORECASE), f"AWS4-HMAC-SHA256 {REDACTED}"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}"), rf"\1 {REDACTED}"),
    (re.compile(r"\b((?:X-Amz-)?(?:Signature|Credential)=)[^\s&,;\"'<>\\]+", re.IGNORECASE), rf"\1{REDACTED}"),
    # "SessionToken": "...", also with the quotes escaped, as in JSON within JSON
    (
        re.compile(rf"((?:{_NAMES})\\?[\"']?\s*[:=]\s*\\?[\"'])[^\"'\\]+", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    # the same without quotes, as in a header or an environment
    (re.compile(rf"((?:{_NAMES})\s*[:=]\s*)[^\s&,;\"'<>\\\[]+", re.IGNORECASE), rf"\1{REDACTED}"),
    (re.compile(r"(://)[^\s/@\"'<>]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA|AIDA|AROA|AGPA|ANPA)[A-Z0-9]{12,28}(?![A-Za-z0-9])"), REDACTED),
    # Forty letters of base64 with all of lower case, upper case and digits: what a secret access key looks like.
    # A digest in hexadecimal has no upper case, and a resource's name has hyphens.
    (
        re.compile(
            r"(?<![A-Za-z0-9/+=_.:-])(?=[A-Za-z0-9/+]*[a-z])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*[0-9])"
            r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_:-])"
        ),
        REDACTED,
    ),
)  # fmt: skip
_MACHINE_PATHS = re.compile(
    r"(?<![\w.:/])/(?:home|Users|root|work|tmp|var|opt|usr|srv|mnt|private|data|app|build)/[^\s\"'`,;:)\]}<>\\]*"
    r"|\b[A-Z]:\\{1,2}(?:Users|Windows|Program Files|Temp)[^\s\"'`,;:)\]}<>]*"
)


def redacted(text: str) -> str:
    """The text without what looks like a secret.

    >>> redacted("Credential=AKIDEXAMPLE/20261123/us-east-1, key AKIAIOSFODNN7EXAMPLE")
    'Credential=[redacted], key [redacted]'
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def without_machine_paths(text: str) -> str:
    """The text with files of somebody's machine as `<path>`.

    >>> without_machine_paths('File "/home/me/moto/app.py", line 7')
    'File "<path>", line 7'
    """
    return _MACHINE_PATHS.sub(_PATH, text)


def redacted_data(value: Any) -> Any:
    """Plain data (text, numbers, lists, dictionaries) with every text in it redacted."""
    return _through(value, redacted)


def publishable(value: Any) -> Any:
    """Plain data with every text redacted and without machine paths."""
    return _through(value, lambda text: without_machine_paths(redacted(text)))


def _through(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_through(name, change): _through(member, change) for name, member in value.items()}
    if isinstance(value, list):
        return [_through(member, change) for member in value]
    return value
