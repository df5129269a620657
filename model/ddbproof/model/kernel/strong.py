"""Strong mode: an item on three members, of which two decide, and which tables may be in it.

Sources: MR-01 (a write succeeds once another Region has it), MR-02, MR-07 and MR-08 (three members, formed at once from
an empty table and dissolved at once), MR-04 (a witness), MR-05 and MR-09 (the latest version is read, tested and
changed, or the write fails with ReplicatedWriteConflictException), MR-15 and MR-16 (one member reached is
enough; who comes back first catches up). AWS publishes no protocol; this one is ours, and has no leader over Regions,
so that losing a Region stops nobody for the length of a lease. It is a register for each item, in the manner of CASPaxos.

A client's write goes through its own Region, which is one member, and takes two rounds between two of the three.
First the Region promises itself a *ballot* of its own, higher than all it has promised, and one more member promises
it, too. Whoever promises takes no lower ballot any more and tells what it has accepted. Of the two values the one with the
higher ballot is the latest version; the condition is tested on it, and the next version made of it. Then the Region
accepts that under its ballot, sends it out, and acknowledges the write when one more member has accepted it.

A Region that is refused before it has sent a value out answers with a conflict: the write has no effect, now and ever.
Afterwards it cannot know, and answers with a server error (REP-15). So does everybody who gives up waiting. A value
that was left half-way is finished by whoever comes next, as the base of its own version, or unchanged: a write whose
condition does not hold sends the value that it was tested on out again, under its ballot, before it answers, and so does
a read that finds two members with different ballots. A read that finds them alike needs no ballot: that value is decided.

Ballots are numbers, three times a counter plus the member, so that no two members have the same; a member's own are
never repeated as it promises them on its disk first. What is known to be decided is *applied*: eventually consistent
reads and streams show that, a little later than it is acknowledged (MR-06). Change records are shown one by one, in
the order of versions.

A Region that has lost touch with both others is *suspended*: it begins no write and no strong read, and what it had
begun it answers with errors. When it reaches somebody again, it has every item read anew, under the same
rules, and serves again after that. This is for its eventually consistent reads and for its clients' sake:
no stale strong read was possible before.

A table in strong mode is formed with both other members in one step, which takes no writes until all three have
joined. It is dissolved by ballots, too: the *last* ones. A member that has promised a last ballot promises no other
any more, so that with two of those nothing new can be sent out elsewhere, and the Region that stays has everything.

Left out: how replicas come and go in eventual mode (`global_tables`); which items there are (each has a register of its own), and how a Region keeps its member: in a replication
group of its own, whose leader begins one ballot at a time for each item. That somebody gets through in the end is
not guaranteed to two Regions that keep refusing each other; callers wait a random time before they try again.
"""

from __future__ import annotations

import msgspec

from ddbproof.model.kernel import instants
from ddbproof.model.kernel.refusal import require

MEMBERS = 3
QUORUM = 2
OPEN, DONE, CONFLICT, UNKNOWN = 0, 1, 2, 3


class Table(msgspec.Struct, frozen=True, gc=False):
    """A table as its control plane sees it: replicas and witnesses, its mode if it is global, and what is under way."""

    replicas: int
    witnesses: int
    strong: bool
    forming: bool
    dissolving: bool


class Region(msgspec.Struct, frozen=True, gc=False):
    """A member as a whole: if it has joined, if it is the witness, if it has entered service and serves now.

    `suspensions` counts how often it has lost or found touch.
    """

    joined: bool
    witness: bool
    entered: bool
    serving: bool
    suspensions: int


class Register(msgspec.Struct, frozen=True, gc=False):
    """A member's part in an item: the ballots it has promised and accepted and the version number it accepted.

    Of the versions known to be decided, how many are applied and how many shown in the stream. `last` is the first of
    the last ballots that it has promised, 0 if it has promised none.
    """

    promised: int
    accepted: int
    number: int
    applied: int
    shown: int
    last: int


class Promise(msgspec.Struct, frozen=True, gc=False):
    """A member's promise of a ballot, with the ballot and the number of what it had accepted before."""

    ballot: int
    accepted: int
    number: int


class Request(msgspec.Struct, frozen=True, gc=False):
    """What a Region is asked for: by a client, or by itself to catch up; how often it had been suspended by then."""

    catching_up: bool
    suspensions: int


class Round(msgspec.Struct, frozen=True, gc=False):
    """A ballot, as the Region that began it sees it. `changes` if it makes a new version; `number` is the version's."""

    ballot: int
    request: Request
    last: bool
    proposed: bool
    changes: bool
    number: int
    outcome: int


