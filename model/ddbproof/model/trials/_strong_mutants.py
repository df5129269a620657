"""Wrong kernels of the system `strong`, each to be killed by a trace, and another right one."""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel.refusal import require
from ddbproof.model.kernel.strong import Promise, Region, Register, Request, Round, Table
from ddbproof.model.systems._strong_state import CONFLICT
from ddbproof.model.systems.strong import system


@system.mutant("strong.is_quorum")
def one_is_enough(members: int) -> bool:
    """One member alone is a quorum."""
    return members >= 1


@system.mutant("strong.accept")
def accepts_below_its_promise(register: Register, ballot: int, number: int) -> Register:
    """A member accepts whatever is above what it has accepted, and forgets its promise."""
    require(ballot >= register.accepted)
    promised = max(register.promised, ballot)
    return Register(promised, ballot, number, register.applied, register.shown, register.last)


@system.mutant("strong.takes_answer")
def the_own_value_is_kept(register: Register, answer: Promise) -> bool:
    """A Region builds on what it has itself, whatever it is told."""
    return False


@system.mutant("strong.takes_answer")
def the_answers_value_is_taken(register: Register, answer: Promise) -> bool:
    """A Region builds on what it is told, whatever it has itself."""
    return True


@system.mutant("strong.takes_answer")
def the_higher_version_is_taken(register: Register, answer: Promise) -> bool:
    """Of two values a Region takes the one with the higher version number, whatever their ballots are."""
    return answer.number > register.number


@system.mutant("strong.ballot_of")
def ballots_are_shared(counter: int, member: int) -> int:
    """Two members may begin the same ballot."""
    return 3 * counter


@system.mutant("strong.may_promise")
def a_ballot_is_promised_twice(register: Register, ballot: int, last: bool) -> bool:
    """A ballot may be begun again by its own Region, which has forgotten the first time."""
    return ballot >= register.promised and (last or register.last == 0)


@system.mutant("strong.on_refusal")
def a_conflict_after_all(begun: Round, promised: int) -> Round:
    """A Region that has sent a value out reports a conflict all the same."""
    require(begun.outcome == 0)
    require(promised > begun.ballot)
    return msgspec.structs.replace(begun, outcome=CONFLICT)


@system.mutant("strong.on_accepted")
def counts_answers_to_another_ballot(begun: Round, region: Region, ballot: int, members: int) -> Round:
    """A Region takes for its own what was accepted under another ballot."""
    require(members >= 2)
    require(begun.proposed)
    require(begun.outcome == 0)
    require(begun.request.suspensions == region.suspensions)
    return msgspec.structs.replace(begun, outcome=1)


@system.mutant("strong.is_decided")
def read_from_the_own_copy(
    register: Register, region: Region, request: Request, accepted: int, members: int
) -> bool:
    """A strong read is answered with what the Region itself has."""
    return request.suspensions == region.suspensions


@system.mutant("strong.is_decided")
def the_newer_of_two_unfinished(
    register: Register, region: Region, request: Request, accepted: int, members: int
) -> bool:
    """A strong read is answered with the newer of two values, though nobody has finished it."""
    return members >= 2 and accepted <= register.accepted and request.suspensions == region.suspensions


@system.mutant("strong.may_request")
def the_witness_is_asked(region: Region, catching_up: bool) -> bool:
    """A witness takes writes and strong reads."""
    return region.entered and (region.serving or catching_up)


@system.mutant("strong.serves_eventually")
def the_witness_is_read(region: Region) -> bool:
    """A witness answers eventually consistent reads."""
    return region.joined


@system.mutant("strong.may_request")
def serves_while_suspended(region: Region, catching_up: bool) -> bool:
    """A Region that has lost touch, or not yet caught up, begins what clients ask for."""
    return region.entered and not region.witness


