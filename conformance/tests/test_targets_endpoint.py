"""`--endpoint`: what is understood, what is refused, and which key pair signs."""

from __future__ import annotations

import json
from pathlib import Path

import botocore
import pytest

from ddbproof.conformance.targets import hosts, open_target
from ddbproof.conformance.targets.endpoint import (
    DEFAULT_REGIONS,
    EXAMPLE_CREDENTIALS,
    find_credentials,
    named_target,
    parse_endpoints,
)
from ddbproof.conformance.targets.errors import (
    EndpointSyntaxError,
    MissingCredentialsError,
    RefusedTargetError,
    TargetError,
    UnknownTargetError,
)

AWS_URLS = [
    "https://dynamodb.us-east-1.amazonaws.com",
    "http://dynamodb.us-east-1.amazonaws.com",
    "https://DynamoDB.US-EAST-1.AmazonAWS.com",
    "https://dynamodb.us-east-1.amazonaws.com.",
    "https://dynamodb.us-east-1.amazonaws.com:443/",
    "https://dynamodb-fips.us-gov-west-1.amazonaws.com",
    "https://dynamodb.cn-north-1.amazonaws.com.cn",
    "https://dynamodb.cn-north-1.api.amazonwebservices.com.cn",
    "https://dynamodb.us-east-1.api.aws",
    "https://123456789012.ddb.us-east-1.amazonaws.com",
    "https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com",
    "https://something.lambda-url.us-east-1.on.aws",
    "https://dynamodb.eusc-de-east-1.amazonaws.eu",
    "https://dynamodb.us-iso-east-1.c2s.ic.gov",
    "https://dynamodb.us-isob-east-1.sc2s.sgov.gov",
    "https://127.0.0.1@dynamodb.us-east-1.amazonaws.com",
    "https://user:word@dynamodb.us-east-1.amazonaws.com",
    "https://dynamodb.us-east-1.amazonaws。com",
    "https://ｄynamodb.us-east-1.amazonaws.com",
    "us-east-1=https://dynamodb.us-east-1.amazonaws.com",
]


@pytest.mark.parametrize("url", AWS_URLS)
def test_aws_is_refused(url: str) -> None:
    """No spelling of a host of AWS is taken, and the hint says what will come instead."""
    with pytest.raises(RefusedTargetError) as refused:
        parse_endpoints([url])
    assert refused.value.exit_code == 2
    assert "cost" in str(refused.value.hint)


@pytest.mark.parametrize(
    "host", ["amazonaws.com.example.org", "notamazonaws.com", "laws", "dynamodb.example.org", "localhost"]
)
def test_other_hosts_are_not_aws(host: str) -> None:
    """A host that only looks a little like AWS is somebody else's."""
    assert not hosts.is_aws(host)
    assert parse_endpoints([f"http://{host}:8000"])


def test_every_partition_of_aws_is_known() -> None:
    """The refusal covers each partition that botocore knows, in both kinds of name."""
    data = Path(botocore.__file__).parent / "data" / "partitions.json"
    partitions = json.loads(data.read_text("utf-8"))["partitions"]
    suffixes = {p["outputs"][kind] for p in partitions for kind in ("dnsSuffix", "dualStackDnsSuffix")}
    assert len(suffixes) > 8
    assert [suffix for suffix in suffixes if not hosts.is_aws(f"dynamodb.some-region-1.{suffix}")] == []