SINGLE_REGION = Table(1, 0, False, False, False)
NEW_REGION = Region(False, False, False, False, 0)
NEW_REGISTER = Register(0, 0, 0, 0, 0, 0)


# The table.


def create(table: Table, replicas: int, witnesses: int, strong: bool, empty: bool) -> Table:
    """Add so many replicas and witnesses to a table, all that are asked for in one step.

    Raises NotAllowed for anything but two more members of an empty table in one Region, if it is to be in strong mode;
    for a witness in eventual mode; for a table in strong mode, and for another mode than a global table has.
    """
    require(not table.strong)
    if strong:
        require(table.replicas == 1)
        require(empty)
        require(witnesses <= 1)
        require(replicas + witnesses == MEMBERS - 1)
        return Table(1 + replicas, witnesses, True, True, False)
    require(witnesses == 0)
    return Table(table.replicas + replicas, witnesses, False, False, False)


def takes_writes_alone(table: Table) -> bool:
    """True if a Region may write without asking the others, as in a single-Region table and in eventual mode."""
    return not table.strong


def formed(table: Table) -> Table:
    """All members have joined. Raises NotAllowed if the table is not being formed."""
    require(table.forming)
    return Table(table.replicas, table.witnesses, table.strong, False, table.dissolving)


def remove(table: Table, replicas: int, witnesses: int) -> Table:
    """Begin to dissolve a table in strong mode, by removing so many of its members; they are members until it is done.

    Raises NotAllowed unless that leaves one replica, and while the table is being formed or dissolved.
    """
    require(table.strong)
    require(not table.forming)
    require(not table.dissolving)
    require(witnesses == table.witnesses)
    require(replicas + witnesses == MEMBERS - 1)
    return Table(table.replicas, table.witnesses, True, False, True)


def dissolved(table: Table, last: Round) -> Table:
    """The Region that stays has everything, by a last ballot. Raises NotAllowed before that."""
    require(table.dissolving)
    require(last.last)
    require(last.proposed)
    return SINGLE_REGION


# A member as a whole.


def join(region: Region, witness: bool) -> Region:
    """Become a member of a table that is being formed. Raises NotAllowed if it is one."""
    require(not region.joined)
    return Region(True, witness, False, False, 0)


def enter(region: Region, table: Table) -> Region:
    """Serve for the first time. Raises NotAllowed until the table is formed, and after the first time."""
    require(table.strong)
    require(not table.forming)
    require(not region.entered)
    return Region(region.joined, region.witness, True, True, 0)


def lost_touch(region: Region) -> Region:
    """The Region notices that it reaches no other member: it serves no more, and what it has begun fails.

    Raises NotAllowed before it has served, when there is nothing to suspend.
    """
    require(region.entered)
    return Region(region.joined, region.witness, True, False, region.suspensions + 1)


def found_touch(region: Region) -> Region:
    """It reaches one again: what it reads from now on counts as catching up. Raises NotAllowed if it serves."""
    require(region.entered)
    require(not region.serving)
    return Region(region.joined, region.witness, True, False, region.suspensions + 1)


def resume(region: Region, request: Request) -> Region:
    """Serve again, every item having been read by such requests. NotAllowed if they were begun too early."""
    require(request.suspensions == region.suspensions)
    return Region(region.joined, region.witness, region.entered, True, region.suspensions)


def serves_eventually(region: Region) -> bool:
    """True if it may answer eventually consistent reads: every replica may, whatever it reaches."""
    return region.joined and not region.witness


def may_request(region: Region, catching_up: bool) -> bool:
    """True if a write or a strong read may begin: at a replica, and for clients only while it serves."""
    return region.entered and not region.witness and (region.serving or catching_up)


def on_request(region: Region, catching_up: bool) -> Request:
    """Begin a write or a strong read. Raises NotAllowed if none may begin."""
    require(may_request(region, catching_up))
    return Request(catching_up, region.suspensions)


def may_answer(region: Region, request: Request) -> bool:
    """True unless the Region was suspended since: then it answers with an error, whatever came out."""
    return request.suspensions == region.suspensions


def is_quorum(members: int) -> bool:
    """True if so many of the three are enough."""
    return members >= QUORUM


# A member's part in an item.


def ballot_of(counter: int, member: int) -> int:
    """The ballot of a member (0, 1 or 2) with that counter."""
    return MEMBERS * counter + member


def counter_after(ballot: int) -> int:
    """A counter that makes a higher ballot for any member; for who was refused because of that one."""
    return ballot // MEMBERS + 1


def may_promise(register: Register, ballot: int, last: bool) -> bool:
    """True for a ballot that is higher than all that were promised, and after the first last one for such only."""
    return ballot > register.promised and (last or register.last == 0)


