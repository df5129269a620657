"""boto3 in this process, without a socket: what applications' own tests use."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ChecksumError
from botocore.loaders import Loader
from botocore.model import ServiceModel

from ddbproof.reference_impl.cluster.clock import Clock
from ddbproof.reference_impl.cluster.cluster import Cluster
from ddbproof.reference_impl.context import CallContext
from ddbproof.reference_impl.embedded import ClosedEndpointError, EmbeddedStore, in_process
from ddbproof.reference_impl.errors import CallerError, ConfigurationError
from ddbproof.reference_impl.options import EndpointOptions

MODEL = ServiceModel(Loader().load_service_model("dynamodb", "service-2"), "dynamodb")
KEY_SCHEMA: dict[str, Any] = {
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class Refusing:
    """Refuses every operation with the error it is told."""

    error = CallerError("ResourceNotFoundException", "there is none")

    def call(self, operation: str, parameters: dict[str, Any], context: CallContext) -> dict[str, Any]:
        raise self.error


@pytest.fixture
def store() -> Iterator[EmbeddedStore]:
    with in_process() as store:
        yield store


@pytest.fixture
def refusing() -> EmbeddedStore:
    return EmbeddedStore(Refusing(), Cluster(EndpointOptions(), Clock()))


def test_a_client_writes_and_reads(store: EmbeddedStore) -> None:
    """The shortest use there is."""
    client = store.client()
    client.create_table(TableName="songs", **KEY_SCHEMA)
    client.put_item(TableName="songs", Item={"pk": {"S": "a"}, "n": {"N": "1"}})
    answer = client.get_item(TableName="songs", Key={"pk": {"S": "a"}}, ConsistentRead=True)
    assert answer["Item"] == {"pk": {"S": "a"}, "n": {"N": "1"}}
    assert len(answer["ResponseMetadata"]["RequestId"]) == 52


def test_a_zone_can_be_taken_down(store: EmbeddedStore) -> None:
    """REP-07: what was acknowledged is there without it."""
    client = store.client("us-east-1")
    client.create_table(TableName="songs", **KEY_SCHEMA)
    client.put_item(TableName="songs", Item={"pk": {"S": "a"}})
    store.faults.inflict({"zone_down": "us-east-1a"})
    store.clock.advance(3)
    assert client.get_item(TableName="songs", Key={"pk": {"S": "a"}}, ConsistentRead=True)["Item"]


def test_regions_are_separate(store: EmbeddedStore) -> None:
    """A table of one Region does not exist in another."""
    store.client("us-east-1").create_table(TableName="songs", **KEY_SCHEMA)
    assert store.client("eu-west-1").list_tables()["TableNames"] == []
    assert store.client("us-east-1").list_tables()["TableNames"] == ["songs"]


def test_the_resource_interface_works_too(store: EmbeddedStore) -> None:
    """boto3's higher level rests on the same client."""
    table = store.resource("us-east-1").create_table(TableName="songs", **KEY_SCHEMA)
    table.put_item(Item={"pk": "a", "tags": {"x", "y"}})
    assert table.get_item(Key={"pk": "a"})["Item"]["tags"] == {"x", "y"}


