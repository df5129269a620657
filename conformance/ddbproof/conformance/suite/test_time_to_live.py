"""Time to live: which items are deleted and which are kept, how a stream tells it, the setting and its changes.

No time of deletion is promised. Tests put a witness that has expired and wait for its end: quickly where the
clock can be moved, within bounds elsewhere, and where no witness is deleted they are not testable. Being slow
is never judged.

Not here: write units (TT-03, TT-04), how long deletions go on after it was turned off (TT-05), and in which
Region of a global table a deletion is made.
"""

from __future__ import annotations

from typing import Any

from ddbproof.conformance.kit import Inconclusive, claim, refused, until
from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.streams import BOTH_IMAGES, StreamHandle, key_of, stream_arn
from ddbproof.conformance.kit.tables import (
    DESCRIBING_SECONDS,
    REPLICATION_PATIENCE_SECONDS,
    RegionHandle,
    TableHandle,
)
from ddbproof.conformance.kit.time_to_live import (
    ATTRIBUTE,
    expiring_table,
    is_on,
    set_time_to_live,
    time_to_live,
)

SOON_SECONDS = 5
DAY_SECONDS = 24 * 3600
SIX_YEARS_SECONDS = 6 * 366 * DAY_SECONDS
SERVICE = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}


@claim("TT-01")
def test_an_expired_item_is_deleted_in_the_end(here: RegionHandle) -> None:
    """An item whose time, a Number of epoch seconds, lies in the past is deleted without anybody asking."""
    expiring_table(here).wait_for_a_deletion(judged=True)


@claim("TT-02")
def test_an_item_without_a_number_of_seconds_is_kept(here: RegionHandle) -> None:
    """While an expired item is deleted, one with a String, a List, no time or one of six years ago stays."""
    expiring = expiring_table(here)
    past = expiring.expiring_in(-60)
    kept: dict[str, Any] = {
        "a String": {"S": past["N"]},
        "a List of one Number": {"L": [past]},
        "no time": None,
        "a time six years ago": expiring.expiring_in(-SIX_YEARS_SECONDS),
    }
    for key, value in kept.items():
        expiring.put(key, value)
    # The second witness begins after the first was found, so all items have been looked at in between.
    expiring.wait_for_a_deletion()
    expiring.wait_for_a_deletion()
    left = expiring.table.contents()
    for key in kept:
        assert key in left, f"an item with {key} in the attribute of time to live was deleted"


@claim("TT-03")
def test_the_record_of_an_expired_item_names_the_service(here: RegionHandle) -> None:
    """An expired item has one REMOVE record, by dynamodb.amazonaws.com; an item deleted by a client has no such mark."""
    expiring = expiring_table(
        here, StreamSpecification={"StreamEnabled": True, "StreamViewType": BOTH_IMAGES}
    )
    table = expiring.table
    stream = StreamHandle(table, stream_arn(table))
    stream.wait_until_enabled()
    reader = stream.reader()
    expiring.put("by a client", expiring.expiring_in(DAY_SECONDS))
    table.delete("by a client")
    key = expiring.wait_for_a_deletion(meanwhile=reader.poll)

    def told(wanted: str) -> list[tuple[Any, Any]]:
        """What followed the item's first record: events and who caused them."""
        about = [record for record in reader.records if key_of(record) == wanted]
        return [(record.get("eventName"), record.get("userIdentity")) for record in about[1:]]

    reader.wait_for(lambda _: told(key) and told("by a client"))
    assert told(key) == [("REMOVE", SERVICE)], f"the deletion of an expired item is told as {told(key)}"
    assert [event for event, _ in told("by a client")] == ["REMOVE"], (
        f"the deletion of an item by a client is told as {told('by a client')}"
    )
    assert told("by a client")[0][1] != SERVICE, (
        "the record of an item that a client deleted bears the mark of time to live"
    )


@claim("TT-05")
def test_the_setting_is_changed_once_an_hour(here: RegionHandle) -> None:
    """Right after it was turned on, turning it off or on again is refused with ValidationException."""
    table = expiring_table(here).table
    for enabled, what in ((True, "turning time to live on again"), (False, "turning time to live off")):
        refused(
            here.client.update_time_to_live,
            "ValidationException",
            what=f"{what} within an hour of turning it on",
            TableName=table.name,
            TimeToLiveSpecification={"Enabled": enabled, "AttributeName": ATTRIBUTE},
        )


