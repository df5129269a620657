"""Point-in-time recovery: the window, and above all whether the right second comes back.

The endpoint is asked for its window before each restore; refusing an instant that is younger than its own
LatestRestorableDateTime is lawful. Instants are whole seconds of the endpoint's clock with two quiet seconds
on either side. Not here: whether the ends of the window are inclusive (unpublished, either passes).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ddbproof.conformance.kit import NotTestableHere, claim, refused, until
from ddbproof.conformance.kit.clock import GUARD_SECONDS, EndpointClock
from ddbproof.conformance.kit.tables import DESCRIBING_SECONDS, PATIENCE_SECONDS, RegionHandle, TableHandle

DAY_SECONDS = 86_400
ROUNDING = timedelta(seconds=2)


def status_of(table: TableHandle) -> str | None:
    """PointInTimeRecoveryStatus."""
    status: str | None = table.recovery().get("PointInTimeRecoveryStatus")
    return status


def now(clock: EndpointClock) -> datetime:
    """The endpoint's time, in whole seconds."""
    return datetime.fromtimestamp(clock.now(), UTC)


@claim("PI-11", "PI-22", "RS-09", consistency=True)
def test_a_restore_returns_the_data_of_the_asked_second(here: RegionHandle, clock: EndpointClock) -> None:
    """Restored to an instant between two writes, a table holds the first write and nothing of the second."""
    table = here.new_table(recovery=True)
    # So that a restore to just before the writes would be lawful too, if somebody took the wrong second.
    clock.pass_seconds(GUARD_SECONDS + 1)
    table.put("overwritten", "before")
    table.put("deleted", "before")
    instant = clock.mark()
    table.put("overwritten", "after")
    table.delete("deleted")
    table.put("added", "after")
    restored = table.restore_to(instant)
    found = restored.contents()
    wanted = {"overwritten": "before", "deleted": "before"}
    if found == table.contents():
        raise AssertionError(
            f"restored to {instant:%H:%M:%S}, the table holds what the source holds now ({found}), "
            f"not what it held then ({wanted}): the asked instant was ignored"
        )
    assert found == wanted, f"restored to {instant:%H:%M:%S}, the table holds {found}; then it held {wanted}"


@claim("PI-11", consistency=True)
def test_neighbouring_instants_restore_to_neighbouring_states(
    here: RegionHandle, clock: EndpointClock
) -> None:
    """Of three states a few seconds apart, each restore returns its own."""
    table = here.new_table(recovery=True)
    clock.pass_seconds(GUARD_SECONDS + 1)
    instants = []
    for value in ("first", "second", "third"):
        table.put("a", value)
        instants.append(clock.mark())
    for value, instant in zip(("first", "second", "third"), instants, strict=True):
        found = table.restore_to(instant).get("a")
        assert found == value, f"restored to {instant:%H:%M:%S}, the item holds {found}; then it held {value}"


@claim("PI-12")
def test_an_instant_outside_the_window_is_refused(here: RegionHandle, clock: EndpointClock) -> None:
    """Before EarliestRestorableDateTime, in the future and in 2001: InvalidRestoreTimeException."""
    table = here.new_table(recovery=True)
    table.put("a", "one")
    clock.pass_seconds(3)
    earliest, _ = table.window()
    for what, instant in (
        ("in the year 2001", datetime(2001, 1, 1, tzinfo=UTC)),
        ("a minute before EarliestRestorableDateTime", earliest - timedelta(seconds=60)),
        ("an hour in the future", now(clock) + timedelta(hours=1)),
    ):
        refused(
            here.client.restore_table_to_point_in_time,
            "InvalidRestoreTimeException",
            what=f"a restore to an instant {what}",
            SourceTableName=table.name,
            TargetTableName=here.names.new("restored"),
            RestoreDateTime=instant,
        )


@claim("PI-14")
def test_without_recovery_there_is_no_restore(here: RegionHandle, clock: EndpointClock) -> None:
    """Recovery off gives PointInTimeRecoveryUnavailableException, an unknown source TableNotFoundException."""
    table = here.new_table()
    table.put("a", "one")
    for how in ({"UseLatestRestorableTime": True}, {"RestoreDateTime": now(clock) - timedelta(seconds=1)}):
        refused(
            here.client.restore_table_to_point_in_time,
            "PointInTimeRecoveryUnavailableException",
            what="a restore of a table with point-in-time recovery off",
            SourceTableName=table.name,
            TargetTableName=here.names.new("restored"),
            **how,
        )
    refused(
        here.client.restore_table_to_point_in_time,
        "TableNotFoundException",
        what="a restore of a table that does not exist",
        SourceTableName=here.names.new("absent"),
        TargetTableName=here.names.new("restored"),
        UseLatestRestorableTime=True,
    )


