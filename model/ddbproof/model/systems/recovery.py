"""Point-in-time recovery of a table: writes, snapshots, trimming, settings, restores and deletion, in any order.

Sources: PI-06 (period of 1 to 35 days), PI-07 (the latest restorable instant trails now), PI-08 to PI-10 (the window
rolls, shrinks at once, grows only with time), PI-11 and RS-09 (a restore gives the state at that instant), PI-15
(enabling again starts anew), PI-21 (what a deleted table leaves), PI-24 (a restore needs log and snapshots only).
The kernels are `kernel/recovery.py` and, for cuts and timestamps, `kernel/backup.py`.

`retained_from` says what the settings have been at every moment until now, in one number that no kernel
function reads: the latest instant that any of them had let go. What is restorable is stated by it.

One partition: cuts over several are the matter of the backup system. How many snapshots are taken, and when
a trimmer runs, is up to the adversary. That a restore is *refused* where it should not be is
stated too, since what is asked is answered either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import (
    FrozenMap,
    Map,
    Sort,
    both,
    either,
    forall,
    implies,
    same_truth,
)
from ddbproof.model.kernel import backup, instants, recovery
from ddbproof.model.kernel.backup import Cut, PartitionLog
from ddbproof.model.kernel.recovery import Plan, Recovery
from ddbproof.model.kernel.refusal import require

INDEX, SNAPSHOT, INSTANT = Sort("index"), Sort("snapshot"), Sort("instant")
DAY_MILLISECONDS = 24 * 60 * 60 * 1000


class Entry(msgspec.Struct, frozen=True):
    """An entry of the log; only its timestamp matters here."""

    instant_milliseconds: Annotated[int, INSTANT]


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot: kept or not (yet, or any more), and the cut whose state it holds."""

    kept: bool
    cut: Cut


class Question(msgspec.Struct, frozen=True):
    """Whether an instant can be restored, as it was asked last: the instant, when, and the answer."""

    instant: Annotated[int, INSTANT]
    enabled: bool
    now: int
    retained_from: int
    answer: bool


class Restore(msgspec.Struct, frozen=True):
    """The last restore that was planned: to which instant, how, and how things stood then."""

    planned: bool
    instant: Annotated[int, INSTANT]
    plan: Plan
    trimmed: int
    enabled: bool
    now: int
    retained_from: int


class State(msgspec.Struct, frozen=True):
    """The table's log and settings, what is kept for restores, and what was asked of it."""

    log: PartitionLog
    entries: Annotated[Map[Entry], INDEX]
    settings: Recovery
    snapshots: Annotated[Map[Snapshot], SNAPSHOT]
    anchor: Annotated[int, SNAPSHOT]
    trimmed: Annotated[int, INDEX]
    now: Annotated[int, INSTANT]
    retained_from: int
    question: Question
    restore: Restore
    deleted: bool
    enabled_when_deleted: bool
    system_backup: bool
    system_backup_position: int
    lag: int


system = System("recovery", "Point-in-time recovery", State, [recovery], [backup, instants])
system.merged = (
    "instants.higher",
    "instants.lower",
    "recovery.earliest_restorable",
    "recovery.oldest_needed",
)
system.scope_in_words = [
    "one partition; how the log itself is kept on three replicas is not part of this system",
]
_NEVER_ASKED = Question(0, False, 0, 0, False)
_NEVER_RESTORED = Restore(False, 0, Plan(0, 0), 0, False, 0, 0)


@system.initial
def empty_table(lag: int) -> State:
    """A table with nothing in it, recovery off, and a snapshot of nothing."""
    return State(
        backup.EMPTY,
        FrozenMap(Entry(0)),
        recovery.OFF,
        FrozenMap(Snapshot(False, backup.BEGINNING), {0: Snapshot(True, backup.BEGINNING)}),
        0,
        0,
        0,
        0,
        _NEVER_ASKED,
        _NEVER_RESTORED,
        False,
        False,
        False,
        0,
        lag,
    )


def _let_go(state: State, settings: Recovery, now: int) -> int:
    """What is retained from now on, if these settings hold: said without the kernel."""
    dropped_before = now - settings.period_days * DAY_MILLISECONDS
    if dropped_before > state.retained_from:
        return dropped_before
    return state.retained_from


@system.action
def time_passes(state: State, later: Annotated[int, INSTANT]) -> State:
    """Time goes on, and the window rolls with it."""
    require(later > state.now)
    retained_from = state.retained_from
    if state.settings.enabled:
        retained_from = _let_go(state, state.settings, later)
    return msgspec.structs.replace(state, now=later, retained_from=retained_from)


@system.action
def write(state: State) -> State:
    """An item is written."""
    require(not state.deleted)
    entry = Entry(backup.commit_timestamp(state.log, state.now))
    log, entries = backup.append(state.log, state.entries, entry)
    return msgspec.structs.replace(state, log=log, entries=entries)


@system.action
def promise(state: State, instant: Annotated[int, INSTANT]) -> State:
    """The partition moves its watermark on, as it must before a cut."""
    log = backup.advance_watermark(state.log, instant, state.now)
    return msgspec.structs.replace(state, log=log)


