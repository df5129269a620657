"""Worlds behind a URL: an endpoint that others may use too, in real time unless its clock can be moved.

Every world has a prefix of its own, and takes all its tables and backups away when it ends. What the endpoint
does not offer is found out once, by asking for it: an operation that is refused where it should work is left
out of every world. One that is accepted and does nothing is offered, and is for the runs to find.

Promises are DynamoDB's own here: clocks of two processes differ, and a running clock stands in no second.
Where time cannot be moved, nothing that needs days, minutes or an instant to itself is tried: restores to an instant, ends of
restore windows, expiry of backups.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ddbproof.conformance.fuzz.calls import INDEXED, PLAIN
from ddbproof.conformance.fuzz.replay import ControlHand
from ddbproof.conformance.fuzz.world import Feature, World
from ddbproof.conformance.kit.polling import until
from ddbproof.conformance.kit.sweep import sweep
from ddbproof.conformance.kit.wire import Wire
from ddbproof.conformance.plan import Target

SETTLING_SECONDS = 5.0
_PROBE_SECONDS = 30.0
_SWEEP_SECONDS = 20.0


class Endpoint:
    """An endpoint for runs. `refusals` says with which code it refused the features that it lacks.

    `without` are features that are not tried although they may be there. Raises what botocore raises if
    nobody answers; `preflight` says it better.
    """

    def __init__(self, target: Target, without: Collection[Feature] = ()) -> None:
        wire = Wire(target)
        self.clients = {region: wire.client(region) for region in target.regions}
        self.prefix = f"ddbproof-{secrets.token_hex(4)}-"
        self.control = target.control
        self.left_behind: list[str] = []
        self.refusals = self._probed(without)
        self.features = frozenset(Feature) - frozenset(self.refusals) - frozenset(without)
        self._worlds = 0

    @contextlib.contextmanager
    def world(self) -> Iterator[World]:
        """A world of its own at the endpoint, gone when it is left."""
        self._worlds += 1
        prefix = f"{self.prefix}{self._worlds}-"
        hand = None if self.control is None else ControlHand(self.control.url, self.control.token)
        try:
            yield World(
                clients=self.clients.__getitem__,
                regions=tuple(self.clients),
                prefix=prefix,
                zero=int(time.time()) if hand is None else hand.zero,
                advance=None if hand is None else hand.advance,
                network=None if hand is None else hand.network,
                settling_seconds=0 if hand is None else SETTLING_SECONDS,
                features=self.features,
            )
        finally:
            if hand is not None:
                for region in self.clients:
                    hand.network("heal", region)
            self.left_behind += sweep(self.clients.items(), prefix, seconds=_SWEEP_SECONDS)

    def _probed(self, without: Collection[Feature]) -> Mapping[Feature, str]:
        """What is refused of what is wanted, with the code of the refusal."""
        region, client = next(iter(self.clients.items()))
        name, refusals = f"{self.prefix}probe", {}
        client.create_table(TableName=name, **PLAIN)
        try:
            _wait_until_active(client, name)
            for feature in (one for one in Feature if one not in without):
                try:
                    self._ask_for(feature, region, client, name)
                except ClientError as error:
                    refusals[feature] = error.response["Error"]["Code"]
        finally:
            self.left_behind += sweep(self.clients.items(), self.prefix, seconds=_SWEEP_SECONDS)
        return refusals

    def _ask_for(self, feature: Feature, region: str, client: Any, name: str) -> None:
        match feature:
            case Feature.BACKUPS:
                client.create_backup(TableName=name, BackupName="probe")
            case Feature.RECOVERY:
                on = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35}
                client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=on)
            case Feature.PROTECTION:
                client.update_table(TableName=name, DeletionProtectionEnabled=True)
                client.update_table(TableName=name, DeletionProtectionEnabled=False)
            case Feature.TRANSACTIONS:
                item = {"TableName": name, "Key": {"pk": {"S": "probe"}}}
                client.transact_write_items(TransactItems=[{"Delete": item}])
                client.transact_get_items(TransactItems=[{"Get": item}])
            case Feature.INDEXES:
                client.create_table(TableName=f"{name}-indexed", **INDEXED)
                _wait_until_active(client, f"{name}-indexed")
            case Feature.REPLICAS:
                for other in (one for one in self.clients if one != region):
                    update = [{"Create": {"RegionName": other}}]
                    client.update_table(TableName=name, ReplicaUpdates=update)
                    _wait_until_active(client, name)
                    break


def _wait_until_active(client: Any, name: str) -> None:
    def active() -> bool:
        return bool(client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")

    until(active, seconds=_PROBE_SECONDS)
