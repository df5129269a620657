"""Settings of a global table: any number of replicas change one setting, at once, and changes arrive as they like.

Sources: GT-11 to GT-14, PI-20, MA-05, CTL-03 (protection is off on a new replica). The kernel is `kernel/settings.py`.

No setting looks at another, so one that is not known stands for each: `setting` is a parameter, and so are the mode and
whether the replicas are in one account. The network is that of `eventual`: a change reaches a Region any number of times, in
any order, or never. Changes are numbered for what is stated; change 0 is how the table was created.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from ddbproof.model.engine.system import System
from ddbproof.model.engine.values import FrozenMap, Map, Sort, both, either, forall, implies, neg
from ddbproof.model.kernel import settings
from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.settings import Setting

REGION, CHANGE = Sort("region"), Sort("change")


class Replica(msgspec.Struct, frozen=True):
    """A Region's replica. `change` is the last shared change that it took; `own_change` the one it knew when it chose its own value.

    `asked` is what was asked for last at this very replica and for it alone, 0 if nothing was; `stands` that no later change came since.
    """

    member: bool
    setting: Setting
    change: Annotated[int, CHANGE]
    own_change: Annotated[int, CHANGE]
    asked: int
    stands: bool


class Change(msgspec.Struct, frozen=True):
    """A shared change as it is sent, and where it was made."""

    made: bool
    setting: Setting
    region: Annotated[int, REGION]


class Shown(msgspec.Struct, frozen=True):
    """What a replica said of the setting when it was asked last, and how it stood then."""

    value: int
    setting: Setting


class State(msgspec.Struct, frozen=True):
    """All Regions and changes, which reached whom, and what never changes."""

    replicas: Annotated[Map[Replica], REGION]
    changes: Annotated[Map[Change], CHANGE]
    delivered: Annotated[Map[Annotated[Map[bool], CHANGE]], REGION]
    next_change: Annotated[int, CHANGE]
    shown: Shown
    setting: int
    strong: bool
    across_accounts: bool


system = System("settings", "Settings of a global table", State, [settings])
system.scope_in_words = [
    "one setting of any kind, any number of Regions; messages are lost, doubled, late and out of order",
    "which of two changes made at once wins is ours: AWS publishes no rule",
    "a Region joins once; that changes arrive in the end is tested, not proved",
]
system.merged = ("settings.is_newer", "settings.kind_of")
replace = msgspec.structs.replace


@system.initial
def one_table(setting: int, strong: bool, across_accounts: bool) -> State:
    """A table in Region 1, as it was created."""
    nobody = Replica(False, Setting(), 0, 0, 0, False)
    nothing = FrozenMap(False)
    known = FrozenMap(False, {0: True})
    return State(
        FrozenMap(nobody, {1: replace(nobody, member=True)}),
        FrozenMap(Change(False, Setting(), 0), {0: Change(True, Setting(), 0)}),
        FrozenMap(nothing, {1: known}),
        1,
        Shown(0, Setting()),
        setting,
        strong,
        across_accounts,
    )


def _kind(state: State) -> int:
    return settings.kind_of(state.setting, state.strong, state.across_accounts)


@system.action
def join(state: State, region: Annotated[int, REGION], source: Annotated[int, REGION]) -> State:
    """A Region gets a replica, with the settings of another."""
    require(region > 0)
    require(neg(state.replicas[region].member))
    require(state.replicas[source].member)
    copied = settings.copied(state.replicas[source].setting)
    change = state.replicas[source].change
    return replace(
        state,
        replicas=state.replicas.put(region, Replica(True, copied, change, 0, 0, False)),
        delivered=state.delivered.put(region, state.delivered[source]),
    )


@system.action
def change_own(state: State, region: Annotated[int, REGION], value: int) -> State:
    """Somebody asks one replica for a value of its own."""
    replica = state.replicas[region]
    require(replica.member)
    setting = settings.change_own(replica.setting, _kind(state), value)
    changed = Replica(True, setting, replica.change, replica.change, value, True)
    return replace(state, replicas=state.replicas.put(region, changed))


@system.action
def change_shared(state: State, region: Annotated[int, REGION], value: int) -> State:
    """Somebody changes the setting for all, at one replica."""
    replica, number = state.replicas[region], state.next_change
    require(replica.member)
    setting = settings.change_shared(replica.setting, _kind(state), region, value)
    return replace(
        state,
        replicas=state.replicas.put(
            region, Replica(True, setting, number, replica.own_change, replica.asked, False)
        ),
        changes=state.changes.put(number, Change(True, setting, region)),
        delivered=state.delivered.put(region, state.delivered[region].put(number, True)),
        next_change=number + 1,
    )


@system.action
def deliver(state: State, region: Annotated[int, REGION], number: Annotated[int, CHANGE]) -> State:
    """A change reaches a replica, for the first time or again."""
    replica, change = state.replicas[region], state.changes[number]
    require(replica.member)
    require(change.made)
    setting = settings.on_change(replica.setting, change.setting)
    taken, stands = replica.change, replica.stands
    if beats(change.setting, replica.setting):
        taken, stands = number, False
    changed = Replica(True, setting, taken, replica.own_change, replica.asked, stands)
    return replace(
        state,
        replicas=state.replicas.put(region, changed),
        delivered=state.delivered.put(region, state.delivered[region].put(number, True)),
    )


@system.action
def describe(state: State, region: Annotated[int, REGION]) -> State:
    """Somebody asks a replica for the value in force."""
    replica = state.replicas[region]
    require(replica.member)
    return replace(state, shown=Shown(settings.in_force(replica.setting), replica.setting))


def beats(one: Setting, other: Setting) -> Any:
    """The order that is promised, said again without the kernel."""
    return either(
        one.number > other.number,
        both(one.number == other.number, one.region_number > other.region_number),
    )


def _is_one_of(number: int, *choices: int) -> Any:
    return either(*(number == choice for choice in choices))


def always_shared(state: State) -> Any:
    """What GT-11 names, and across accounts what MA-05 leaves nobody to override; numbers as in the kernel."""
    return either(
        both(state.setting >= 0, state.setting < 7),
        both(state.setting == 7, neg(state.across_accounts)),
        both(state.setting == 8, neg(state.strong)),
        both(_is_one_of(state.setting, 10, 11), state.across_accounts),
    )


def overridable(state: State) -> Any:
    """What GT-12 names; across accounts only read scaling."""
    return either(state.setting == 9, both(_is_one_of(state.setting, 10, 11, 12), neg(state.across_accounts)))


def local(state: State) -> Any:
    """What GT-14 names, and across accounts MA-05."""
    return either(
        _is_one_of(state.setting, 13, 14, 15, 16, 17, 18),
        both(state.setting == 8, state.strong),
        both(_is_one_of(state.setting, 7, 12), state.across_accounts),
    )


def value_of(setting: Setting, value: Any) -> Any:
    """That this is the value in force."""
    return both(
        implies(setting.has_own, setting.own == value), implies(neg(setting.has_own), setting.shared == value)
    )


@system.invariant
def numbers(state: State) -> Iterator[Any]:
    """Changes are numbered in the order in which they were made; the first is how the table was created."""
    yield state.next_change > 0
    yield both(
        state.changes[0].made,
        state.changes[0].setting.number == 0,
        state.changes[0].setting.shared == 0,
    )
    yield forall(CHANGE)(lambda n: implies(state.changes[n].made, both(n >= 0, n < state.next_change)))
    yield forall(CHANGE)(
        lambda n: implies(
            both(state.changes[n].made, n > 0),
            both(
                state.changes[n].setting.region_number == state.changes[n].region,
                state.changes[n].setting.number > 0,
                state.replicas[state.changes[n].region].member,
            ),
        )
    )


@system.invariant
def deliveries(state: State) -> Iterator[Any]:
    """Only changes that were made are delivered; what a replica has taken was delivered to it."""
    yield forall(REGION, CHANGE)(lambda r, n: implies(state.delivered[r][n], state.changes[n].made))
    yield forall(REGION)(
        lambda r: implies(state.replicas[r].member, state.delivered[r][state.replicas[r].change])
    )
    yield forall(REGION)(
        lambda r: implies(
            state.replicas[r].member,
            both(
                state.replicas[r].setting.number == state.changes[state.replicas[r].change].setting.number,
                state.replicas[r].setting.region_number
                == state.changes[state.replicas[r].change].setting.region_number,
                state.replicas[r].setting.shared == state.changes[state.replicas[r].change].setting.shared,
            ),
        )
    )
    yield forall(CHANGE)(
        lambda n: implies(both(state.changes[n].made, n > 0), state.delivered[state.changes[n].region][n])
    )


@system.invariant
def stamps_are_changes(state: State) -> Iterator[Any]:
    """Two changes with one stamp are one."""
    yield forall(CHANGE, CHANGE)(
        lambda m, n: implies(
            both(
                state.changes[m].made,
                state.changes[n].made,
                state.changes[m].setting.number == state.changes[n].setting.number,
                state.changes[m].setting.region_number == state.changes[n].setting.region_number,
            ),
            m == n,
        )
    )


@system.safe("GT-11")
def SAFE_the_latest_delivered_change_is_taken(state: State) -> Iterator[Any]:
    """A replica has taken the latest of all shared changes that reached it."""
    yield forall(REGION, CHANGE)(
        lambda r, n: implies(
            both(state.replicas[r].member, state.delivered[r][n]),
            neg(beats(state.changes[n].setting, state.replicas[r].setting)),
        )
    )


@system.safe("GT-11", "MA-05")
def SAFE_equal_knowledge_means_equal_settings(state: State) -> Iterator[Any]:
    """Two replicas to which each other's last change was delivered have the same value of what is always shared."""
    yield forall(REGION)(
        lambda r: implies(
            both(state.replicas[r].member, always_shared(state)), neg(state.replicas[r].setting.has_own)
        )
    )
    yield forall(REGION, REGION)(
        lambda r, q: implies(
            both(
                state.replicas[r].member,
                state.replicas[q].member,
                state.delivered[r][state.replicas[q].change],
                state.delivered[q][state.replicas[r].change],
            ),
            state.replicas[r].setting.shared == state.replicas[q].setting.shared,
        )
    )


