"""The harm a test may do to an endpoint, where it is offered: kill and start it, cut a Region off, take a zone down.

Three hands can do it, asked in this order: the control interface of the reference endpoint (Regions, zones), the
supervision of a target that we launched (kill), the user's own commands (`plan.Hooks`). Where none of them can,
the test is not testable here. Whatever was cut off or taken down is healed when the test is over.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ddbproof.conformance.kit.control import command
from ddbproof.conformance.kit.outcomes import Inconclusive, NotTestableHere
from ddbproof.conformance.kit.polling import until
from ddbproof.conformance.kit.watch import RESTART_SECONDS, Watch
from ddbproof.conformance.plan import Hooks, Target

ZONES = (1, 2, 3)
"""The Availability Zones of a Region, by number; the reference endpoint calls them a, b and c."""


class Faults:
    """The tester's hand on one target. `answers` says whether the endpoint answers at this moment."""

    def __init__(self, target: Target, watch: Watch, answers: Callable[[], bool]) -> None:
        self._target = target
        self._watch = watch
        self._answers = answers
        self._isolated: list[str] = []
        self._down: list[tuple[str, int]] = []

    def need_durable_restart(self) -> None:
        """Raises NotTestableHere unless the endpoint can be killed and keeps its data on a disk."""
        supervision, hooks = self._target.supervision, self._target.hooks
        if supervision is None and (hooks is None or not {"kill", "start"} <= set(hooks.commands)):
            raise NotTestableHere("nobody says how to kill and start this endpoint; see --hooks")
        if not (
            supervision.persistent if supervision is not None else hooks is not None and hooks.persistent
        ):
            raise NotTestableHere("this target keeps its data in memory only")

    def kill_and_start(self) -> None:
        """End the endpoint without warning and start it; returns when it answers again."""
        self.need_durable_restart()
        if self._target.supervision is not None:
            self._watch.kill()
            return
        self._command("kill")
        self._command("start")
        if not until(self._answers, seconds=RESTART_SECONDS):
            raise Inconclusive(f"the endpoint did not answer within {RESTART_SECONDS:.0f} s of its start")

    def isolate(self, region: str) -> None:
        """Cut a Region off from the others; clients still reach it."""
        if self._target.control is not None:
            command(self._target.control, "faults", {"isolate": region}, purpose=f"cut off in {region}")
        else:
            self._command("isolate", region)
        self._isolated.append(region)

    def heal(self, region: str) -> None:
        """Let an isolated Region reach the others again."""
        if self._target.control is not None:
            command(self._target.control, "faults", {"heal": region}, purpose=f"healed in {region}")
        else:
            self._command("heal", region)
        self._isolated.remove(region)

    def need_zones(self) -> None:
        """Raises NotTestableHere unless zones can be taken down."""
        hooks = self._target.hooks
        if self._target.control is None and (hooks is None or "zone-down" not in hooks.commands):
            raise NotTestableHere("nobody says how to take an Availability Zone down here; see --hooks")

    def zone_down(self, region: str, zone: int) -> None:
        """Everything in one Availability Zone of a Region goes down; `zone` is one of `ZONES`."""
        self._zone("zone_down", region, zone)
        self._down.append((region, zone))

    def zone_up(self, region: str, zone: int) -> None:
        """What went down with a zone is started."""
        self._zone("zone_up", region, zone)
        self._down.remove((region, zone))

    @contextmanager
    def without_zones(self, region: str, *zones: int) -> Iterator[None]:
        """Some zones are down while this lasts."""
        for zone in zones:
            self.zone_down(region, zone)
        try:
            yield
        finally:
            for zone in zones:
                self.zone_up(region, zone)

    def _zone(self, fault: str, region: str, zone: int) -> None:
        control = self._target.control
        if control is not None:
            name = region + " abc"[zone]
            command(control, "faults", {fault: name}, purpose=f"changed: {fault} {name}")
        else:
            self._command(fault.replace("_", "-"), region, zone)

    def need_splits(self) -> None:
        """Raises NotTestableHere unless a table's partitions can be split on request."""
        hooks = self._target.hooks
        if self._target.control is None and (hooks is None or "split" not in hooks.commands):
            raise NotTestableHere("nobody says how to split a partition here; see --hooks")

    def split(self, region: str, table: str) -> None:
        """Split the first partition of a table, or another one; it goes on while requests come."""
        if self._target.control is not None:
            asked = {"split": table, "region": region}
            command(self._target.control, "faults", asked, purpose=f"told to split {table} in {region}")
        else:
            self._command("split", region, table=table)

    def heal_all(self) -> None:
        """Heal whatever is still cut off or down."""
        for region in list(self._isolated):
            self.heal(region)
        for region, zone in list(self._down):
            self.zone_up(region, zone)

    def _command(self, action: str, region: str = "", zone: int = 0, *, table: str = "") -> None:
        hooks = self._target.hooks
        if hooks is None or action not in hooks.commands:
            raise NotTestableHere(f"nobody says how to {action} here; see --hooks")
        words = hooks.commands[action]
        named = {"{region}": region, "{zone}": str(zone), "{table}": table}
        _run(action, [_filled_in(word, named) for word in words], hooks)


def _filled_in(word: str, named: dict[str, str]) -> str:
    """The word with what stands in it for others."""
    for name, value in named.items():
        word = word.replace(name, value)
    return word


def _run(action: str, arguments: list[str], hooks: Hooks) -> None:
    # Output goes to a file: a server that the command leaves running may hold on to it.
    with tempfile.TemporaryFile() as output:
        try:
            done = subprocess.run(  # noqa: S603 - the user's own command, no shell
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=hooks.timeout_seconds,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Inconclusive(f"the command to {action} could not be run: {error}") from error
        if done.returncode != 0:
            output.seek(0)
            last = " ".join(output.read().decode("utf-8", "replace").split())[-200:]
            raise Inconclusive(f"the command to {action} ended with {done.returncode}: {last}")
