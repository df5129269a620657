"""Who calls: the credential scope of a SigV4 signature, and on request the signature itself.

The Region comes from the credential scope, as one address serves all Regions of this endpoint; the account
comes from the access key. Signatures are checked only with `verify_signatures`; then the request's date is
held against the machine's clock and not the endpoint's, because the endpoint's may have been moved by days
while the caller's cannot.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from ddbproof.reference_impl.errors import AuthenticationError
from ddbproof.reference_impl.options import AccessKey, EndpointOptions

LARGEST_CLOCK_SKEW = timedelta(minutes=5)
ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "dynamodb"
_FIELD = re.compile(r"([A-Za-z]+)=([^,\s]+)")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed, and for which Region."""

    access_key_id: str
    region: str
    account: str


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of an Authorization header."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


@lru_cache(4096)
def parse_authorization(header: str) -> Authorization:
    """Raises AuthenticationError unless the header is a complete SigV4 authorization."""
    if not header.startswith(ALGORITHM):
        raise AuthenticationError(
            "IncompleteSignatureException", f"Authorization header must begin with {ALGORITHM}"
        )
    fields = dict(_FIELD.findall(header))
    for name in ("Credential", "SignedHeaders", "Signature"):
        if name not in fields:
            raise AuthenticationError(
                "IncompleteSignatureException", f"Authorization header requires '{name}' parameter."
            )
    parts = fields["Credential"].rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise AuthenticationError(
            "IncompleteSignatureException",
            "Credential must have the form key/date/region/dynamodb/aws4_request",
        )
    return Authorization(
        parts[0], parts[1], parts[2], parts[3], tuple(fields["SignedHeaders"].split(";")), fields["Signature"]
    )


def authenticate(
    options: EndpointOptions, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Caller:
    """The caller of a request; `headers` have lower-case names. Raises AuthenticationError."""
    header = headers.get("authorization")
    if header is None:
        raise AuthenticationError(
            "MissingAuthenticationTokenException", "Request is missing Authentication Token"
        )
    authorization = parse_authorization(header)
    if authorization.service != _SERVICE:
        raise AuthenticationError(
            "InvalidSignatureException", f"Credential should be scoped to correct service: '{_SERVICE}'. "
        )
    if authorization.region not in options.regions:
        raise AuthenticationError(
            "InvalidSignatureException",
            f"Credential should be scoped to a valid Region, not '{authorization.region}'. "
            f"This endpoint serves {', '.join(options.regions)}.",
        )
    key = options.access_keys.get(authorization.access_key_id)
    if options.verify_signatures:
        if key is None or key.secret is None:
            raise AuthenticationError(
                "UnrecognizedClientException", "The security token included in the request is invalid."
            )
        verify(authorization, key.secret, method, path, headers, body, datetime.now(UTC))
    return Caller(authorization.access_key_id, authorization.region, (key or AccessKey()).account)


def verify(
    authorization: Authorization,
    secret: str,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> None:
    """Raises AuthenticationError unless the signature is right and not older than five minutes."""
    stamp = headers.get("x-amz-date", "")
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise AuthenticationError(
            "IncompleteSignatureException",
            "Authorization header requires existence of an 'X-Amz-Date' header.",
        ) from None
    if abs(now - signed_at) > LARGEST_CLOCK_SKEW or not stamp.startswith(authorization.date):
        raise AuthenticationError(
            "InvalidSignatureException",
            f"Signature expired or not yet current: {stamp} is not within 5 minutes",
        )
    scope = f"{authorization.date}/{authorization.region}/{authorization.service}/aws4_request"
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/-_.~"),
            "",
            *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in authorization.signed_headers),
            "",
            ";".join(authorization.signed_headers),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (authorization.date, authorization.region, authorization.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    wanted = hmac.new(key, f"{ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode(), "sha256").hexdigest()
    if "host" not in authorization.signed_headers or not hmac.compare_digest(
        wanted.encode(), authorization.signature.encode()
    ):
        raise AuthenticationError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.",
        )