def test_canonical_names_give_aws_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of one's own that the resolver leads to DynamoDB is AWS; a load balancer there is not."""
    names = {"mine.example": "dynamodb.us-east-1.amazonaws.com", "lb.example": "a.elb.amazonaws.com"}

    def resolve(host: str, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        return [(2, 1, 6, names[host], ("192.0.2.1", 0))]

    monkeypatch.setattr("socket.getaddrinfo", resolve)
    assert hosts.canonical_name_is_dynamodb("mine.example")
    assert not hosts.canonical_name_is_dynamodb("lb.example")


def test_one_url_serves_three_regions() -> None:
    """A lone URL serves the default Regions through the credential scope."""
    assert parse_endpoints(["http://localhost:8000/"]) == dict.fromkeys(
        DEFAULT_REGIONS, "http://localhost:8000"
    )


def test_named_regions_are_all_there_is() -> None:
    """Several REGION=URL give just those Regions, in that order."""
    texts = ["eu-west-1=http://127.0.0.1:1", "us-gov-west-1=https://[::1]:2"]
    assert list(parse_endpoints(texts).items()) == [
        ("eu-west-1", "http://127.0.0.1:1"),
        ("us-gov-west-1", "https://[::1]:2"),
    ]


@pytest.mark.parametrize(
    ("texts", "part"),
    [
        (["localhost:8000"], "not a URL"),
        (["ftp://localhost"], "scheme"),
        (["http://"], "no host"),
        (["http://localhost:99999"], "not a URL"),
        (["http://localhost:0"], "port"),
        (["http://[::1"], "not a URL"),
        (["http://localhost/dynamodb"], "behind the host"),
        (["http://localhost/?a=b"], "behind the host"),
        (["http://me:secret@localhost"], "password"),
        (["http://127.0.0.1\\@dynamodb.us-east-1.amazonaws.com"], "backslash"),
        (["http://local host"], "space"),
        (["http://2130706433:8000"], "hides"),
        (["http://0x7f000001"], "hides"),
        (["http://dynamodb%2eus-east-1%2eamazonaws%2ecom"], "hides"),
        (["nowhere=http://localhost"], "Region"),
        (["=http://localhost"], "Region"),
        (["http://localhost:1", "http://localhost:2"], "Which Region"),
        (["eu-west-1=http://a", "eu-west-1=http://b"], "two endpoints"),
        ([""], "not a URL"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(texts: list[str], part: str) -> None:
    """Each mistake has a sentence and a hint, and never shows a password."""
    with pytest.raises(EndpointSyntaxError) as raised:
        parse_endpoints(texts)
    assert part in raised.value.message
    assert raised.value.hint
    assert raised.value.exit_code == 2
    assert "secret" not in f"{raised.value.message} {raised.value.cause} {raised.value.hint}"


def test_environment_signs_before_the_example_pair() -> None:
    """The key pair of the environment is used, its session token too; else, on loopback, AWS's example pair."""
    variables = {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "B", "AWS_SESSION_TOKEN": "C"}
    found = find_credentials(["http://127.0.0.1:8000"], None, variables)
    assert (found.access_key_id, found.secret_access_key, found.session_token) == ("A", "B", "C")
    assert find_credentials(["http://[::1]:8000"], None, {}) == EXAMPLE_CREDENTIALS


@pytest.mark.parametrize("variables", [{}, {"AWS_ACCESS_KEY_ID": "A"}, {"AWS_SECRET_ACCESS_KEY": "B"}])
def test_no_key_pair_is_said_before_anything_is_asked(variables: dict[str, str]) -> None:
    """Away from loopback nothing signs by itself."""
    with pytest.raises(MissingCredentialsError) as raised:
        find_credentials(["http://192.0.2.1:8000"], None, variables)
    assert raised.value.exit_code == 2
    assert raised.value.hint


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two profiles, one of them without keys."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_CONFIG_FILE"):
        monkeypatch.delenv(variable, raising=False)
    shared = tmp_path / "credentials"
    shared.write_text("[alternator]\naws_access_key_id = K\naws_secret_access_key = the-secret\n")
    config = tmp_path / "config"
    config.write_text("[profile empty]\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(shared))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("profiles")
def test_a_profile_signs() -> None:
    """--profile NAME gives its key pair."""
    target = named_target(["http://192.0.2.1:8000"], "alternator")
    assert target.credentials.access_key_id == "K"
    assert target.profile == "alternator"
    assert "the-secret" not in repr(target)


@pytest.mark.usefixtures("profiles")
def test_an_unknown_profile_is_told_from_those_that_exist() -> None:
    """The error lists the profiles there are."""
    with pytest.raises(MissingCredentialsError) as raised:
        find_credentials([], "nobody")
    assert "alternator" in str(raised.value.cause)


@pytest.mark.usefixtures("profiles")
def test_a_profile_without_keys_is_an_error() -> None:
    """A profile that has only settings does not fall back to anything."""
    with pytest.raises(MissingCredentialsError, match="no key pair"):
        find_credentials([], "empty")


def test_an_unknown_target_has_a_nearest_name() -> None:
    """--target of a name that does not exist names the nearest."""
    with pytest.raises(UnknownTargetError) as raised, open_target("motto"):
        pass
    assert raised.value.hint == "Did you mean moto?"
    assert isinstance(raised.value, TargetError)
