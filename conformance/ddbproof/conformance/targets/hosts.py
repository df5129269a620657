"""Whose host is it: AWS's, this machine's, or somebody else's.

The suite creates and deletes tables, makes backups and restores, and on AWS that costs money and touches
somebody's account. Hence AWS is refused by name, in every partition and every spelling that still reaches it
(case, trailing dot, full-width letters, ideographic dots). An address cannot be recognised by its spelling;
`preflight` recognises AWS by how it answers.

Leaves out: a name of one's own that points at AWS is caught only where the resolver tells the canonical name.
"""

from __future__ import annotations

import ipaddress
import socket
import unicodedata

# One entry per partition and kind of name; a test compares it with botocore's own list of partitions.
AWS_SUFFIXES = (
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.com.cn",
    "api.amazonwebservices.eu",
    "api.aws.ic.gov",
    "api.aws.hci.ic.gov",
    "api.aws.scloud",
    "api.cloud-aws.adc-e.uk",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "csp.hci.ic.gov",
    "cloud.adc-e.uk",
    # The whole top level domain is Amazon's: api.aws, on.aws, app.aws, ...
    "aws",
)


def normalized_host(host: str) -> str:
    """The host as a resolver sees it: folded, lower case, without a trailing dot.

    >>> normalized_host("DynamoDB.US-EAST-1.amazonaws.com.")
    'dynamodb.us-east-1.amazonaws.com'
    >>> normalized_host("amazonaws。com")
    'amazonaws.com'
    """
    folded = unicodedata.normalize("NFKC", host).casefold()
    for dot in "。．｡":
        folded = folded.replace(dot, ".")
    return folded.rstrip(".")


def is_aws(host: str) -> bool:
    """Whether the name belongs to AWS, in any partition.

    >>> is_aws("dynamodb.eu-west-1.api.aws"), is_aws("amazonaws.com.example.org")
    (True, False)
    """
    name = normalized_host(host)
    return any(name == suffix or name.endswith("." + suffix) for suffix in AWS_SUFFIXES)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine and nothing else.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("example.org")
    (True, True, False)
    """
    name = normalized_host(host)
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = as_address(name)
    return address is not None and address.is_loopback


def as_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The host as an address, with IPv4 inside IPv6 unwrapped; None if it is a name."""
    try:
        address = ipaddress.ip_address(normalized_host(host).partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def is_odd_number(host: str) -> bool:
    """Whether the host is an address in a spelling that hides it (decimal, octal, hexadecimal, short).

    >>> is_odd_number("2130706433"), is_odd_number("0x7f.1"), is_odd_number("127.0.0.1")
    (True, True, False)
    """
    name = normalized_host(host)
    if as_address(name) is not None:
        return False
    try:
        socket.inet_aton(name)
    except OSError:
        return False
    return True


def canonical_name_is_dynamodb(host: str) -> bool:
    """Whether the resolver says that the name leads to a DynamoDB endpoint of AWS.

    Only names with a `dynamodb` label count: a database of one's own may rightly stand behind a load balancer
    whose canonical name is AWS's. False where the name cannot be resolved: reaching it will tell.
    """
    if as_address(host) is not None:
        return False
    try:
        answers = socket.getaddrinfo(host, None, flags=socket.AI_CANONNAME, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    names = [normalized_host(canonical) for _, _, _, canonical, _ in answers if canonical]
    return any(
        is_aws(name) and any(part.startswith(("dynamodb", "ddb")) for part in name.split("."))
        for name in names
    )