@system.action
def enable(state: State, days: int) -> State:
    """Recovery is switched on."""
    require(not state.deleted)
    require(not state.settings.enabled)
    settings = recovery.enable(state.now, days)
    return msgspec.structs.replace(state, settings=settings, retained_from=state.now)


@system.action
def change_period(state: State, days: int) -> State:
    """The recovery period is changed: what either period has dropped by now is gone."""
    require(not state.deleted)
    settings = recovery.change_period(state.settings, state.now, days)
    return msgspec.structs.replace(
        state, settings=settings, retained_from=_let_go(state, settings, state.now)
    )


@system.action
def disable(state: State) -> State:
    """Recovery is switched off."""
    require(not state.deleted)
    return msgspec.structs.replace(state, settings=recovery.disable(state.settings))


def _cut(state: State, position: int, instant: int) -> Cut:
    anchor = state.snapshots[state.anchor].cut
    return backup.take_cut(state.log, state.entries, anchor, position, instant)


@system.action
def take_snapshot(
    state: State,
    number: Annotated[int, SNAPSHOT],
    position: Annotated[int, INDEX],
    instant: Annotated[int, INSTANT],
) -> State:
    """A snapshot of the state at some instant is made from the archive."""
    require(not state.snapshots[number].kept)
    made = Snapshot(True, _cut(state, position, instant))
    return msgspec.structs.replace(state, snapshots=state.snapshots.put(number, made))


@system.action
def move_anchor(state: State, number: Annotated[int, SNAPSHOT]) -> State:
    """Another snapshot becomes the one from which everything restorable can be made."""
    require(state.snapshots[number].kept)
    recovery.move_anchor(
        state.settings, state.snapshots[state.anchor].cut, state.snapshots[number].cut, state.now
    )
    return msgspec.structs.replace(state, anchor=number)


@system.action
def drop_snapshot(state: State, number: Annotated[int, SNAPSHOT]) -> State:
    """A snapshot is thrown away."""
    require(state.snapshots[number].kept)
    require(recovery.may_drop_snapshot(state.snapshots[state.anchor].cut, state.snapshots[number].cut))
    gone = Snapshot(False, backup.BEGINNING)
    return msgspec.structs.replace(state, snapshots=state.snapshots.put(number, gone))


@system.action
def trim(state: State, position: Annotated[int, INDEX]) -> State:
    """The entries before a position are removed from the log."""
    require(position > state.trimmed)
    require(recovery.may_trim(state.snapshots[state.anchor].cut, position))
    return msgspec.structs.replace(state, trimmed=position)


@system.action
def ask(state: State, instant: Annotated[int, INSTANT]) -> State:
    """Somebody asks whether an instant can be restored."""
    answer = False
    if recovery.is_restorable(state.settings, instant, state.now, state.lag):
        answer = True
    question = Question(instant, state.settings.enabled, state.now, state.retained_from, answer)
    return msgspec.structs.replace(state, question=question)


@system.action
def restore(
    state: State,
    number: Annotated[int, SNAPSHOT],
    position: Annotated[int, INDEX],
    instant: Annotated[int, INSTANT],
) -> State:
    """A restore to an instant is planned, from some snapshot that is kept."""
    require(state.snapshots[number].kept)
    plan = recovery.restore_plan(
        state.settings,
        state.now,
        state.lag,
        state.snapshots[number].cut,
        state.trimmed,
        _cut(state, position, instant),
    )
    made = Restore(True, instant, plan, state.trimmed, state.settings.enabled, state.now, state.retained_from)
    return msgspec.structs.replace(state, restore=made)


@system.action
def delete_table(state: State) -> State:
    """The table is deleted, and leaves a backup of its last state if recovery was on."""
    require(not state.deleted)
    left = False
    if recovery.leaves_system_backup(state.settings):
        left = True
    return msgspec.structs.replace(
        state,
        settings=recovery.disable(state.settings),
        deleted=True,
        enabled_when_deleted=state.settings.enabled,
        system_backup=left,
        system_backup_position=state.log.length,
    )


def _is_entry(state: State, index: int) -> Any:
    return both(index >= 0, index < state.log.length)


def _in_window(instant: int, retained_from: int, now: int, lag: int) -> Any:
    """What the documentation calls restorable, said without the kernel.

    Between what is retained and the tail behind now; and the very start of the window, as soon as there is one.
    """
    return both(instant >= retained_from, either(instant <= now - lag, instant == retained_from))


@system.invariant
def log(state: State) -> Iterator[Any]:
    """Timestamps never decrease along the log, and the last one is remembered."""
    yield state.log.length >= 0
    yield forall(INDEX)(
        lambda i: implies(
            _is_entry(state, i), state.entries[i].instant_milliseconds <= state.log.latest_milliseconds
        )
    )
    yield forall(INDEX, INDEX)(
        lambda i, k: implies(
            both(_is_entry(state, i), _is_entry(state, k), i < k),
            state.entries[i].instant_milliseconds <= state.entries[k].instant_milliseconds,
        )
    )


