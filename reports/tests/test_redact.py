"""No report shows a secret, and nothing that is not one is hidden."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reports.redact import REDACTED, publishable, redacted, without_machine_paths

KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
SIGNATURE = "fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024"
TOKEN = "IQoJb3JpZ2luX2VjEPT//////////wEaCXVzLWVhc3QtMSJH"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (
            f"Authorization: AWS4-HMAC-SHA256 Credential={KEY_ID}/20261123/us-east-1/dynamodb/aws4_request, "
            f"SignedHeaders=host;x-amz-date, Signature={SIGNATURE}",
            SIGNATURE,
        ),
        (f"GET /?X-Amz-Signature={SIGNATURE}&X-Amz-Date=20261123T164140Z", SIGNATURE),
        ("GET /?X-Amz-Credential=MYOWNKEY%2F20261123&x=1", "MYOWNKEY"),
        (f"the key {KEY_ID} is not known", KEY_ID),
        (f"env: AWS_SECRET_ACCESS_KEY={SECRET}", SECRET),
        (f'{{"SecretAccessKey":"{SECRET}"}}', SECRET),
        (json.dumps({"body": json.dumps({"SessionToken": TOKEN})}), TOKEN),
        (f"x-amz-security-token: {TOKEN}", TOKEN),
        (f"aws_session_token = {TOKEN}", TOKEN),
        ("Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", "eyJhbGciOiJIUzI1NiJ9"),
        ("cannot reach http://user:hunter2hunter2@127.0.0.1:8000/", "hunter2"),
        ("{'password': 'correct horse'}", "correct horse"),
        (f"a secret by itself: {SECRET}", SECRET),
    ],
)
def test_secrets_are_not_shown(text: str, secret: str) -> None:
    """By their names, their places or their looks; what stands around them stays."""
    shown = redacted(text)
    assert secret not in shown
    assert REDACTED in shown
    assert shown.startswith(text[:4])


@pytest.mark.parametrize(
    "text",
    [
        '{"TableName":"ddbproof-1c9278b6-orders","Item":{"pk":{"S":"a"},"v":{"N":"1"}}}',
        '{"ClientRequestToken":"0d2b5b7e-7c11-4c8e-9f3e-2f0d6f0c1a11","NextToken":"eyJhIjoxfQ=="}',
        "arn:aws:dynamodb:us-east-1:000000000000:table/ddbproof-1c9278b6-orders/backup/01730000000000-00000000",
        "9a5eb98d0f6d3a0f6f7f1d6a2b7c8e9f00112233",
        "KeySchema: pk HASH; keys are kept; KeysOnly",
        "ddbproof.conformance.suite.test_recovery::test_a_restore_returns_the_data_of_the_asked_second",
        "AWSKMS; Basic facts; Bearer",
        "http://127.0.0.1:8000/path@place",
    ],
)
def test_what_is_no_secret_is_shown(text: str) -> None:
    """Names of resources, tokens of the API, digests and sentences stay as they are."""
    assert redacted(text) == text


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    """Whatever the text is."""
    assert redacted(redacted(text)) == redacted(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hooks in /home/me/hooks.toml", "hooks in <path>"),
        ("see C:\\Users\\me\\moto.py, line 7", "see <path>, line 7"),
        ("table/orders/backup/1", "table/orders/backup/1"),
        ("http://127.0.0.1:8000/home/x", "http://127.0.0.1:8000/home/x"),
    ],
)
def test_machine_paths_are_not_published(text: str, shown: str) -> None:
    """Addresses and names of resources are no paths."""
    assert without_machine_paths(text) == shown


def test_all_of_a_record_is_made_publishable() -> None:
    """Names of members too, at any depth; numbers stay."""
    given_data = {"seen": {KEY_ID: [f"at /home/me/x {KEY_ID}", 7, None]}}
    assert publishable(given_data) == {"seen": {REDACTED: [f"at <path> {REDACTED}", 7, None]}}
