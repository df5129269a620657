"""The credential scope tells Region and account; signatures are checked where that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import AuthenticationError
from ddbproof.reference_impl.options import AccessKey, EndpointOptions
from ddbproof.reference_impl.wire.signature import Callers, parse_authorization, verify

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "a secret of the tests"
BODY = b'{"TableName": "abc"}'
OPEN = EndpointOptions(access_keys={KEY_ID: AccessKey("123456789012")})
STRICT = EndpointOptions(access_keys={KEY_ID: AccessKey("123456789012", SECRET)}, verify_signatures=True)
Headers = dict[bytes, bytes]


def signed(
    *,
    secret: str = SECRET,
    key_id: str = KEY_ID,
    region: str = "us-east-1",
    service: str = "dynamodb",
    query: str = "",
) -> Headers:
    """Headers as botocore signs and sends them."""
    request = AWSRequest(
        "POST",
        f"http://127.0.0.1:8000/{query}",
        headers={
            "X-Amz-Target": "DynamoDB_20120810.DescribeTable",
            "User-Agent": "test",
            "X-Spaced": "a   b ",
        },
        data=BODY,
    )
    SigV4Auth(Credentials(key_id, secret), service, region).add_auth(request)
    headers = {name.lower().encode(): value.encode() for name, value in request.headers.items()}
    return headers | {b"host": b"127.0.0.1:8000"}


def refused(
    options: EndpointOptions, headers: Headers, body: bytes = BODY, target: str = "/"
) -> tuple[str, str]:
    with pytest.raises(AuthenticationError) as raised:
        Callers(options).of("POST", target, headers, body)
    assert raised.value.status == 400
    assert SECRET not in raised.value.message
    return raised.value.code, raised.value.message


def test_region_comes_from_the_scope_and_account_from_the_key() -> None:
    """One address serves all Regions."""
    caller = Callers(OPEN).of("POST", "/", signed(region="eu-west-1"), BODY)
    assert (caller.region, caller.account) == ("eu-west-1", "123456789012")


def test_an_unknown_key_belongs_to_the_default_account() -> None:
    """Any credentials will do unless signatures are verified."""
    assert Callers(OPEN).of("POST", "/", signed(key_id="whoever/else"), BODY).account == "000000000000"


def test_a_right_signature_is_accepted() -> None:
    """botocore signs, we agree."""
    assert Callers(STRICT).of("POST", "/", signed(), BODY).account == "123456789012"


def test_a_query_is_part_of_the_signature() -> None:
    """What is sent in the path is signed too."""
    headers = signed(query="?b=2&a=1")
    assert Callers(STRICT).of("POST", "/?b=2&a=1", headers, BODY)
    assert refused(STRICT, headers, target="/?b=2&a=2")[0] == "InvalidSignatureException"


TAMPERINGS: dict[str, Callable[[Headers], tuple[Headers, bytes]]] = {
    "body": lambda headers: (headers, BODY + b" "),
    "operation": lambda headers: (headers | {b"x-amz-target": b"DynamoDB_20120810.DeleteTable"}, BODY),
    "host": lambda headers: (headers | {b"host": b"elsewhere"}, BODY),
    "date": lambda headers: (
        headers
        | {b"x-amz-date": (datetime.now(UTC) + timedelta(seconds=90)).strftime("%Y%m%dT%H%M%SZ").encode()},
        BODY,
    ),
    "region": lambda headers: (
        headers | {b"authorization": headers[b"authorization"].replace(b"us-east-1", b"eu-west-1")},
        BODY,
    ),
    "signature": lambda headers: (
        headers | {b"authorization": headers[b"authorization"][:-1] + b"\xff"},
        BODY,
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_changed_request_is_refused(name: str) -> None:
    """Whatever a signature covers cannot be changed after signing."""
    headers, body = TAMPERINGS[name](signed())
    code, message = refused(STRICT, headers, body)
    assert code == "InvalidSignatureException"
    assert "does not match" in message


def test_a_wrong_secret_is_refused() -> None:
    """The secret is what counts."""
    assert refused(STRICT, signed(secret="another"))[0] == "InvalidSignatureException"


def test_an_unknown_key_is_refused_where_signatures_are_verified() -> None:
    """AWS's sentence for a key that it does not know."""
    wanted = ("UnrecognizedClientException", "The security token included in the request is invalid.")
    assert refused(STRICT, signed(key_id="AKIAUNKNOWN")) == wanted
    without_secret = EndpointOptions(access_keys={KEY_ID: AccessKey()}, verify_signatures=True)
    assert refused(without_secret, signed()) == wanted