@system.safe("GT-12", "MA-05")
def SAFE_an_override_is_one_replicas(state: State) -> Iterator[Any]:
    """What may be overridden has at a replica the value it was given there, until a later change comes, or else the shared one."""
    yield forall(REGION)(
        lambda r: implies(
            both(state.replicas[r].member, overridable(state), state.replicas[r].setting.has_own),
            state.replicas[r].setting.own == state.replicas[r].asked,
        )
    )
    yield value_of(state.shown.setting, state.shown.value)
    yield forall(REGION)(lambda r: implies(state.replicas[r].stands, state.replicas[r].setting.has_own))


@system.safe("GT-13")
def SAFE_a_later_change_replaces_the_override(state: State) -> Iterator[Any]:
    """An override stands only as long as no change has arrived that is later than what the replica knew when it was made."""
    yield forall(REGION)(
        lambda r: implies(
            both(state.replicas[r].member, overridable(state), state.replicas[r].setting.has_own),
            state.replicas[r].change == state.replicas[r].own_change,
        )
    )


@system.safe("GT-14", "PI-20", "MA-05", "CTL-03")
def SAFE_what_is_local_stays_local(state: State) -> Iterator[Any]:
    """A local setting has at each replica what was asked for there last, and is off where nobody asked."""
    yield forall(REGION)(
        lambda r: implies(
            both(state.replicas[r].member, local(state)),
            value_of(state.replicas[r].setting, state.replicas[r].asked),
        )
    )
    yield forall(CHANGE)(lambda n: implies(both(local(state), state.changes[n].made), n == 0))