@system.invariant
def settings(state: State) -> Iterator[Any]:
    """The settings remember exactly what was let go."""
    yield both(state.now >= 0, state.retained_from <= state.now)
    yield implies(
        state.settings.enabled,
        both(
            state.settings.floor_milliseconds <= state.retained_from,
            state.now - state.settings.period_days * DAY_MILLISECONDS <= state.retained_from,
            either(
                state.retained_from == state.settings.floor_milliseconds,
                state.retained_from == state.now - state.settings.period_days * DAY_MILLISECONDS,
            ),
        ),
    )


@system.invariant
def snapshots(state: State) -> Iterator[Any]:
    """A kept snapshot is a cut that nothing can come into any more."""
    yield state.snapshots[state.anchor].kept
    yield forall(SNAPSHOT)(
        lambda s: implies(
            state.snapshots[s].kept,
            both(
                state.snapshots[s].cut.position >= 0,
                state.snapshots[s].cut.position <= state.log.length,
                state.snapshots[s].cut.instant_milliseconds <= state.log.watermark_milliseconds,
            ),
        )
    )
    yield forall(SNAPSHOT, INDEX)(
        lambda s, i: implies(
            both(state.snapshots[s].kept, _is_entry(state, i)),
            same_truth(
                i < state.snapshots[s].cut.position,
                state.entries[i].instant_milliseconds <= state.snapshots[s].cut.instant_milliseconds,
            ),
        )
    )


@system.invariant
def anchor(state: State) -> Iterator[Any]:
    """The anchor is old enough for everything retained, and everything after it is there."""
    chosen = state.snapshots[state.anchor].cut
    yield implies(state.settings.enabled, chosen.instant_milliseconds <= state.retained_from)
    yield chosen.instant_milliseconds <= state.now
    yield state.trimmed <= chosen.position


@system.invariant
def plans(state: State) -> Iterator[Any]:
    """What was planned ended at a cut that stays one."""
    yield implies(
        state.restore.planned,
        both(
            state.restore.instant <= state.log.watermark_milliseconds,
            state.restore.plan.to_position <= state.log.length,
            state.restore.plan.to_position >= 0,
        ),
    )


@system.safe()
def SAFE_period_is_one_to_thirty_five_days(state: State) -> Iterator[Any]:
    """While recovery is on, its period is 1 to 35 days."""
    yield implies(
        state.settings.enabled,
        both(state.settings.period_days >= 1, state.settings.period_days <= 35),
    )


@system.safe("PI-08", "PI-09", "PI-10", "PI-15")
def SAFE_window(state: State) -> Iterator[Any]:
    """An instant is restorable exactly if recovery is on, no setting ever let it go, and it is behind the lag."""
    asked = state.question
    yield same_truth(
        asked.answer,
        both(asked.enabled, _in_window(asked.instant, asked.retained_from, asked.now, state.lag)),
    )


@system.safe("PI-12")
def SAFE_only_the_window_is_restored(state: State) -> Iterator[Any]:
    """No restore is planned while recovery is off, or to an instant outside of the window."""
    made = state.restore
    yield implies(
        made.planned,
        both(made.enabled, _in_window(made.instant, made.retained_from, made.now, state.lag)),
    )


@system.safe("PI-11", "PI-22", "RS-09")
def SAFE_plan_is_exact(state: State) -> Iterator[Any]:
    """A restore holds an entry exactly if its timestamp is not after the asked instant, for ever after."""
    yield forall(INDEX)(
        lambda i: implies(
            both(state.restore.planned, _is_entry(state, i)),
            same_truth(
                i < state.restore.plan.to_position,
                state.entries[i].instant_milliseconds <= state.restore.instant,
            ),
        )
    )


@system.safe("PI-24")
def SAFE_plan_can_be_carried_out(state: State) -> Iterator[Any]:
    """Every entry that a plan needs was still in the log when it was made."""
    made = state.restore
    yield implies(
        made.planned,
        both(
            made.plan.from_position <= made.plan.to_position,
            either(made.plan.from_position == made.plan.to_position, made.trimmed <= made.plan.from_position),
        ),
    )


@system.safe("PI-08", "PI-10", "PI-24")
def SAFE_everything_restorable_is_kept(state: State) -> Iterator[Any]:
    """For every restorable instant there is a kept snapshot that is old enough, with all entries after it."""
    yield forall(INSTANT)(
        lambda t: implies(
            both(state.settings.enabled, _in_window(t, state.retained_from, state.now, state.lag)),
            both(
                state.snapshots[state.anchor].kept,
                state.snapshots[state.anchor].cut.instant_milliseconds <= t,
                state.trimmed <= state.snapshots[state.anchor].cut.position,
            ),
        )
    )


@system.safe("PI-21")
def SAFE_deleted_table_leaves_its_last_state(state: State) -> Iterator[Any]:
    """A table deleted with recovery on leaves a backup of everything that was in it, otherwise none."""
    yield implies(state.deleted, same_truth(state.system_backup, state.enabled_when_deleted))
    yield implies(state.deleted, state.system_backup_position == state.log.length)
