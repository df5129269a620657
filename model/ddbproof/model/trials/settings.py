"""Trials of settings: what must stay possible, what must be caught, and the small worlds for both."""

from __future__ import annotations

from typing import Any

from ddbproof.model.engine.system import Scope
from ddbproof.model.engine.values import both, neg
from ddbproof.model.kernel import settings
from ddbproof.model.kernel.settings import Setting
from ddbproof.model.systems.settings import State, system


@system.witness("GT-12")
def one_replica_overrides(state: State) -> Any:
    """A change has reached two replicas, and one of them has another value, of its own."""
    one, two = state.replicas[1].setting, state.replicas[2].setting
    return both(one.number == 1, two.number == 1, neg(one.has_own), two.has_own, two.own != one.shared)


@system.cover("GT-13")
def an_override_was_replaced(state: State) -> Any:
    """A replica had a value of its own and has the shared one since a change came."""
    two = state.replicas[2]
    return both(two.asked == 2, neg(two.setting.has_own), two.setting.shared == 1, state.setting == 10)


@system.cover("GT-11")
def replicas_agree_after_two_changes_at_once(state: State) -> Any:
    """Two Regions changed the setting at once to different values, and both have the same in the end."""
    one, two = state.replicas[1], state.replicas[2]
    return both(
        state.changes[1].setting.number == state.changes[2].setting.number,
        state.changes[1].setting.shared != state.changes[2].setting.shared,
        state.changes[1].made,
        one.change == 2,
        two.change == 2,
    )


@system.cover("GT-14", "PI-20")
def recovery_on_one_replica(state: State) -> Any:
    """Recovery is on for one replica and off for the other."""
    one, two = state.replicas[1].setting, state.replicas[2].setting
    return both(
        state.setting == 14, one.own == 1, state.replicas[2].member, neg(two.has_own), two.shared == 0
    )


@system.cover("MA-05")
def encryption_differs_across_accounts(state: State) -> Any:
    """Replicas in two accounts have different encryption."""
    one, two = state.replicas[1].setting, state.replicas[2].setting
    return both(state.setting == 7, state.across_accounts, one.own == 1, two.own == 2)


@system.mutant("settings.on_change")
def overrides_outlive_changes(present: Setting, incoming: Setting) -> Setting:
    """A replica keeps its own value although a later change has come."""
    if settings.is_newer(incoming, present):
        return Setting(incoming.number, incoming.region_number, incoming.shared, present.has_own, present.own)
    return present


@system.mutant("settings.on_change")
def the_last_to_arrive_wins(present: Setting, incoming: Setting) -> Setting:
    """A change is taken whatever its stamp."""
    return Setting(incoming.number, incoming.region_number, incoming.shared)


@system.mutant("settings.is_newer")
def numbers_only(incoming: Setting, present: Setting) -> bool:
    """Of two changes made at once each Region keeps its own."""
    return incoming.number > present.number


@system.mutant("settings.kind_of")
def recovery_is_shared(setting: int, strong: bool, across_accounts: bool) -> int:
    """Point-in-time recovery is switched for all replicas at once."""
    return 1 if setting in (9, 10, 11, 12, 14) else 0


@system.mutant("settings.kind_of")
def everything_may_be_overridden(setting: int, strong: bool, across_accounts: bool) -> int:
    """A replica may have a write capacity of its own."""
    return 1


@system.mutant("settings.kind_of")
def accounts_are_no_matter(setting: int, strong: bool, across_accounts: bool) -> int:
    """Across accounts a replica may override what it may within one."""
    if setting < 9:
        return 0
    return 1 if setting < 13 else 2


@system.mutant("settings.copied")
def a_new_replica_is_like_its_source(source: Setting) -> Setting:
    """A new replica gets its source's own values as well, deletion protection among them."""
    return source


@system.mutant("settings.in_force")
def overrides_are_not_shown(setting: Setting) -> int:
    """A replica that overrides shows the shared value."""
    return setting.shared


@system.mutant("settings.in_force", harmless=True)
def shared_unless_own(setting: Setting) -> int:
    """The same value, asked the other way round."""
    return setting.own if setting.has_own else setting.shared


def _world(setting: int, strong: bool, across_accounts: bool) -> dict[str, Any]:
    return {"setting": setting, "strong": strong, "across_accounts": across_accounts}


system.scopes.append(
    Scope(
        values={"region": (1, 2), "change": (0, 1, 2, 3), "value": (1, 2)},
        parameters=[
            _world(1, False, False),
            _world(7, False, False),
            _world(7, False, True),
            _world(8, True, False),
            _world(8, False, False),
            _world(9, False, True),
            _world(10, False, False),
            _world(10, False, True),
            _world(12, False, True),
            _world(14, False, False),
        ],
        within=lambda state: state.next_change < 3,
        actions=("join", "change_own", "change_shared", "deliver"),
    )
)
# Two changes at once; and what is shown.
system.scopes.append(
    Scope(
        values={"region": (1, 2), "change": (0, 1, 2), "value": (1, 2), "change_own.value": (1,)},
        parameters=[_world(10, False, False)],
        within=lambda state: state.next_change < 4,
    )
)
