"""The wire, where availability rests on it: a client can only retry what it can recognise."""

from __future__ import annotations

import json
from collections.abc import Sequence

from botocore.exceptions import ClientError

from ddbproof.conformance.kit import claim
from ddbproof.conformance.kit.tables import RegionHandle
from ddbproof.reports.schema import Exchange


@claim("AP-16")
def test_errors_come_in_the_envelope_that_clients_understand(
    here: RegionHandle, exchanges: Sequence[Exchange]
) -> None:
    """An error is JSON with a typed code and a message, so that SDKs raise the modelled exception."""
    name = here.names.new("absent")
    try:
        here.client.describe_table(TableName=name)
    except ClientError as error:
        problem = error.response["Error"]
        raised, status = type(error).__name__, error.response["ResponseMetadata"]["HTTPStatusCode"]
        assert raised == "ResourceNotFoundException", (
            f"the SDK raised {raised} with code {problem.get('Code')}"
        )
        assert status == 400, f"the HTTP status of ResourceNotFoundException is {status}, not 400"
        assert problem.get("Message"), "the error has no message"
        # SDKs read either spelling; the model knows this one.
        members = sorted(json.loads(exchanges[-1].response))
        assert "message" in members, f"the error has the members {members}, and none is called message"
    else:
        raise AssertionError("DescribeTable of a table that does not exist was answered 200")
    exchange = here.client.list_tables(Limit=1)["ResponseMetadata"]["HTTPHeaders"]
    kind = exchange.get("content-type", "")
    assert kind.startswith("application/x-amz-json-1.0"), f"answers have the content type {kind!r}"
    assert exchange.get("x-amzn-requestid"), "answers have no x-amzn-RequestId header"
