"""Endpoints that the user names: `--endpoint [REGION=]URL`, and the key pair to sign with.

One URL alone serves three Regions: a DynamoDB client says in the credential scope of its signature which
Region it means, and every emulator that knows Regions reads it from there. Several `REGION=URL` give just
those Regions, in that order.

AWS is refused (see `hosts`). Leaves out: paths behind the host, since SDKs post to `/` (AP-16).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from ddbproof.conformance.plan import Credentials, Target
from ddbproof.conformance.targets import hosts
from ddbproof.conformance.targets.errors import (
    EndpointSyntaxError,
    MissingCredentialsError,
    RefusedTargetError,
)

DEFAULT_REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-1")

# The key pair of AWS's documentation: it opens nothing, and everybody knows it.
EXAMPLE_CREDENTIALS = Credentials(
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # noqa: S106 (documented example)
)

_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d+")
_REGION_AND_URL = re.compile(r"(?P<region>[^=:/?#@]*)=(?P<url>.*)", re.DOTALL)
_AWS_HINT = (
    "ddbproof creates and deletes tables and backups, which on AWS costs money; judging AWS itself will come "
    "later, behind an explicit flag and with an estimate of the cost"
)


def parse_endpoints(texts: Sequence[str]) -> dict[str, str]:
    """Region -> base URL, in the order given.

    `texts` holds either one URL, which then serves DEFAULT_REGIONS, or any number of `REGION=URL`.
    Raises EndpointSyntaxError for what cannot be read and RefusedTargetError for a host of AWS.

    >>> parse_endpoints(["eu-west-1=http://127.0.0.1:8000"])
    {'eu-west-1': 'http://127.0.0.1:8000'}
    """
    if not texts:
        raise EndpointSyntaxError("No endpoint is given", hint="--endpoint http://127.0.0.1:8000")
    pairs = [_split(text) for text in texts]
    if len(pairs) == 1 and pairs[0][0] is None:
        url = checked_url(pairs[0][1])
        return dict.fromkeys(DEFAULT_REGIONS, url)
    endpoints: dict[str, str] = {}
    for region, text in pairs:
        if region is None:
            raise EndpointSyntaxError(
                f"Which Region does {_shown(text)} serve?",
                cause="With more than one --endpoint each needs its Region",
                hint=f"--endpoint us-east-1={_shown(text)}",
            )
        if region in endpoints:
            raise EndpointSyntaxError(
                f"Region {region} has two endpoints", hint="Give each Region one --endpoint REGION=URL"
            )
        endpoints[region] = checked_url(text)
    return endpoints


def checked_url(text: str) -> str:
    """The base URL in its plain form, `scheme://host[:port]`; raises as `parse_endpoints` does."""
    if re.search(r"[\s\\\x00-\x1f\x7f]", text):
        raise EndpointSyntaxError(
            "The endpoint's URL holds a space, a backslash or a control character",
            hint="Write it as http://HOST:PORT",
        )
    if "://" not in text:
        raise EndpointSyntaxError(
            f"{_shown(text)} is not a URL", cause="It has no scheme", hint=f"http://{_shown(text)}"
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise EndpointSyntaxError(
            f"{_shown(text)} is not a URL", cause=str(error), hint="Write it as http://HOST:PORT"
        ) from error
    if parts.scheme not in ("http", "https"):
        raise EndpointSyntaxError(
            f"The scheme of {_shown(text)} is {parts.scheme!r}", hint="DynamoDB speaks http or https"
        )
    if not host:
        raise EndpointSyntaxError(f"{_shown(text)} names no host", hint="Write it as http://HOST:PORT")
    _refuse_aws(host)
    if "@" in parts.netloc:
        raise EndpointSyntaxError(
            "The endpoint's URL holds a user name or a password",
            hint="Give credentials by --profile or by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise EndpointSyntaxError(
            f"{_shown(text)} has something behind the host",
            cause="DynamoDB clients post to the root of the host",
            hint=f"{parts.scheme}://{parts.netloc}",
        )
    if hosts.is_odd_number(host) or ("%" in host and ":" not in host):
        raise EndpointSyntaxError(
            f"The host {host!r} hides an address", hint="Write the address plainly, as in 127.0.0.1"
        )
    if port == 0:
        raise EndpointSyntaxError(f"The port of {_shown(text)} is 0", hint="Write the port it listens on")
    shown = f"[{host}]" if ":" in host else hosts.normalized_host(host)
    return f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "")


def find_credentials(
    urls: Iterable[str], profile: str | None, environment: Mapping[str, str] | None = None
) -> Credentials:
    """The key pair to sign with: the profile's, else the environment's, else (loopback only) the example pair.

    Raises MissingCredentialsError where none of them is there.
    """
    if profile is not None:
        return _profile_credentials(profile)
    variables = os.environ if environment is None else environment
    access_key_id = variables.get("AWS_ACCESS_KEY_ID", "")
    secret = variables.get("AWS_SECRET_ACCESS_KEY", "")
    if access_key_id and secret:
        return Credentials(access_key_id, secret, variables.get("AWS_SESSION_TOKEN") or None)
    if access_key_id or secret:
        missing = "AWS_SECRET_ACCESS_KEY" if access_key_id else "AWS_ACCESS_KEY_ID"
        raise MissingCredentialsError(
            "Half a key pair is in the environment", cause=f"{missing} is not set", hint=f"Set {missing}"
        )
    if all(hosts.is_loopback(urlsplit(url).hostname or "") for url in urls):
        return EXAMPLE_CREDENTIALS
    raise MissingCredentialsError(
        "There is no key pair to sign requests with",
        cause="The endpoint is not on this machine, and the environment has no AWS_ACCESS_KEY_ID",
        hint="Give --profile NAME, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    )


def named_target(texts: Sequence[str], profile: str | None) -> Target:
    """The target that `--endpoint` and `--profile` describe. Reaches nobody yet."""
    endpoints = parse_endpoints(texts)
    first = urlsplit(next(iter(endpoints.values())))
    return Target(
        name=first.netloc,
        endpoints=endpoints,
        credentials=find_credentials(endpoints.values(), profile),
        profile=profile,
    )


def _split(text: str) -> tuple[str | None, str]:
    match = _REGION_AND_URL.fullmatch(text.strip())
    if match is None:
        return None, text.strip()
    region = match["region"]
    if not _REGION.fullmatch(region):
        raise EndpointSyntaxError(
            f"{region!r} is not the name of a Region", hint="As in --endpoint eu-west-1=http://127.0.0.1:8000"
        )
    return region, match["url"]


def _shown(text: str) -> str:
    """The text without what may be a password in it."""
    return re.sub(r"//[^/@]*@", "//", text)


def _refuse_aws(host: str) -> None:
    if hosts.is_aws(host):
        raise RefusedTargetError(f"{hosts.normalized_host(host)} is AWS itself", hint=_AWS_HINT)


def refuse_hidden_aws(host: str) -> None:
    """Raise RefusedTargetError if the resolver says that the name leads to DynamoDB at AWS."""
    if hosts.canonical_name_is_dynamodb(host):
        raise RefusedTargetError(
            f"{host} leads to AWS itself", cause="Its canonical name says so", hint=_AWS_HINT
        )


def refuse_answer_of_aws(host: str) -> None:
    """Raise RefusedTargetError: an endpoint reached by address answered as only AWS does."""
    raise RefusedTargetError(f"{host} answers as AWS itself does", hint=_AWS_HINT)


def _profile_credentials(profile: str) -> Credentials:
    import botocore.exceptions
    import botocore.session

    session = botocore.session.Session(profile=profile)
    try:
        found = session.get_credentials()
        frozen = found.get_frozen_credentials() if found is not None else None
    except botocore.exceptions.ProfileNotFound as error:
        known = ", ".join(sorted(botocore.session.Session().available_profiles))
        raise MissingCredentialsError(
            f"There is no profile {profile!r}",
            cause=f"Profiles that exist: {known}" if known else "No profile exists",
            hint="Choose one of them" if known else "Make one with `aws configure --profile NAME`",
        ) from error
    except botocore.exceptions.BotoCoreError as error:
        raise MissingCredentialsError(
            f"The credentials of profile {profile!r} cannot be loaded", cause=_one_line(error), hint=None
        ) from error
    if frozen is None or not frozen.access_key or not frozen.secret_key:
        raise MissingCredentialsError(
            f"Profile {profile!r} has no key pair", hint=f"aws configure --profile {profile}"
        )
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
