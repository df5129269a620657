"""The fixtures that a test takes by name.

here        the first Region of the target
elsewhere   a second Region; the test is not testable where there is none
third       a third Region, likewise
clock       the endpoint's clock
faults      the harm a test may do to the endpoint; a test that takes it runs alone
seen        a dictionary for lawful choices that were observed, shown in the report
exchanges   the last requests and answers of the test, for what an SDK does not show
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from ddbproof.conformance.kit.clock import EndpointClock
from ddbproof.conformance.kit.faults import Faults
from ddbproof.conformance.kit.outcomes import NotTestableHere
from ddbproof.conformance.kit.polling import Patience
from ddbproof.conformance.kit.tables import Names, RegionHandle
from ddbproof.conformance.kit.watch import Watch
from ddbproof.conformance.kit.wire import Wire
from ddbproof.conformance.plan import Plan
from ddbproof.reports.schema import Exchange


class World:
    """Everything of one run that tests share."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.wire = Wire(plan.target)
        first = plan.target.regions[0]
        self.clock = EndpointClock(
            lambda: self.wire.client(first).list_tables(Limit=1),
            plan.target.control,
        )
        self.watch = Watch(plan.target.supervision)
        self.faults = Faults(plan.target, self.watch, self._answers)
        self._names = Names(plan.prefix)
        self._patience = Patience()
        self._regions: dict[str, RegionHandle] = {}

    def _answers(self) -> bool:
        try:
            self.wire.client(self.plan.target.regions[0]).list_tables(Limit=1)
        except (BotoCoreError, ClientError):
            return False
        return True

    def forget_what_was_shared(self) -> None:
        """The endpoint was started again: what tests share may be gone."""
        for region in self._regions.values():
            region.forget_shared_tables()

    def region(self, position: int) -> RegionHandle:
        """The Region at that place of the target's list; raises NotTestableHere beyond its end."""
        regions = self.plan.target.regions
        if position >= len(regions):
            raise NotTestableHere(
                f"this needs {position + 1} Regions, and the target has {len(regions)}; "
                "name more with --endpoint REGION=URL"
            )
        name = regions[position]
        if name not in self._regions:
            self._regions[name] = RegionHandle(name, self.wire, self._names, self.clock, self._patience)
        return self._regions[name]


class Fixtures:
    """A pytest plugin with the fixtures of one run."""

    def __init__(self, world: World) -> None:
        self._world = world

    @pytest.fixture
    def here(self) -> RegionHandle:
        """The first Region of the target."""
        return self._world.region(0)

    @pytest.fixture
    def elsewhere(self) -> RegionHandle:
        """A second Region."""
        return self._world.region(1)

    @pytest.fixture
    def third(self) -> RegionHandle:
        """A third Region."""
        return self._world.region(2)

    @pytest.fixture
    def clock(self) -> EndpointClock:
        """The endpoint's clock."""
        return self._world.clock

    @pytest.fixture
    def faults(self) -> Iterator[Faults]:
        """The harm a test may do; Regions that are still cut off are healed afterwards."""
        yield self._world.faults
        self._world.faults.heal_all()
        self._world.forget_what_was_shared()

    @pytest.fixture
    def seen(self, request: pytest.FixtureRequest) -> dict[str, str]:
        """Observed lawful choices, by question."""
        observed: dict[str, str] = {}
        request.node.stash[SEEN] = observed
        return observed

    @pytest.fixture
    def exchanges(self) -> Sequence[Exchange]:
        """Requests and answers of this test, oldest first; only the last dozen, each cut to a length."""
        return self._world.wire.exchanges


SEEN = pytest.StashKey[dict[str, str]]()
