"""The pytest plugin: an endpoint for application tests, and the conformance suite under pytest's own runner.

Every pytest that has ddbproof installed loads this module, so it imports nothing heavy until it is asked to.
Two fixtures are always there:

ddbproof_store       a reference endpoint of the test's own, in this process: `ddbproof_store.client("us-east-1")`
                     is an ordinary boto3 client, `ddbproof_store.clock.advance(3600)` lets an hour pass
ddbproof_endpoint    one served over HTTP for the whole session, for code that opens its own connections

With `--ddbproof-endpoint URL` or `--ddbproof-target NAME` the suite can be run as well:

    pytest --ddbproof-endpoint http://127.0.0.1:8000 --pyargs ddbproof.conformance.suite -k pitr

Its verdicts become pytest's outcomes: `fail` and `inconclusive` fail, `differs` is an expected failure,
`unsupported` and `not testable here` are skipped, `error` is raised as it is. A failed test of single requests
is repeated once, as in `ddbproof conform`, which also writes a report and stops when a target is gone.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ddbproof.conformance.kit.fixtures import World
    from ddbproof.conformance.plan import Target
    from ddbproof.model.claims import Registry
    from ddbproof.reference_impl.embedded import EmbeddedStore

# What people call an area besides its key, for `-k`.
_ALSO_CALLED = {
    "recovery": ("pitr",),
    "time_to_live": ("ttl",),
    "eventual_mode": ("global_tables", "replication"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Our options, all with our name in front."""
    group = parser.getgroup("ddbproof", "ddbproof: judge a DynamoDB-compatible endpoint")
    group.addoption(
        "--ddbproof-endpoint",
        action="append",
        default=[],
        metavar="[REGION=]URL",
        help="the endpoint that ddbproof.conformance.suite judges; may be repeated",
    )
    group.addoption("--ddbproof-target", metavar="NAME", help="a target to launch instead, such as reference")
    group.addoption("--ddbproof-profile", metavar="NAME", help="the AWS profile that signs the requests")


def pytest_configure(config: pytest.Config) -> None:
    """Make the suite runnable if an endpoint is named; pytest's usage error if it cannot be judged."""
    endpoints = config.getoption("--ddbproof-endpoint")
    name = config.getoption("--ddbproof-target")
    if not endpoints and name is None:
        return
    if endpoints and name is not None:
        raise pytest.UsageError("--ddbproof-endpoint and --ddbproof-target exclude each other")
    from ddbproof.conformance.kit.fixtures import Fixtures, World
    from ddbproof.conformance.plan import Plan
    from ddbproof.conformance.targets import open_target
    from ddbproof.conformance.targets.errors import TargetError
    from ddbproof.conformance.targets.preflight import preflight

    stack = contextlib.ExitStack()
    config.add_cleanup(stack.close)
    profile = config.getoption("--ddbproof-profile")
    try:
        target = stack.enter_context(open_target(name or "reference", endpoints=endpoints, profile=profile))
        preflight(target)
    except TargetError as error:
        parts = [error.message, error.cause, error.hint]
        raise pytest.UsageError("; ".join(part for part in parts if part)) from error
    world = World(Plan(target, 0, f"ddbproof-{secrets.token_hex(4)}-"))
    config.pluginmanager.register(Fixtures(world), "ddbproof-fixtures")
    config.pluginmanager.register(_Suite(world), "ddbproof-suite")


