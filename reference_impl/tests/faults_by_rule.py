"""What stateful tests of an endpoint do to its zones, nodes, disks and messages: rules to inherit."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from zones_by_hand import REGION, Zones

zone_names = st.sampled_from([REGION + letter for letter in "abc"])
nodes = st.builds("{}-{}".format, zone_names, st.integers(1, 2))


class FaultRules(RuleBasedStateMachine):
    """Whoever inherits makes `zones`."""

    zones: Zones

    @rule(zone=zone_names, fault=st.sampled_from(["zone_down", "zone_up", "isolate_zone", "heal_zone"]))
    def break_zone(self, zone: str, fault: str) -> None:
        self.zones.fault(fault, zone)

    @rule(node=nodes, disk=st.sampled_from(["kept", "torn"]))
    def crash(self, node: str, disk: str) -> None:
        self.zones.fault("crash", node, disk=disk)

    @precondition(lambda self: self.zones.settled)
    @rule(node=nodes)
    def lose_disk(self, node: str) -> None:
        """One at a time: two lost disks of a partition are more than three replicas are for."""
        self.zones.fault("crash", node, disk="lost")
        self.zones.mend()

    @rule(node=nodes, fault=st.sampled_from(["start", "fill_disk", "mend_disk"]))
    def break_node(self, node: str, fault: str) -> None:
        self.zones.fault(fault, node)

    @rule(node=nodes, milliseconds=st.integers(1, 2_000))
    def slow_disk(self, node: str, milliseconds: int) -> None:
        self.zones.fault("slow_disk", node, milliseconds=milliseconds)

    @rule(one=zone_names, other=zone_names)
    def cut(self, one: str, other: str) -> None:
        self.zones.fault("cut_link", one, to=other)

    @rule(lost=st.sampled_from([0, 0.3]), doubled=st.sampled_from([0, 0.3]), most=st.integers(0, 300))
    def disturb(self, lost: float, doubled: float, most: int) -> None:
        self.zones.fault("messages", REGION, lost=lost, doubled=doubled, delay_milliseconds=[0, most])

    @rule()
    def mend(self) -> None:
        self.zones.fault("mend", REGION)


def settings_of(examples: int) -> settings:
    """So many runs of forty steps."""
    return settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        # A failure is short enough as it is, and shrinking it takes minutes.
        phases=(Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