def first_last(register: Register, ballot: int, last: bool) -> int:
    """The first last ballot, with one more promised."""
    if last and register.last == 0:
        return ballot
    return register.last


def prepare(register: Register, ballot: int, last: bool) -> tuple[Register, Promise]:
    """Promise a ballot; to be durable before it is answered. Raises NotAllowed if it may not be promised."""
    require(may_promise(register, ballot, last))
    promised = Register(
        ballot,
        register.accepted,
        register.number,
        register.applied,
        register.shown,
        first_last(register, ballot, last),
    )
    return promised, Promise(ballot, register.accepted, register.number)


def accept(register: Register, ballot: int, number: int) -> Register:
    """Accept a version under a ballot; to be durable before it is answered. It may come twice.

    Raises NotAllowed if a higher ballot is promised.
    """
    require(ballot >= register.promised)
    return Register(ballot, ballot, number, register.applied, register.shown, register.last)


def learn(register: Register, number: int) -> Register:
    """Apply a version that is decided, with all before it. Word of that may come late, twice and in any order."""
    applied = instants.higher(register.applied, number)
    return Register(
        register.promised, register.accepted, register.number, applied, register.shown, register.last
    )


def show_next(register: Register) -> Register:
    """Put the next version's record into the stream. Raises NotAllowed if it is not applied."""
    require(register.shown < register.applied)
    return Register(
        register.promised,
        register.accepted,
        register.number,
        register.applied,
        register.shown + 1,
        register.last,
    )


# A write, or a read that finishes what it finds.


def begin(
    register: Register, request: Request, member: int, counter: int, last: bool
) -> tuple[Register, Promise, Round]:
    """Begin a ballot at the member's own register, which has to be durable before any other member is asked.

    Raises NotAllowed if the counter is too low.
    """
    ballot = ballot_of(counter, member)
    promised, promise = prepare(register, ballot, last)
    return promised, promise, Round(ballot, request, last, False, False, 0, OPEN)


def takes_answer(register: Register, answer: Promise) -> bool:
    """True if what the answer tells of is newer than what the register has accepted."""
    return answer.accepted > register.accepted


def latest(register: Register, answer: Promise) -> int:
    """The number of the latest version: the answer's, or the register's own."""
    if takes_answer(register, answer):
        return answer.number
    return register.number


def propose(
    register: Register, begun: Round, answer: Promise, members: int, changes: bool
) -> tuple[Register, Round]:
    """Accept at the own register what is to be sent out: the latest version or, if it `changes`, the next one.

    `answer` is the other member's promise and `members` how many have promised. Raises NotAllowed if the own register has
    promised a higher ballot since, for the answer to another ballot, and if the round is over.
    """
    require(is_quorum(members))
    require(begun.outcome == OPEN)
    require(not begun.proposed)
    require(register.promised == begun.ballot)
    require(answer.ballot == begun.ballot)
    number = latest(register, answer)
    if changes:
        number = number + 1
    accepted = accept(register, begun.ballot, number)
    return accepted, Round(begun.ballot, begun.request, begun.last, True, changes, number, begun.outcome)


def on_accepted(begun: Round, region: Region, ballot: int, members: int) -> Round:
    """So many members have accepted what was sent out under the ballot: it is decided, and may be answered.

    Raises NotAllowed for the answer to another ballot, if the round is over, and if the Region was suspended since.
    """
    require(is_quorum(members))
    require(begun.proposed)
    require(begun.outcome == OPEN)
    require(ballot == begun.ballot)
    require(may_answer(region, begun.request))
    return msgspec.structs.replace(begun, outcome=DONE)


def on_refusal(begun: Round, promised: int) -> Round:
    """A member has promised a higher ballot: a conflict if nothing was sent out yet, else nobody knows.

    Raises NotAllowed if the ballot is not higher, or the round is over.
    """
    require(begun.outcome == OPEN)
    require(promised > begun.ballot)
    if begun.proposed:
        return msgspec.structs.replace(begun, outcome=UNKNOWN)
    return msgspec.structs.replace(begun, outcome=CONFLICT)


def give_up(begun: Round) -> Round:
    """Wait no longer. Raises NotAllowed if the round is over."""
    require(begun.outcome == OPEN)
    return msgspec.structs.replace(begun, outcome=UNKNOWN)


# A read that needs no ballot.


def is_decided(register: Register, region: Region, request: Request, accepted: int, members: int) -> bool:
    """True if a read may answer with what the own register has accepted: another member has accepted the same.

    `accepted` is the other member's ballot, told after the read began. If it is false a ballot finishes the read, or
    an error.
    """
    return is_quorum(members) and accepted == register.accepted and may_answer(region, request)