@claim("PI-02")
def test_a_new_table_has_recovery_off(here: RegionHandle) -> None:
    """PointInTimeRecoveryStatus is DISABLED on a new table, and stays so."""
    table = here.new_table()
    for _ in range(2):
        status = table.recovery().get("PointInTimeRecoveryStatus")
        assert status == "DISABLED", f"PointInTimeRecoveryStatus of a new table is {status}"
        table.put("a", "one")


@claim("PI-03")
def test_continuous_backups_are_enabled_on_every_table(here: RegionHandle) -> None:
    """ContinuousBackupsStatus becomes ENABLED without anybody asking, and stays so when recovery is off."""
    table = here.new_table()
    enabled = until(
        lambda: table.continuous_backups().get("ContinuousBackupsStatus") == "ENABLED",
        seconds=PATIENCE_SECONDS,
    )
    assert enabled, "ContinuousBackupsStatus of a new table did not become ENABLED"
    table.enable_recovery()
    table.update_recovery(PointInTimeRecoveryEnabled=False)
    status = table.continuous_backups().get("ContinuousBackupsStatus")
    assert status == "ENABLED", (
        f"with point-in-time recovery switched off, ContinuousBackupsStatus is {status}"
    )


@claim("PI-04")
def test_recovery_can_be_switched_and_the_answer_says_so(here: RegionHandle) -> None:
    """UpdateContinuousBackups returns the description it has brought about, and so does Describe."""
    table = here.new_table()
    table.enable_recovery()
    table.update_recovery(PointInTimeRecoveryEnabled=False)
    for enabled, wanted in ((True, "ENABLED"), (False, "DISABLED")):
        answer = table.update_recovery(PointInTimeRecoveryEnabled=enabled)
        answered = answer.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
        assert answered == wanted, f"switched to {wanted}, UpdateContinuousBackups answers {answered}"
        until(lambda w=wanted: status_of(table) == w, seconds=DESCRIBING_SECONDS)  # type: ignore[misc]
        described = status_of(table)
        assert described == wanted, f"switched to {wanted}, DescribeContinuousBackups shows {described}"


@claim("PI-06")
def test_the_recovery_period_is_one_to_thirty_five_days(here: RegionHandle) -> None:
    """7 days are stored, 0 and 36 are refused, and without a period it is 35."""
    table = here.new_table(recovery=True)
    period = table.recovery().get("RecoveryPeriodInDays")
    assert period in (35, None), f"the period that nobody chose is {period} days"
    for days in (0, 36):
        refused(
            here.unchecked.update_continuous_backups,
            "ValidationException",
            what=f"a recovery period of {days} days",
            TableName=table.name,
            PointInTimeRecoverySpecification={
                "PointInTimeRecoveryEnabled": True,
                "RecoveryPeriodInDays": days,
            },
        )
    table.update_recovery(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=7)
    until(lambda: table.recovery().get("RecoveryPeriodInDays") == 7, seconds=DESCRIBING_SECONDS)
    period = table.recovery().get("RecoveryPeriodInDays")
    assert period == 7, (
        f"a recovery period of 7 days was accepted, but DescribeContinuousBackups shows {period}"
    )


@claim("PI-07")
def test_the_latest_restorable_instant_follows_now(
    here: RegionHandle, clock: EndpointClock, seen: dict[str, str]
) -> None:
    """LatestRestorableDateTime is never in the future and moves on as time passes."""
    table = here.new_table(recovery=True)
    _, latest = table.window()
    present = now(clock)
    assert latest <= present + ROUNDING, f"LatestRestorableDateTime {latest} is later than now, {present}"
    clock.pass_seconds(3600 if clock.can_move else 4)
    _, later = table.window()
    present = now(clock)
    assert later <= present + ROUNDING, f"LatestRestorableDateTime {later} is later than now, {present}"
    if later == latest and not clock.can_move:
        raise NotTestableHere("whether LatestRestorableDateTime moves on shows only after minutes")
    assert later > latest, "an hour later LatestRestorableDateTime is still the same"
    seen["LatestRestorableDateTime trails now by"] = f"{(present - later).total_seconds():.0f} seconds"


@claim("PI-08")
def test_the_window_starts_at_enabling_and_rolls_with_time(here: RegionHandle, clock: EndpointClock) -> None:
    """Earliest is when recovery was enabled; once the period has passed it follows now at that distance."""
    table = here.new_table()
    clock.pass_seconds(GUARD_SECONDS + 1)
    before = now(clock)
    table.enable_recovery(RecoveryPeriodInDays=2)
    earliest, _ = table.window()
    assert earliest >= before - ROUNDING, (
        f"EarliestRestorableDateTime {earliest} lies before recovery was enabled at {before}"
    )
    clock.pass_seconds(5 * DAY_SECONDS)
    rolled, _ = table.window()
    distance = now(clock) - rolled
    assert abs(distance - timedelta(days=2)) < timedelta(minutes=10), (
        f"with a period of 2 days, EarliestRestorableDateTime is {distance} behind now"
    )


