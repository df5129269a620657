"""Items whose lists only grow, so that they tell the whole story: who wrote what after what, and what everybody saw (TX-02, TX-03, TX-04).

Every request that writes appends a value of its own, to one list or in a transaction to several; a read shows a list as it was, and
so how much of the story it has seen. Coordinators die at any of their durable steps, and what they have left lies about for a while,
while zones, nodes, disks and messages fail. At the end there has to be one order of all requests that explains what each has
seen, and in which none comes before one that was answered before it began.
"""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import pytest
from test_endpoint_zones_transactions import token_forgotten, undecided_committed, written_on_what_was_before
from zones_by_hand import REGION, TABLE, Zones

from ddbproof.reference_impl.cluster.ledger import Ledger
from ddbproof.reference_impl.cluster.scheduler import Scheduler
from ddbproof.reference_impl.cluster.table_store import PartitionedTable
from ddbproof.reference_impl.control.topology import replayed
from ddbproof.reference_impl.errors import CallerError, ConfigurationError, UnavailableError

SECOND = "second"
Place = tuple[str, str]
PLACES: list[Place] = [(table, f"k{number}") for table in (TABLE, SECOND) for number in range(3)]
ZONE_NAMES = [REGION + letter for letter in "abc"]
NODES = [f"{zone}-{number}" for zone in ZONE_NAMES for number in (1, 2)]
RUNS, REQUESTS = 24, 80
DIES, PUT_OFF = 0.06, 0.8

DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"