@claim("TT-05")
def test_the_setting_can_be_changed_after_an_hour(here: RegionHandle, clock: EndpointClock) -> None:
    """More than an hour after it was turned on it can be turned off, and is described so."""
    table = expiring_table(here).table
    clock.pass_seconds(3600 + 600)
    set_time_to_live(table, enabled=False)
    off = until(lambda: not is_on(table), seconds=DESCRIBING_SECONDS)
    assert off, f"turned off, time to live is described as {time_to_live(table)}"


@claim("TT-06")
def test_the_setting_is_described_as_it_was_made(here: RegionHandle) -> None:
    """DISABLED on a new table; turned on, it is answered and described with its attribute."""
    table = here.new_table()
    status = time_to_live(table).get("TimeToLiveStatus")
    assert status == "DISABLED", f"time to live of a new table is described as {status}"
    answered = set_time_to_live(table, enabled=True).get("TimeToLiveSpecification")
    wanted = {"Enabled": True, "AttributeName": ATTRIBUTE}
    assert answered == wanted, f"UpdateTimeToLive with {wanted} was answered with {answered}"
    shown = until(lambda: is_on(table), seconds=DESCRIBING_SECONDS)
    assert shown, (
        f"turned on by the attribute {ATTRIBUTE}, time to live is described as {time_to_live(table)}"
    )


@claim("TT-07")
def test_an_item_whose_time_is_to_come_is_kept(here: RegionHandle, clock: EndpointClock) -> None:
    """While an expired item is deleted, one that expires later stays, also where the time was put off or removed."""
    expiring = expiring_table(here)
    table, later = expiring.table, expiring.expiring_in(30 * DAY_SECONDS)
    expiring.put("to come", later)
    for key, change, values in (
        ("put off", "SET #until = :later", {":later": later}),
        ("taken away", "REMOVE #until", None),
    ):
        expiring.put(key, expiring.expiring_in(SOON_SECONDS))
        table.client.update_item(
            TableName=table.name,
            Key={"pk": {"S": key}},
            UpdateExpression=change,
            ExpressionAttributeNames={"#until": ATTRIBUTE},
            **({} if values is None else {"ExpressionAttributeValues": values}),
        )
    clock.pass_seconds(SOON_SECONDS + 1)
    expiring.wait_for_a_deletion()
    left = table.contents()
    for key in ("to come", "put off", "taken away"):
        assert key in left, f"an item whose time was {key} was deleted as if it had expired"


@claim("RS-05")
def test_a_restored_table_has_no_stream_and_no_time_to_live(here: RegionHandle) -> None:
    """Restored from a backup of a table that has both on, a table has neither."""
    table = _table_with_both(here)
    restored = here.restore_from_backup(table.back_up())
    stream = restored.describe().get("StreamSpecification", {})
    assert not stream.get("StreamEnabled"), f"a restored table has a stream like its source: {stream}"
    status = time_to_live(restored).get("TimeToLiveStatus")
    assert status == "DISABLED", f"time to live of a restored table is {status} like its source's"


@claim("BK-07")
def test_a_backup_notes_stream_and_time_to_live(here: RegionHandle) -> None:
    """SourceTableFeatureDetails tell the view type of the stream and the attribute of time to live."""
    arn = _table_with_both(here).back_up()
    details = here.client.describe_backup(BackupArn=arn)["BackupDescription"].get(
        "SourceTableFeatureDetails", {}
    )
    stream = details.get("StreamDescription", {})
    assert stream == {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}, (
        f"of a table with a KEYS_ONLY stream the backup notes {stream or 'no stream'}"
    )
    noted = details.get("TimeToLiveDescription", {})
    assert noted.get("AttributeName") == ATTRIBUTE, (
        f"of a table whose items expire by {ATTRIBUTE} the backup notes {noted or 'no time to live'}"
    )


@claim("GT-11")
def test_replicas_share_the_setting_of_time_to_live(here: RegionHandle, elsewhere: RegionHandle) -> None:
    """Turned on in one Region, it is on in the other."""
    table = here.new_table()
    replica = table.add_replica(elsewhere)
    set_time_to_live(table, enabled=True)
    shared = until(lambda: is_on(replica), seconds=REPLICATION_PATIENCE_SECONDS)
    assert shared, (
        f"time to live was turned on in {here.name}; in {elsewhere.name} it is described as "
        f"{time_to_live(replica)}"
    )


def _table_with_both(here: RegionHandle) -> TableHandle:
    """A table with a KEYS_ONLY stream and time to live; Inconclusive if it does not show them."""
    table = expiring_table(
        here, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    ).table
    both = until(
        lambda: is_on(table) and table.describe().get("StreamSpecification", {}).get("StreamEnabled"),
        seconds=DESCRIBING_SECONDS,
    )
    if not both:
        raise Inconclusive("could not prepare: a stream and time to live were accepted and are not shown")
    return table