@pytest.mark.parametrize("header", ["host", "x-amz-date", "x-amz-target"])
def test_headers_that_decide_the_meaning_must_be_signed(header: str) -> None:
    """Else a signature for one operation would serve for another."""
    headers = signed()
    names = headers[b"authorization"].replace(f"{header};".encode(), b"").replace(f";{header}".encode(), b"")
    code, message = refused(STRICT, headers | {b"authorization": names})
    assert (code, header in message) == ("InvalidSignatureException", True)


@pytest.mark.parametrize(("minutes", "lawful"), [(-6, False), (-4, True), (4, True), (6, False)])
def test_signatures_live_five_minutes(minutes: int, lawful: bool) -> None:
    """Replays are refused; the machine's clock judges, not the endpoint's movable one."""
    headers = signed()
    authorization = parse_authorization(headers[b"authorization"])
    stamp = headers[b"x-amz-date"].decode()
    now = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) + timedelta(minutes=minutes)
    if lawful:
        verify(authorization, SECRET, "POST", "/", headers, BODY, now)
        return
    with pytest.raises(AuthenticationError, match="not within 5 minutes") as raised:
        verify(authorization, SECRET, "POST", "/", headers, BODY, now)
    assert raised.value.code == "InvalidSignatureException"


@pytest.mark.parametrize("stamp", [b"", b"20260230T000000Z", b"yesterday", b"\xd9\xa1" * 16])
def test_a_signature_without_a_date_is_incomplete(stamp: bytes) -> None:
    """X-Amz-Date is required and must be an instant."""
    assert refused(STRICT, signed() | {b"x-amz-date": stamp})[0] == "IncompleteSignatureException"


def test_a_missing_signature_is_named() -> None:
    """AWS's sentence; and a word on presigned URLs, which are not built."""
    assert refused(OPEN, {}) == (
        "MissingAuthenticationTokenException",
        "Request is missing Authentication Token",
    )
    assert "not signatures in the query string" in refused(OPEN, {}, target="/?X-Amz-Credential=a")[1]


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer abc",
        b"AWS4-HMAC-SHA256",
        b"AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request",
        b"AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0",
        b"AWS4-HMAC-SHA256 Credential=a/20260101//dynamodb/aws4_request, SignedHeaders=host, Signature=0",
    ],
)
def test_a_malformed_authorization_is_incomplete(header: bytes) -> None:
    """What is missing is said."""
    code, message = refused(OPEN, {b"authorization": header})
    assert code == "IncompleteSignatureException"
    assert message


def test_spacing_and_order_of_the_authorization_are_free() -> None:
    """Some SDKs leave out the spaces."""
    header = b"AWS4-HMAC-SHA256  Signature=0,SignedHeaders=host,Credential=a/20260101/us-east-1/dynamodb/aws4_request"
    assert Callers(OPEN).of("POST", "/", {b"authorization": header}, BODY).region == "us-east-1"


def test_a_region_that_is_not_served_is_refused_and_the_served_ones_named() -> None:
    """A typing error in a Region must not look like an empty store."""
    code, message = refused(OPEN, signed(region="xx-east-9"))
    assert code == "InvalidSignatureException"
    assert message.startswith("Credential should be scoped to a valid Region, not 'xx-east-9'.")
    assert "eu-west-1" in message


def test_another_service_is_refused() -> None:
    """A signature for S3 is none for DynamoDB."""
    assert "correct service: 'dynamodb'" in refused(OPEN, signed(service="s3"))[1]


@given(
    st.binary(max_size=120) | st.binary(max_size=120).map(lambda tail: b"AWS4-HMAC-SHA256 Credential=" + tail)
)
def test_any_header_is_a_caller_or_a_refusal(header: bytes) -> None:
    """Nothing but AuthenticationError comes out."""
    for options in (OPEN, STRICT):
        with pytest.raises(AuthenticationError):
            Callers(options).of("POST", "/", {b"authorization": header}, BODY)