@system.mutant("strong.resume")
def serves_before_it_has_caught_up(region: Region, request: Request) -> Region:
    """A Region serves again by what it read before it came back."""
    return Region(region.joined, region.witness, region.entered, True, region.suspensions)


@system.mutant("strong.found_touch")
def counts_what_it_read_alone(region: Region) -> Region:
    """What a Region began to read while it reached nobody counts as catching up."""
    require(region.entered)
    require(not region.serving)
    return region


@system.mutant("strong.may_answer")
def answers_what_it_had_begun(region: Region, request: Request) -> bool:
    """A Region answers, while it is suspended, what it had begun before."""
    return True


@system.mutant("strong.learn")
def applies_what_comes_last(register: Register, number: int) -> Register:
    """A member applies an older version after a newer one, as word of it comes."""
    return Register(
        register.promised, register.accepted, register.number, number, register.shown, register.last
    )


@system.mutant("strong.show_next")
def shows_what_is_not_decided(register: Register) -> Register:
    """The stream shows what was accepted, which may come to nothing."""
    require(register.shown < register.number)
    return Register(
        register.promised,
        register.accepted,
        register.number,
        register.number,
        register.shown + 1,
        register.last,
    )


@system.mutant("strong.may_promise")
def promises_after_the_last(register: Register, ballot: int, last: bool) -> bool:
    """A member that has promised a last ballot goes on with others."""
    return ballot > register.promised


@system.mutant("strong.dissolved")
def dissolved_at_once(table: Table, last: Round) -> Table:
    """A table is dissolved before the Region that stays has everything."""
    require(table.dissolving)
    return Table(1, 0, False, False, False)


@system.mutant("strong.create")
def one_more_at_a_time(table: Table, replicas: int, witnesses: int, strong: bool, empty: bool) -> Table:
    """A table in strong mode is formed with one more member."""
    require(not table.strong)
    require(empty)
    require(witnesses <= 1)
    return Table(1 + replicas, witnesses, strong, strong, False)


@system.mutant("strong.create")
def formed_with_items(table: Table, replicas: int, witnesses: int, strong: bool, empty: bool) -> Table:
    """A table that is not empty is put into strong mode."""
    require(not table.strong)
    require(strong)
    require(table.replicas == 1)
    require(replicas + witnesses == 2)
    require(witnesses <= 1)
    return Table(1 + replicas, witnesses, True, True, False)


@system.mutant("strong.create")
def a_change_of_mode(table: Table, replicas: int, witnesses: int, strong: bool, empty: bool) -> Table:
    """A global table in eventual mode is put into strong mode, when it is empty and gets what it lacks."""
    require(not table.strong)
    require(empty)
    require(witnesses <= 1)
    total = table.replicas + replicas + witnesses
    if strong:
        require(total == 3)
    else:
        require(witnesses == 0)
    return Table(table.replicas + replicas, witnesses, strong, strong, False)


@system.mutant("strong.takes_writes_alone")
def written_while_it_is_formed(table: Table) -> bool:
    """The Region that a table begins with goes on writing until all have joined."""
    return not table.strong or table.forming


@system.mutant("strong.enter")
def enters_too_early(region: Region, table: Table) -> Region:
    """A member serves as soon as it has joined."""
    require(region.joined)
    require(not region.entered)
    return Region(region.joined, region.witness, True, True, 0)


@system.mutant("strong.remove")
def one_is_removed(table: Table, replicas: int, witnesses: int) -> Table:
    """A single member is removed from a table in strong mode."""
    require(table.strong)
    require(witnesses <= table.witnesses)
    require(replicas + witnesses == 1)
    return Table(table.replicas - replicas, table.witnesses - witnesses, True, False, False)


@system.mutant("strong.takes_answer", harmless=True)
def of_equal_ballots_the_answers_value(register: Register, answer: Promise) -> bool:
    """Where both have accepted the same ballot, the answer's value is taken: it is the same."""
    return answer.accepted >= register.accepted