@claim("PI-09")
def test_a_shorter_period_discards_older_points(here: RegionHandle, clock: EndpointClock) -> None:
    """Shrinking the period moves EarliestRestorableDateTime forward at once; what lies before it is gone."""
    table = here.new_table(recovery=True)
    clock.pass_seconds(10 * DAY_SECONDS)
    table.update_recovery(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=3)
    shrunk, _ = table.window()
    distance = now(clock) - shrunk
    assert distance < timedelta(days=3, minutes=10), (
        f"after shrinking the period to 3 days, EarliestRestorableDateTime is {distance} behind now"
    )
    refused(
        here.client.restore_table_to_point_in_time,
        "InvalidRestoreTimeException",
        what="a restore to an instant that a shorter period had discarded",
        SourceTableName=table.name,
        TargetTableName=here.names.new("restored"),
        RestoreDateTime=shrunk - timedelta(days=1),
    )


@claim("PI-10")
def test_a_longer_period_brings_nothing_back(here: RegionHandle, clock: EndpointClock) -> None:
    """Growing the period leaves EarliestRestorableDateTime where it is until the longer window has filled."""
    table = here.new_table(recovery=True)
    clock.pass_seconds(10 * DAY_SECONDS)
    table.update_recovery(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=3)
    shrunk, _ = table.window()
    table.update_recovery(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=35)
    grown, _ = table.window()
    assert grown >= shrunk - ROUNDING, (
        f"growing the period moved EarliestRestorableDateTime back from {shrunk} to {grown}"
    )
    refused(
        here.client.restore_table_to_point_in_time,
        "InvalidRestoreTimeException",
        what="a restore to an instant before EarliestRestorableDateTime, after the period was shrunk and grown,",
        SourceTableName=table.name,
        TargetTableName=here.names.new("restored"),
        RestoreDateTime=grown - timedelta(days=1),
    )
    clock.pass_seconds(5 * DAY_SECONDS)
    later, _ = table.window()
    assert abs(later - shrunk) <= ROUNDING, (
        f"five days after growing the period to 35, EarliestRestorableDateTime went from {shrunk} to {later}"
    )


@claim("PI-15")
def test_disabling_and_enabling_starts_the_window_again(here: RegionHandle, clock: EndpointClock) -> None:
    """After recovery was disabled and enabled, nothing before the second enabling can be restored."""
    table = here.new_table(recovery=True)
    table.put("a", "one")
    first = clock.mark()
    table.update_recovery(PointInTimeRecoveryEnabled=False)
    clock.pass_seconds(3)
    between = now(clock)
    table.enable_recovery()
    earliest, _ = table.window()
    assert earliest >= between - ROUNDING, (
        f"recovery was enabled again at {between}, but EarliestRestorableDateTime is {earliest}"
    )
    refused(
        here.client.restore_table_to_point_in_time,
        "InvalidRestoreTimeException",
        what="a restore to an instant before recovery was disabled and enabled",
        SourceTableName=table.name,
        TargetTableName=here.names.new("restored"),
        RestoreDateTime=first,
    )


@claim("PI-16", consistency=True)
def test_the_latest_restorable_instant_can_be_asked_for(here: RegionHandle, clock: EndpointClock) -> None:
    """UseLatestRestorableTime restores the state at LatestRestorableDateTime, so never what came after it."""
    table = here.new_table(recovery=True)
    clock.pass_seconds(GUARD_SECONDS)
    table.put("a", "old")
    written = now(clock)
    clock.pass_seconds(1800 if clock.can_move else 6)
    _, latest = table.window()
    if latest < written + ROUNDING:
        raise NotTestableHere("LatestRestorableDateTime passes a write only after minutes")
    lag_seconds = (now(clock) - latest).total_seconds()
    table.put("a", "new")
    restored = here.table(here.names.new("restored"))
    here.client.restore_table_to_point_in_time(
        SourceTableName=table.name, TargetTableName=restored.name, UseLatestRestorableTime=True
    )
    restored.wait_until_active()
    found = restored.get("a")
    assert found is not None, (
        f"a restore to the latest restorable instant, {latest:%H:%M:%S}, lost an item written at {written:%H:%M:%S}"
    )
    assert found == "old" or lag_seconds < 5, (
        f"LatestRestorableDateTime was {lag_seconds:.0f} seconds behind now, but the restore to it "
        "holds a write of just now"
    )
