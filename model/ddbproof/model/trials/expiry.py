"""Trials of time to live: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel.expiry import Attribute, Change, Setting
from ddbproof.model.kernel.refusal import require
from ddbproof.model.systems.expiry import State, system

MINUTE = 60_000
FIVE_YEARS = 5 * 365 * 24 * 3600 * 1000


@system.witness("TT-01")
def expired_and_still_there(state: State) -> Any:
    """An item has expired, somebody has even noticed, and it is there for whoever reads it."""
    item = state.writes[state.replicas[0].write]
    return both(
        state.replicas[0].holds,
        state.replicas[0].proposed,
        neg(item.deletes),
        item.image[0].is_number,
        item.image[0].seconds * 1000 < state.now,
    )


@system.witness("TT-01")
def deleted_in_the_end(state: State) -> Any:
    """The service has deleted an item that had expired."""
    return both(state.writes[state.replicas[0].write].service, state.replicas[0].holds)


@system.witness("TT-04")
def deleted_elsewhere_too(state: State) -> Any:
    """A deletion by the service has reached another Region, which held the item."""
    return both(
        state.writes[state.replicas[1].write].service,
        state.writes[state.replicas[1].write].region == 0,
        state.records[1][0].there,
    )


@system.cover("TT-01")
def renewed_in_time(state: State) -> Any:
    """A deletion was proposed, and the item that was renewed meanwhile is still there."""
    item = state.writes[state.replicas[0].write]
    return both(state.replicas[0].proposed, neg(item.deletes), item.image[0].seconds * 1000 > state.now)


@system.cover("TT-05")
def deleted_after_it_was_turned_off(state: State) -> Any:
    """A leader that has not heard of it deletes although time to live was turned off."""
    return both(state.writes[1].service, neg(state.writes[1].expired.on), neg(state.on))


@system.mutant("expiry.delete")
def by_what_was_seen(there: bool, attribute: Attribute, setting: Setting, now_milliseconds: int) -> Change:
    """An item is deleted because it had expired when somebody looked."""
    require(there)
    return Change(deletes=True, by_service=True, charged=False)


@system.mutant("expiry.is_due")
def anything_is_a_number(attribute: Attribute, now_milliseconds: int) -> bool:
    """A text that looks like seconds will do."""
    expires = attribute.seconds * 1000
    return expires + 5 * MINUTE <= now_milliseconds <= expires + FIVE_YEARS - 5 * MINUTE


@system.mutant("expiry.is_due")
def however_long_ago(attribute: Attribute, now_milliseconds: int) -> bool:
    """A time that is long past counts, although it was hardly meant as one."""
    return attribute.is_number and now_milliseconds >= attribute.seconds * 1000 + 5 * MINUTE


@system.mutant("expiry.is_due")
def clocks_are_right(attribute: Attribute, now_milliseconds: int) -> bool:
    """An item is deleted as soon as the leader's clock says that it has expired."""
    expires = attribute.seconds * 1000
    return attribute.is_number and expires < now_milliseconds <= expires + FIVE_YEARS


@system.mutant("expiry.is_due")
def seconds_taken_for_milliseconds(attribute: Attribute, now_milliseconds: int) -> bool:
    """The attribute is compared with a clock that counts milliseconds."""
    return attribute.is_number and now_milliseconds >= attribute.seconds + 5 * MINUTE


@system.mutant("expiry.is_in_use")
def setting_read_once(setting: Setting, now_milliseconds: int) -> bool:
    """A leader acts on the setting that it knows, however old."""
    return setting.on


@system.mutant("expiry.replicated")
def marked_everywhere(change: Change) -> Change:
    """The mark of the service replicates."""
    return Change(change.deletes, change.by_service, charged=True)


@system.mutant("expiry.replicated")
def free_everywhere(change: Change) -> Change:
    """A deletion by the service costs nothing in other Regions either."""
    return Change(change.deletes, by_service=False, charged=change.charged)


@system.mutant("expiry.is_due", harmless=True)
def said_of_the_age(attribute: Attribute, now_milliseconds: int) -> bool:
    """The same, of how long ago it was."""
    age = now_milliseconds - attribute.seconds * 1000
    return attribute.is_number and age >= 5 * MINUTE and age <= FIVE_YEARS - 5 * MINUTE


_ONE_REGION = {
    "region": (0,),
    "write": (0, 1, 2),
    "name": (0,),
    "is_number": (True,),
    "seconds": (0, 1000),
    "later": (5 * MINUTE,),
    "clock": (0, 5 * MINUTE),
    "seen": (0, 1),
    "number": (0, 1),
}
_LONG_AFTER = 1_000_000_000 + FIVE_YEARS + 5 * MINUTE
_EXACT = ({"clock_error": 0},)
_STEPS = ("time_passes", "turn_on", "read_setting", "put", "propose", "expire")

system.scopes.extend(
    [
        # One Region: an item expires, is renewed, or is deleted by a client.
        Scope(
            values=_ONE_REGION,
            parameters=_EXACT,
            within=lambda state: state.next_write < 3,
            actions=(*_STEPS, "delete"),
        ),
        # Text, and a time that is too long ago.
        Scope(
            values={
                **_ONE_REGION,
                "is_number": (False, True),
                "seconds": (0, 1_000_000),
                "later": (5 * MINUTE, _LONG_AFTER),
                "clock": (0, 5 * MINUTE, _LONG_AFTER),
            },
            parameters=_EXACT,
            within=lambda state: state.next_write < 2,
            actions=_STEPS,
        ),
        # A clock that is ahead of an item that has not expired.
        Scope(
            values={**_ONE_REGION, "seconds": (120,), "later": (100_000,), "clock": (250_000,)},
            parameters=({"clock_error": 150_000},),
            within=lambda state: state.next_write < 2,
            actions=_STEPS,
        ),
        # The setting is turned off.
        Scope(
            values={
                **_ONE_REGION,
                "seconds": (0,),
                "later": (10 * MINUTE, 35 * MINUTE),
                "clock": (0, 10 * MINUTE, 35 * MINUTE),
            },
            parameters=_EXACT,
            within=lambda state: state.next_write < 2,
            actions=(*_STEPS, "turn_off"),
        ),
        # The setting is turned off, with the worst of clocks.
        Scope(
            values={
                **_ONE_REGION,
                "seconds": (0,),
                "later": (30 * MINUTE,),
                "clock": (150_000, 30 * MINUTE - 150_000),
            },
            parameters=({"clock_error": 150_000},),
            within=lambda state: state.next_write < 2,
            actions=(*_STEPS, "turn_off"),
        ),
        # Another Region.
        Scope(
            values={**_ONE_REGION, "region": (0, 1), "put.region": (0,), "put.seconds": (0,)},
            parameters=_EXACT,
            within=lambda state: state.next_write < 3,
            actions=(*_STEPS, "deliver"),
        ),
    ]
)
