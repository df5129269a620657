"""Ask before anything is created: does the endpoint answer ListTables, in every Region, as DynamoDB does?

Each way in which it may not becomes one line of cause and a hint. Raises

    UnreachableError           closed port, unknown name, silence, TLS on one side only, a certificate that is
                               not trusted, HTML or anything else that is no DynamoDB, a server error
    RejectedCredentialsError   the endpoint knows neither the access key nor the signature
    RefusedTargetError         the endpoint turns out to be AWS itself

Leaves out: whether the endpoint is any good. That is the suite's business.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from urllib.parse import urlsplit

from ddbproof.conformance.plan import Target
from ddbproof.conformance.targets import hosts, probe
from ddbproof.conformance.targets.endpoint import refuse_answer_of_aws, refuse_hidden_aws
from ddbproof.conformance.targets.errors import RejectedCredentialsError, TargetError, UnreachableError

_CREDENTIAL_CODES = frozenset(
    {
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredTokenException",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_AWS_REQUEST_ID_LENGTH = 52
_PROBE_TIMEOUT_SECONDS = 2.0


def preflight(target: Target, *, timeout_seconds: float = 5.0) -> str | None:
    """Ask every Region of `target` once; the version that its Server header tells, None if it tells none.

    `timeout_seconds` bounds each Region's answer. Nothing is created at the target.
    """
    for host in {urlsplit(url).hostname or "" for url in target.endpoints.values()}:
        refuse_hidden_aws(host)
    server: str | None = None
    for region, url in target.endpoints.items():
        server = _ask_region(target, region, url, timeout_seconds) or server
    return server


def _ask_region(target: Target, region: str, url: str, timeout_seconds: float) -> str | None:
    try:
        answer = probe.ask(url, region, target.credentials, "ListTables", b'{"Limit":1}', timeout_seconds)
    except (OSError, http.client.HTTPException) as error:
        raise _transport_failure(url, error, timeout_seconds) from error
    except (ValueError, UnicodeError) as error:
        raise UnreachableError(f"{url} cannot be asked", cause=_one_line(error)) from error
    _refuse_aws_by_answer(url, answer)
    document = answer.document
    if answer.status == 200 and document is not None and isinstance(document.get("TableNames"), list):
        return _version(answer.headers.get("server"))
    if document is not None and isinstance(document.get("__type", document.get("code")), str):
        raise _refused_by_service(url, region, answer.status, document)
    raise _not_dynamodb(url, answer)


def _transport_failure(url: str, error: Exception, timeout_seconds: float) -> TargetError:
    """The reason for which no answer came, as an error with a hint."""
    host = urlsplit(url).hostname
    secure = url.startswith("https:")
    if isinstance(error, socket.gaierror):
        return UnreachableError(
            f"The host {host!r} is unknown", cause=error.strerror, hint="Check the spelling and the resolver"
        )
    if isinstance(error, ConnectionRefusedError):
        return UnreachableError(
            f"Nothing listens at {url}",
            cause="The connection was refused",
            hint="Start the endpoint, or check the port",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return UnreachableError(
            f"The certificate of {url} is not trusted",
            cause=error.verify_message,
            hint="Set SSL_CERT_FILE to the certificate of the authority that signed it",
        )
    if secure and probe.speaks_plain_http(url, _PROBE_TIMEOUT_SECONDS):
        return UnreachableError(
            f"{url} does not speak TLS",
            cause="The port answers plain HTTP",
            hint=url.replace("https:", "http:", 1),
        )
    if not secure and probe.speaks_tls(url, _PROBE_TIMEOUT_SECONDS):
        return _needs_tls(url)
    if isinstance(error, TimeoutError):
        return UnreachableError(
            f"{url} did not answer within {timeout_seconds:g} s",
            cause="The connection or the answer timed out",
            hint="Check that the endpoint is up and that no firewall swallows the request",
        )
    if isinstance(error, ssl.SSLError):
        return UnreachableError(
            f"The TLS handshake with {url} failed", cause=error.reason or _one_line(error)
        )
    if isinstance(error, http.client.HTTPException) and not isinstance(error, http.client.RemoteDisconnected):
        return UnreachableError(
            f"What answers at {url} is not HTTP",
            cause=f"{type(error).__name__}: {_one_line(error)}"[:160],
            hint="Check the port: another service may listen there",
        )
    return UnreachableError(
        f"{url} cannot be reached",
        cause=_one_line(error) or type(error).__name__,
        hint="Check the address and the network",
    )


def _needs_tls(url: str) -> UnreachableError:
    return UnreachableError(
        f"{url} speaks TLS only",
        cause="The port completes a TLS handshake and does not answer plain HTTP as DynamoDB",
        hint=url.replace("http:", "https:", 1),
    )


def _refused_by_service(url: str, region: str, status: int, document: dict[str, object]) -> TargetError:
    """The endpoint speaks the protocol and says no."""
    code = str(document.get("__type", document.get("code"))).rpartition("#")[2]
    sentence = str(document.get("message", document.get("Message", "")))
    cause = f"{code}: {sentence}"[:300] if sentence else code
    if status in (401, 403) or code in _CREDENTIAL_CODES:
        return RejectedCredentialsError(
            f"{url} does not accept the credentials in {region}",
            cause=cause,
            hint="Give the key pair it knows by --profile or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "and check this machine's clock",
        )
    if status >= 500:
        return UnreachableError(
            f"{url} answers {status} to ListTables in {region}",
            cause=cause,
            hint="The endpoint's own log should tell more",
        )
    return UnreachableError(
        f"{url} refuses ListTables in {region}",
        cause=cause,
        hint="If it serves other Regions, name them: --endpoint REGION=URL",
    )


def _not_dynamodb(url: str, answer: probe.RawAnswer) -> TargetError:
    """Something answers HTTP and is no DynamoDB."""
    if url.startswith("http:") and probe.speaks_tls(url, _PROBE_TIMEOUT_SECONDS):
        return _needs_tls(url)
    kind = _plain_text(answer.headers.get("content-type")) or "no content type"
    begins = _plain_text(answer.body[:60].decode("utf-8", "replace")) or "nothing"
    cause = f"HTTP {answer.status}, {kind}, begins with: {begins}"
    if answer.status >= 500:
        return UnreachableError(
            f"{url} answers {answer.status} to ListTables", cause=cause, hint="See the endpoint's own log"
        )
    if answer.status in (401, 403, 407):
        return RejectedCredentialsError(
            f"{url} denies access", cause=cause, hint="A proxy or gateway in front of it may want credentials"
        )
    if 300 <= answer.status < 400:
        place = _plain_text(answer.headers.get("location")) or "elsewhere"
        return UnreachableError(f"{url} redirects to {place}", cause=cause, hint="Name the final address")
    return UnreachableError(
        f"What answers at {url} is not DynamoDB",
        cause=cause,
        hint="Check the port: a web server or another service listens there",
    )


def _refuse_aws_by_answer(url: str, answer: probe.RawAnswer) -> None:
    """AWS behind a public address: the Server header is the word `Server`, the request id has 52 characters."""
    host = urlsplit(url).hostname or ""
    address = hosts.as_address(host)
    request_id = answer.headers.get("x-amzn-requestid", "")
    if (
        address is not None
        and address.is_global
        and answer.headers.get("server") == "Server"
        and len(request_id) == _AWS_REQUEST_ID_LENGTH
    ):
        refuse_answer_of_aws(host)


def _version(server: str | None) -> str | None:
    """The Server header where it tells a version; the bare word `Server`, which AWS sends, tells none."""
    text = _plain_text(server)
    return text if text is not None and any(letter.isdigit() for letter in text) else None


def _plain_text(text: str | None) -> str | None:
    """One printable line of at most 80 characters: what a stranger's server says is not to be trusted."""
    if text is None:
        return None
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:80] or None


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
