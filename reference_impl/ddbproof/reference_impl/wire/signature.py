"""Who calls: the credential scope of a SigV4 signature, and on request the signature itself.

The Region comes from the credential scope, as one address serves all Regions of this endpoint; the account
comes from the access key. Signatures are checked only with `verify_signatures`, because the point of a test
endpoint is that any credentials will do.

Where they are checked: the headers that decide what a request means (`host`, `x-amz-date`, `x-amz-target`)
must be signed, the body is part of the signature, and the date must lie within five minutes of the
*machine's* clock. Not of the endpoint's: that one may have been moved by days, while the caller's clock
cannot be. Source: AWS General Reference, "Signature Version 4".

Not built: signatures in the query string (presigned URLs), session tokens (ignored), chunked signatures.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.errors import AuthenticationError
from ddbproof.reference_impl.options import AccessKey, EndpointOptions

LARGEST_CLOCK_SKEW = timedelta(minutes=5)
ALGORITHM = "AWS4-HMAC-SHA256"
MUST_BE_SIGNED = ("host", "x-amz-date", "x-amz-target")
_SERVICE = "dynamodb"
_USUAL = re.compile(rb"AWS4-HMAC-SHA256 Credential=[^,\s]+, SignedHeaders=[^,\s=]+, Signature=[0-9A-Za-z]+\Z")
_PARTS = re.compile(r"([A-Za-z]+)=([^,\s]+)")
_STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z\Z")
_ANYBODY = AccessKey()
_MOST_KNOWN = 1024


class Scope(NamedTuple):
    """A credential scope: whose key signed, on which date (YYYYMMDD), for which Region and service."""

    access_key_id: str
    date: str
    region: str
    service: str


class Authorization(NamedTuple):
    """The parts of an Authorization header; names of signed headers are joined by `;`."""

    scope: Scope
    signed_headers: str
    signature: str


def parse_authorization(header: bytes) -> Authorization:
    """Raises AuthenticationError unless the header is a complete SigV4 authorization."""
    algorithm, _, rest = header.decode("latin-1").partition(" ")
    if algorithm != ALGORITHM:
        raise _incomplete(f"Authorization header must begin with '{ALGORITHM}'.")
    parts = dict(_PARTS.findall(rest))
    missing = [name for name in ("Credential", "Signature", "SignedHeaders") if name not in parts]
    if missing:
        raise _incomplete(*(f"Authorization header requires '{name}' parameter." for name in missing))
    return Authorization(parse_scope(parts["Credential"]), parts["SignedHeaders"], parts["Signature"])


def parse_scope(credential: str) -> Scope:
    """Raises AuthenticationError unless the text is `key/date/Region/service/aws4_request`."""
    parts = credential.rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise _incomplete("Credential must have the form <key>/<date>/<Region>/dynamodb/aws4_request.")
    return Scope(*parts[:4])


class Callers:
    """Who calls the endpoint with these options."""

    def __init__(self, options: EndpointOptions) -> None:
        self._options = options
        # By all of a usual header but the signature, which is looked at only if `verify_signatures` asks for it.
        self._known: dict[bytes, CallContext] = {}

    def of(self, method: str, target: str, headers: Mapping[bytes, bytes], body: bytes) -> CallContext:
        """The caller of a request.

        `target` is path and query as sent, `headers` have lower-case names. Raises AuthenticationError.
        """
        header = headers.get(b"authorization")
        if header is None:
            raise AuthenticationError("MissingAuthenticationTokenException", _missing_sentence(target))
        beginning, _, given = header.rpartition(b"=")
        caller = self._known.get(beginning)
        if caller is not None and given.isalnum():
            return caller
        authorization = parse_authorization(header)
        caller = self._of_scope(authorization.scope)
        if self._options.verify_signatures:
            key = self._options.access_keys.get(authorization.scope.access_key_id)
            if key is None or key.secret is None:
                raise AuthenticationError(
                    "UnrecognizedClientException", "The security token included in the request is invalid."
                )
            verify(authorization, key.secret, method, target, headers, body, datetime.now(UTC))
        elif _USUAL.match(header):
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[beginning] = caller
        return caller

    def _of_scope(self, scope: Scope) -> CallContext:
        options = self._options
        if scope.service != _SERVICE:
            raise _invalid(f"Credential should be scoped to correct service: '{_SERVICE}'.")
        if scope.region not in options.regions:
            raise _invalid(
                f"Credential should be scoped to a valid Region, not '{scope.region}'. "
                f"This endpoint serves {', '.join(options.regions)}."
            )
        return CallContext(scope.region, options.access_keys.get(scope.access_key_id, _ANYBODY).account)


def verify(
    authorization: Authorization,
    secret: str,
    method: str,
    target: str,
    headers: Mapping[bytes, bytes],
    body: bytes,
    now: datetime,
) -> None:
    """Raises AuthenticationError unless the signature is right and made within five minutes of `now`."""
    stamp = headers.get(b"x-amz-date", b"").decode("latin-1")
    signed_at = _instant(stamp)
    if signed_at is None:
        raise _incomplete("Authorization header requires existence of a 'X-Amz-Date' header.")
    if not stamp.startswith(authorization.scope.date):
        raise _invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date.")
    if abs(now - signed_at) > LARGEST_CLOCK_SKEW:
        # The caller's clock is wrong, or the message is replayed.
        raise _invalid(
            f"Signature expired or not yet current: {stamp} is not within 5 minutes of {now:%Y%m%dT%H%M%SZ}"
        )
    signed = authorization.signed_headers.split(";")
    unsigned = [name for name in MUST_BE_SIGNED if name not in signed]
    if unsigned:
        raise _invalid(f"'{unsigned[0]}' must be a 'SignedHeader' in the AWS Authorization.")
    wanted = signature(authorization, secret, stamp, method, target, headers, body)
    if not hmac.compare_digest(wanted.encode(), authorization.signature.encode("latin-1", "replace")):
        raise _invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details."
        )


def signature(
    authorization: Authorization,
    secret: str,
    stamp: str,
    method: str,
    target: str,
    headers: Mapping[bytes, bytes],
    body: bytes,
) -> str:
    """The signature, in hexadecimal, that such a request must carry."""
    path, _, query = target.partition("?")
    names = authorization.signed_headers.encode("latin-1", "replace")
    lines = [method.encode(), path.encode(), "&".join(sorted(query.split("&"))).encode()]
    lines += [name + b":" + b" ".join(headers.get(name, b"").split()) for name in names.split(b";")]
    lines += [b"", names, hashlib.sha256(body).hexdigest().encode()]
    canonical = b"\n".join(lines)
    scope = authorization.scope
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    scope_text = f"{scope.date}/{scope.region}/{scope.service}/aws4_request"
    to_sign = f"{ALGORITHM}\n{stamp}\n{scope_text}\n{hashlib.sha256(canonical).hexdigest()}"
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _instant(stamp: str) -> datetime | None:
    if _STAMP.match(stamp) is None:
        return None
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _missing_sentence(target: str) -> str:
    sentence = "Request is missing Authentication Token"
    if "X-Amz-Credential=" in target:
        sentence += ": this endpoint reads the Authorization header, not signatures in the query string"
    return sentence


def _incomplete(*sentences: str) -> AuthenticationError:
    return AuthenticationError("IncompleteSignatureException", " ".join(sentences))


def _invalid(sentence: str) -> AuthenticationError:
    return AuthenticationError("InvalidSignatureException", sentence)