@contextlib.contextmanager
def mortal_coordinators(chance: random.Random) -> Iterator[Callable[[], None]]:
    """Coordinators die before and after durable steps, and those that the scheduler sends come late; yields what ends that."""
    mortal = True

    def end() -> None:
        nonlocal mortal
        mortal = False

    def die(share: float) -> None:
        if mortal and chance.random() < share:
            raise UnavailableError("the coordinator is dead")

    def stepping(right: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            die(DIES)
            made = right(*arguments, **named)
            die(DIES)
            return made

        return step

    right = Scheduler.at

    def late(self: Scheduler, due_milliseconds: int, action: Callable[[int], None]) -> None:
        def act(at_milliseconds: int) -> None:
            die(PUT_OFF)
            action(at_milliseconds)

        right(self, due_milliseconds, act)

    with (
        patch.object(Ledger, "change", stepping(Ledger.change)),
        patch.object(PartitionedTable, "prepare", stepping(PartitionedTable.prepare)),
        patch.object(PartitionedTable, "settle", stepping(PartitionedTable.settle)),
        patch.object(Scheduler, "at", late),
    ):
        yield end


def key_of(place: Place) -> dict[str, Any]:
    return {"TableName": place[0], "Key": {"pk": {"S": place[1]}}}


def appending(place: Place, value: int) -> dict[str, Any]:
    values = {":none": {"L": []}, ":one": {"L": [{"N": str(value)}]}}
    return {
        **key_of(place),
        "UpdateExpression": "SET l = list_append(if_not_exists(l, :none), :one)",
        "ExpressionAttributeValues": values,
    }


def as_seen(seen: list[int]) -> dict[str, Any]:
    """The condition that a list is as it was seen."""
    if not seen:
        return {"ConditionExpression": "attribute_not_exists(l)"}
    count = {":count": {"N": str(len(seen))}}
    return {"ConditionExpression": "size(l) = :count", "ExpressionAttributeValues": count}


def list_of(answer: dict[str, Any]) -> list[int]:
    return [int(value["N"]) for value in answer.get("Item", {}).get("l", {}).get("L", [])]


class Lists:
    """One run. `seen` is what each request saw, `begun` and `ended` when it was under way; `outcome` and `places` are of those that write."""

    def __init__(self, seed: int) -> None:
        chance = self.chance = random.Random(seed)
        lag = chance.choice(["none", "legal"])
        self.zones = self.opened(partitions=chance.randint(1, 3), seed=seed, lag=lag, record_steps=True)
        self.zones.create(SECOND)
        self.requests = 0
        self.outcome: dict[int, str] = {}
        self.places: dict[int, list[Place]] = {}
        self.seen: dict[int, dict[Place, list[int]]] = {}
        self.begun: dict[int, int] = {}
        self.ended: dict[int, int] = {}
        self.repeatable: dict[int, list[dict[str, Any]]] = {}
        self.time = 0

    def opened(self, **options: Any) -> Zones:
        """The endpoint, with one of the two tables."""
        return Zones(**options)

    # -- requests ---------------------------------------------------------------------------------------

    def ask(self, number: int, operation: str, **parameters: Any) -> dict[str, Any] | None:
        """Send a request and note what comes of it."""
        self.time += 1
        self.begun.setdefault(number, self.time)
        answer = None
        try:
            answer = self.zones.call(operation, **parameters)
            self.outcome[number] = DONE
            self.time += 1
            self.ended.setdefault(number, self.time)
        except UnavailableError:
            self.outcome[number] = UNKNOWN
        except CallerError as refused:
            in_progress = refused.code == "TransactionInProgressException"
            self.outcome[number] = UNKNOWN if in_progress else REFUSED
        return answer

    def next_request(self) -> int:
        self.requests += 1
        return self.requests

    def append(self) -> None:
        place, number = self.chance.choice(PLACES), self.next_request()
        self.places[number] = [place]
        self.ask(number, "UpdateItem", **appending(place, number))

    def read(self, place: Place) -> list[int] | None:
        answer = self.ask(self.next_request(), "GetItem", **key_of(place), ConsistentRead=True)
        return None if answer is None else list_of(answer)

    def read_together(self) -> None:
        places, number = self.chance.sample(PLACES, self.chance.randint(2, 4)), self.next_request()
        gets = [{"Get": key_of(place)} for place in places]
        answer = self.ask(number, "TransactGetItems", TransactItems=gets)
        if answer is not None:
            self.seen[number] = dict(zip(places, map(list_of, answer["Responses"]), strict=True))

    def transact(self) -> None:
        """Some lists are checked only; of the others some are put anew, as they were seen and with the value."""
        chance = self.chance
        places = chance.sample(PLACES, chance.randint(2, 5))
        checks = chance.randint(0, len(places) - 1)
        seen: dict[Place, list[int]] = {}
        kinds = ["check"] * checks + chance.choices(["append", "put"], [2, 1], k=len(places) - checks)
        for place, kind in zip(places, kinds, strict=True):
            found = [] if kind == "append" else self.read(place)
            if found is None:
                return
            if kind != "append":
                seen[place] = found
        number = self.next_request()
        actions: list[dict[str, Any]] = []
        for place, kind in zip(places, kinds, strict=True):
            if kind == "append":
                actions.append({"Update": appending(place, number)})
            elif kind == "check":
                actions.append({"ConditionCheck": {**key_of(place), **as_seen(seen[place])}})
            else:
                values = [{"N": str(value)} for value in (*seen[place], number)]
                item = {"pk": {"S": place[1]}, "l": {"L": values}}
                actions.append({"Put": {"TableName": place[0], "Item": item, **as_seen(seen[place])}})
        self.places[number], self.seen[number] = places[checks:], seen
        self.repeatable[number] = actions
        self.send(number)

    def send(self, number: int) -> None:
        actions = copy.deepcopy(self.repeatable[number])
        self.ask(number, "TransactWriteItems", TransactItems=actions, ClientRequestToken=f"token {number}")
        if self.outcome[number] == REFUSED:
            del self.repeatable[number]  # unless it had begun it would be tried anew

    def repeat(self) -> None:
        if self.repeatable:
            number = self.chance.choice(sorted(self.repeatable))
            before = self.outcome[number]
            self.send(number)
            assert before != DONE or self.outcome[number] != REFUSED, f"{number} was done, and is refused now"
            if before == DONE:
                self.outcome[number] = DONE

    # -- time and faults --------------------------------------------------------------------------------

    def wait(self) -> None:
        self.zones.clock.advance(self.chance.choice([0.05, 0.1, 0.5, 2.0, 9.0]))

    def fault(self) -> None:
        chance = self.chance
        zone, node = chance.choice(ZONE_NAMES), chance.choice(NODES)
        inflict: Callable[[], None] = chance.choice(
            [
                lambda: self.zones.fault(chance.choice(["zone_down", "isolate_zone"]), zone),
                lambda: self.zones.fault("crash", node, disk=chance.choice(["kept", "torn"])),
                lambda: self.zones.fault("slow_disk", node, milliseconds=chance.randint(1, 2_000)),
                lambda: self.zones.fault("jump_clock", node, milliseconds=chance.randint(-10_000, 10_000)),
                lambda: self.zones.fault(
                    "messages", REGION, lost=chance.choice([0, 0.2]), delay_milliseconds=[0, 200]
                ),
                lambda: self.zones.fault("split", chance.choice([TABLE, SECOND]), partition=0),
                lambda: self.zones.fault("step_down", chance.choice([TABLE, SECOND]), partition=0),
                lambda: self.zones.fault("mend", REGION),
                lambda: self.zones.fault("mend", REGION),
            ]
        )
        with contextlib.suppress(ConfigurationError):  # no leader, or nothing to split
            inflict()

    def run(self, end_of_faults: Callable[[], None]) -> None:
        possible = [self.append, self.read_together, self.transact, self.repeat, self.wait, self.fault]
        for _ in range(REQUESTS):
            self.chance.choices(possible, [6, 5, 9, 5, 5, 6])[0]()
        end_of_faults()
        self.zones.mend()
        final = {place: self.stands(place) for place in PLACES}
        self.wholly_or_not_at_all(final)
        self.in_one_order(final)
        assert replayed(self.zones.endpoint.cluster)["problems"] == []

    # -- the end ----------------------------------------------------------------------------------------

    def stands(self, place: Place) -> list[int]:
        return list_of(self.zones.call("GetItem", **{**key_of(place), "ConsistentRead": True}))

    def wholly_or_not_at_all(self, final: dict[Place, list[int]]) -> None:
        """TX-02, TX-04: in every list of its own once, or in none; as the client was told."""
        for number, places in self.places.items():
            counts = {final[place].count(number) for place in places}
            expected = {DONE: [{1}], REFUSED: [{0}], UNKNOWN: [{0}, {1}]}[self.outcome.get(number, REFUSED)]
            assert counts in expected, f"{number} ({self.outcome.get(number)}) is {counts} times in its lists"

    def in_one_order(self, final: dict[Place, list[int]]) -> None:
        """TX-03, TX-07: each request has a place between all that it saw and all that it did not see."""
        done = {number for values in final.values() for number in values}
        done |= {number for number, outcome in self.outcome.items() if outcome == DONE}
        before: dict[int, set[int]] = {number: set() for number in done}
        for values in final.values():
            for earlier, later in pairwise(values):
                before[later].add(earlier)
        for number in done & self.seen.keys():
            for place, seen in self.seen[number].items():
                values = final[place]
                assert values[: len(seen)] == seen, f"{number} saw {seen} where {values} were written"
                before[number] |= {*seen[-1:]}
                for later in values[len(seen) : len(seen) + 1]:
                    before[later] |= {number} - {later}
        for number in done:
            began = self.begun[number]
            before[number] |= {other for other in done if self.ended.get(other, began) < began}
        try:
            TopologicalSorter(before).prepare()
        except CycleError as cycle:
            raise AssertionError(f"no order explains what was seen: {cycle.args[1]}") from None


def run(seed: int) -> None:
    """One run. Raises AssertionError if something is wrong."""
    with mortal_coordinators(random.Random(f"coordinators {seed}")) as end:
        Lists(seed).run(end)


@pytest.mark.parametrize("seed", range(RUNS))
def test_one_order_of_all_requests_explains_what_each_has_seen(seed: int) -> None:
    """TX-02, TX-03, TX-04, TX-07: whatever dies or fails meanwhile."""
    run(seed)


def first_failure() -> int | None:
    """The first seed whose run fails; None if none does."""
    for seed in range(RUNS):
        try:
            run(seed)
        except AssertionError:
            return seed
    return None


@pytest.mark.parametrize("plant", [written_on_what_was_before, undecided_committed, token_forgotten])
def test_a_planted_defect_is_found(plant: Callable[[], Any]) -> None:
    """Within as many runs as the endpoint passes."""
    with plant():
        assert first_failure() is not None