class _Suite:
    """Runs tests of the suite, and of anybody who marks tests with `claim`, against one endpoint."""

    def __init__(self, world: World) -> None:
        from ddbproof.model.claims import load_registry

        self._world = world
        self._registry: Registry = load_registry()
        self._touched = False

    def pytest_report_header(self) -> str:
        """Which endpoint is judged."""
        target = self._world.plan.target
        version = f" {target.version}" if target.version else ""
        return f"ddbproof: judging {target.name}{version} in {', '.join(target.regions)}"

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Let `-k` find tests by claim and by area."""
        from ddbproof.conformance.kit.claim import claims_of

        for claim_id in claims_of(getattr(item, "function", None) or len):
            area = self._registry.claim(claim_id).area
            item.extra_keyword_matches.update({claim_id, area, *_ALSO_CALLED.get(area, ())})

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Iterator[None]:
        """A fixture that is not to be had here (a third Region, say) has a verdict too."""
        from ddbproof.conformance.kit.outcomes import Outcome

        try:
            return (yield)
        except Outcome as outcome:
            self._tell(outcome.verdict, str(outcome), outcome)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool | None:
        """Run one test of the suite, twice if the rule says so; its verdict as pytest's outcome."""
        from ddbproof.conformance.kit.claim import claims_of, is_consistency_test
        from ddbproof.reports.verdicts import Verdict

        claim_ids = claims_of(pyfuncitem.function)
        if not claim_ids:
            return None
        self._touched = True
        verdict, reason, error = self._attempt(pyfuncitem)
        if verdict is Verdict.FAIL and not is_consistency_test(pyfuncitem.function):
            again, reason_again, _ = self._attempt(pyfuncitem)
            if again is not verdict:
                verdict, reason = (
                    Verdict.INCONCLUSIVE,
                    f"failed once ({reason}), then {again} ({reason_again})",
                )
        binding = any(str(self._registry.claim(one).rank) == "contract" for one in claim_ids)
        self._tell(verdict if verdict is not Verdict.FAIL or binding else Verdict.DIFFERS, reason, error)
        return True

    def _attempt(self, pyfuncitem: pytest.Function) -> tuple[Any, str, BaseException | None]:
        from ddbproof.conformance.kit.outcomes import outcome_of
        from ddbproof.reports.verdicts import Verdict

        names = pyfuncitem._fixtureinfo.argnames
        self._world.wire.begin_test()
        try:
            pyfuncitem.function(**{name: pyfuncitem.funcargs[name] for name in names})
        except Exception as error:
            return *outcome_of(error, preparing=False), error
        finally:
            self._world.wire.end_test()
        return Verdict.PASS, "", None

    def _tell(self, verdict: Any, reason: str, error: BaseException | None) -> None:
        from ddbproof.reports.verdicts import Verdict

        if verdict is Verdict.ERROR and error is not None:
            raise error
        if verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
            pytest.fail(f"{verdict}: {reason}", pytrace=False)
        if verdict is Verdict.DIFFERS:
            pytest.xfail(f"differs: {reason}")
        if verdict is not Verdict.PASS:
            pytest.skip(f"{verdict}: {reason}")

    def pytest_sessionfinish(self) -> None:
        """Remove what the run created."""
        if not self._touched:
            return
        from ddbproof.conformance.kit.sweep import sweep

        plan = self._world.plan
        clients = [(name, self._world.wire.client(name)) for name in plan.target.regions]
        self._leftovers = sweep(clients, plan.prefix)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What could not be removed."""
        for leftover in getattr(self, "_leftovers", ()):
            terminalreporter.write_line(f"ddbproof: left behind: {leftover}")


@dataclass(frozen=True, slots=True)
class ServedEndpoint:
    """A reference endpoint over HTTP: `url`, its `regions`, and `environment` for code that reads variables."""

    url: str
    regions: tuple[str, ...]
    environment: dict[str, str]
    _target: Target

    def client(self, region: str | None = None, service: str = "dynamodb") -> Any:
        """A boto3 client for a Region, by default the first; `service` may be `dynamodbstreams`."""
        from ddbproof.conformance.kit.wire import Wire

        return Wire(self._target).client(region or self.regions[0], service=service)

    def advance(self, seconds: float) -> None:
        """Let time pass at the endpoint."""
        from ddbproof.conformance.kit.control import command

        assert self._target.control is not None
        command(self._target.control, "clock", {"advance_seconds": seconds}, purpose="moved in time")


@pytest.fixture
def ddbproof_store() -> Iterator[EmbeddedStore]:
    """A reference endpoint in this process that nobody else sees, empty at the beginning of the test."""
    from ddbproof.reference_impl.embedded import in_process

    with in_process() as store:
        yield store


@pytest.fixture(scope="session")
def ddbproof_endpoint() -> Iterator[ServedEndpoint]:
    """A reference endpoint on a loopback port, for the whole session. Tests share it: use names of your own."""
    from ddbproof.conformance.targets import open_target

    with open_target("reference") as target:
        url = target.endpoints[target.regions[0]]
        environment = {
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": url,
            "AWS_ACCESS_KEY_ID": target.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": target.credentials.secret_access_key,
            "AWS_DEFAULT_REGION": target.regions[0],
        }
        yield ServedEndpoint(url, target.regions, environment, target)