def attach_to_client(store: EmbeddedStore) -> Any:
    client = boto3.client(
        "dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    store.attach(client)
    return client


def attach_to_resource(store: EmbeddedStore) -> Any:
    resource = boto3.resource(
        "dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    store.attach(resource)
    return resource.meta.client


def attach_to_session(store: EmbeddedStore) -> Any:
    session = boto3.session.Session("a", "b", region_name="us-east-1")
    store.attach(session)
    return session.client("dynamodb")


def attach_to_botocore_session(store: EmbeddedStore) -> Any:
    session = botocore.session.Session()
    store.attach(session)
    return session.create_client("dynamodb", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")


ATTACHMENTS = [attach_to_client, attach_to_resource, attach_to_session, attach_to_botocore_session]


@pytest.mark.parametrize("attach", ATTACHMENTS)
def test_an_applications_own_client_can_be_attached(store: EmbeddedStore, attach: Any) -> None:
    """Its address and credentials do not matter; nothing leaves the process."""
    store.client("us-east-1").create_table(TableName="songs", **KEY_SCHEMA)
    assert attach(store).list_tables()["TableNames"] == ["songs"]


@pytest.mark.parametrize("attach", ATTACHMENTS)
def test_after_the_context_clients_refuse_instead_of_going_to_aws(attach: Any) -> None:
    """A forgotten client must not reach a real account."""
    with in_process() as store:
        client = attach(store)
        client.list_tables()
    with pytest.raises(ClosedEndpointError, match="has ended") as raised:
        client.list_tables()
    assert raised.value.hint


def test_streams_are_answered_here_as_well(store: EmbeddedStore) -> None:
    """No request for streams goes to AWS either."""
    session = boto3.session.Session("a", "b", region_name="us-east-1")
    store.attach(session)
    assert session.client("dynamodbstreams").list_streams()["Streams"] == []


def test_the_clock_moves_and_date_follows(store: EmbeddedStore) -> None:
    """The header that clients read shows the endpoint's time."""
    client = store.client()
    before = store.clock.now_milliseconds()
    store.clock.advance(86_400)
    headers = client.list_tables()["ResponseMetadata"]["HTTPHeaders"]
    assert store.clock.now_milliseconds() - before >= 86_400_000
    assert headers["date"].endswith("GMT")


def test_threads_share_a_client(store: EmbeddedStore) -> None:
    """Requests are answered one at a time: no update is lost."""
    client = store.client()
    client.create_table(TableName="songs", **KEY_SCHEMA)

    def add_one(_: int) -> None:
        client.update_item(
            TableName="songs",
            Key={"pk": {"S": "a"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(100)))
    item = client.get_item(TableName="songs", Key={"pk": {"S": "a"}}, ConsistentRead=True)["Item"]
    assert item["n"] == {"N": "100"}


def test_impossible_options_are_refused() -> None:
    """Before any client exists."""
    with pytest.raises(ConfigurationError), in_process(EndpointOptions(regions=())):
        pass


@pytest.mark.parametrize("shape", MODEL.error_shapes, ids=lambda shape: shape.name)
def test_botocore_parses_every_modelled_error(refusing: EmbeddedStore, shape: Any) -> None:
    """AP-01, AP-16: each error arrives as the exception class of the model, with its message."""
    error = CallerError(shape.name, "a sentence")
    refusing.endpoint.error = error  # type: ignore[attr-defined]
    client = refusing.client()
    with pytest.raises(getattr(client.exceptions, shape.name), match="a sentence") as raised:
        client.list_tables()
    assert raised.value.response["Error"]["Code"] == shape.name


def test_botocore_reads_further_members_of_an_error(refusing: EmbeddedStore) -> None:
    """AP-16: reasons of a cancelled transaction arrive beside the capital Message."""
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": {"pk": {"S": "a"}}}]
    refusing.endpoint.error = CallerError(  # type: ignore[attr-defined]
        "TransactionCanceledException", "cancelled", extra={"CancellationReasons": reasons}
    )
    client = refusing.client()
    with pytest.raises(client.exceptions.TransactionCanceledException) as raised:
        client.list_tables()
    assert raised.value.response["CancellationReasons"] == reasons
    assert raised.value.response["Error"]["Message"] == "cancelled"


def test_botocore_checks_our_checksum(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A right one passes; a wrong one does not, so the check is alive."""
    client = store.client(config=Config(retries={"mode": "legacy", "total_max_attempts": 1}))
    client.list_tables()
    monkeypatch.setattr("ddbproof.reference_impl.wire.gateway.crc32", lambda body: 1)
    with pytest.raises(ChecksumError):
        client.list_tables()


def test_an_attached_client_can_be_detached_and_attached_to_another(store: EmbeddedStore) -> None:
    """One client, which costs much to make, serves one endpoint after the other."""
    client = store.client()
    client.create_table(
        TableName="one",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    store.detach(client)
    with in_process() as other:
        other.attach(client)
        assert client.list_tables()["TableNames"] == []
        other.detach(client)
    store.attach(client)
    assert client.list_tables()["TableNames"] == ["one"]


def test_a_region_of_it_can_be_cut_off(store: EmbeddedStore) -> None:
    """By name, and healed."""
    store.network.isolate("eu-west-1")
    assert store.network.isolated == ["eu-west-1"]
    store.network.heal("eu-west-1")
    assert store.network.isolated == []
