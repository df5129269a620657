"""Hot partitions are split at a key of their traffic, while they are written, where that brings relief."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from shards_by_hand import Consumer
from zones_by_hand import ELECTED_SECONDS, TABLE, Zones

from ddbproof.model.kernel.versions import Version
from ddbproof.reference_impl.cluster import cuts
from ddbproof.reference_impl.cluster.heat import WINDOW_SECONDS, Heat, summed_up
from ddbproof.reference_impl.cluster.records import TableRecord
from ddbproof.reference_impl.control.topology import partitions
from ddbproof.reference_impl.storage.items import Image, MemoryItems
from ddbproof.reference_impl.values.keys import HASH_BYTES, KeySchema, encode_key

LASTING_WINDOWS = 3
HOT_WRITES = 500 * WINDOW_SECONDS
HOT_READS = 1_500 * WINDOW_SECONDS
"""Half of what a partition may serve in a window."""
ITEM_UNITS = 100
SCHEMA = KeySchema("pk", "S", "sk", "N")

Key = tuple[str, int]
EIGHT: list[Key] = [(f"k{number}", 0) for number in range(8)]


def encoded(key: Key) -> bytes:
    return encode_key(SCHEMA, {"pk": {"S": key[0]}, "sk": {"N": str(key[1])}})


class Hot(Zones):
    """A table of large items by partition key and sort key; with heat splits, of one partition, unless told otherwise."""

    stream: ClassVar[dict[str, Any]] = {
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    }

    def __init__(self, partitions: int = 1, **options: Any) -> None:
        super().__init__(partitions, **{"heat_splits": True, **options})
        self.large = {"S": "x" * (ITEM_UNITS * 1024 - 100)}
        self.written = 0

    def create(self, name: str) -> None:
        names = (("pk", "HASH", "S"), ("sk", "RANGE", "N"))
        self.call(
            "CreateTable",
            TableName=name,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind, _ in names],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, _, kind in names],
            BillingMode="PAY_PER_REQUEST",
            **self.stream,
        )

    def write(self, key: Key) -> None:
        self.written += 1
        item = {"pk": {"S": key[0]}, "sk": {"N": str(key[1])}, "n": {"N": str(self.written)}, "x": self.large}
        self.call("PutItem", TableName=TABLE, Item=item)

    def window_ends(self) -> None:
        self.clock.advance(WINDOW_SECONDS)
        self.endpoint.cluster.catch_up()
        self.groups()

    def heat(self, keys: Iterable[Key], windows: int = LASTING_WINDOWS, share: float = 1.0) -> None:
        """Write keys in turn, in each window as many units as make one partition hot, or a share of that."""
        keys, writes = list(keys), round(HOT_WRITES * share / ITEM_UNITS)
        for _ in range(windows):
            for place in range(writes):
                self.write(keys[place % len(keys)])
            self.window_ends()
        self.wait(2)

    @property
    def reasons(self) -> list[str]:
        """Why each partition is there, in the order of the keys."""
        return [partition["came_of"] for partition in partitions(self.groups())]

    def units(self) -> list[float]:
        """The write units that each partition has used lately."""
        return [partition["recent"]["write_units"] for partition in partitions(self.groups())]

    @property
    def cuts(self) -> list[bytes]:
        """Where partitions begin, the first left out."""
        return [low for low, _ in self.groups().map[1:]]


# -- when, and where ----------------------------------------------------------------------------------


def test_a_partition_that_stays_hot_is_split_at_a_key_of_its_traffic() -> None:
    """PART-08: and then the same traffic is too little for either of the two."""
    zones = Hot()
    zones.heat(EIGHT)
    assert zones.reasons == ["heat", "heat"]
    [cut] = zones.cuts
    assert cut == sorted(encoded(key) for key in EIGHT)[4]
    zones.heat(EIGHT, windows=2 * LASTING_WINDOWS)
    assert zones.reasons == ["heat", "heat"]


def test_who_is_hot_on_both_sides_is_split_again() -> None:
    """PART-08: until no partition uses half of what it may serve."""
    zones = Hot()
    zones.heat(EIGHT, windows=3 * LASTING_WINDOWS, share=3.8)
    assert len(zones.reasons) == 4
    zones.heat(EIGHT, windows=1, share=3.8)
    assert all(units < HOT_WRITES for units in zones.units())


def test_heat_that_does_not_last_is_no_reason() -> None:
    """PART-08: two windows, windows with a pause between them, or a little less than half of what may be served."""
    zones = Hot()
    zones.heat(EIGHT, windows=LASTING_WINDOWS - 1)
    zones.clock.advance(2 * WINDOW_SECONDS)
    zones.heat(EIGHT, windows=LASTING_WINDOWS - 1)
    zones.heat(EIGHT, windows=1, share=0.96)
    zones.heat(EIGHT, windows=LASTING_WINDOWS - 1)
    zones.clock.advance(2 * WINDOW_SECONDS)
    zones.heat(EIGHT, windows=2 * LASTING_WINDOWS, share=0.96)
    for place in range(4 * LASTING_WINDOWS * 25):
        zones.write(EIGHT[place % 8])
        if place % 50 == 49:
            zones.clock.advance(2 * WINDOW_SECONDS)  # nothing comes for a whole window
    zones.wait(2)
    assert zones.reasons == ["founding"]


def test_reads_make_hot_as_well() -> None:
    """PART-07, PART-08: 1,500 units a second, each half as much for who reads eventually consistently."""
    zones = Hot()
    for key in EIGHT:
        zones.write(key)
    scanned = len(EIGHT) * ITEM_UNITS / 4

    def read(windows: int, *, consistent: bool) -> None:
        units = scanned if consistent else scanned / 2
        for _ in range(windows):
            for _ in range(round(1.02 * HOT_READS / units)):
                zones.call("Scan", TableName=TABLE, ConsistentRead=consistent)
            zones.window_ends()
        zones.wait(2)

    with patch("ddbproof.reference_impl.api.reads.PAGE_BYTES", 10**9):
        read(LASTING_WINDOWS - 1, consistent=True)
        assert zones.reasons == ["founding"]
        read(LASTING_WINDOWS - 1, consistent=False)
    assert zones.reasons == ["heat", "heat"]


def test_get_item_and_query_are_counted_by_size() -> None:
    """PART-07: 4 KB a unit, half of one for eventually consistent reads, one at least; Query pays for all items together."""
    zones = Hot()
    zones.write(("k", 0))
    for number in range(3):
        small = {"pk": {"S": "small"}, "sk": {"N": str(number)}, "n": {"N": "1"}}
        zones.call("PutItem", TableName=TABLE, Item=small)
    zones.window_ends()
    zones.window_ends()
    key = {"pk": {"S": "k"}, "sk": {"N": "0"}}
    for key_there in (key, {**key, "sk": {"N": "1"}}):
        for consistent in (True, False):
            zones.call("GetItem", TableName=TABLE, Key=key_there, ConsistentRead=consistent)
    for name in ("k", "small"):
        zones.call(
            "Query",
            TableName=TABLE,
            KeyConditionExpression="pk = :name",
            ExpressionAttributeValues={":name": {"S": name}},
        )
    [partition] = partitions(zones.groups())
    assert partition["recent"]["read_units"] == 25 + 12.5 + 1 + 0.5 + 12.5 + 0.5


def test_a_transaction_writes_each_item_twice() -> None:
    """PART-07: once to hold it, once when it is decided."""
    zones = Hot()
    zones.write(("k", 0))
    items = [{"pk": {"S": "k"}, "sk": {"N": str(number)}, "x": zones.large} for number in range(2)]
    puts = [{"Put": {"TableName": TABLE, "Item": item}} for item in items]
    before = zones.units()[0]
    zones.call("TransactWriteItems", TransactItems=puts)
    assert zones.units()[0] - before == 4 * ITEM_UNITS


def test_heat_is_not_counted_unless_asked_for() -> None:
    """An endpoint splits for size and on request only."""
    zones = Hot(heat_splits=False)
    zones.heat(EIGHT, windows=2 * LASTING_WINDOWS)
    assert zones.reasons == ["founding"]
    assert partitions(zones.groups())[0]["recent"] is None


def test_the_topology_tells_why_a_partition_is_there() -> None:
    """For size, for heat, or because somebody asked."""
    zones = Hot()
    zones.heat(EIGHT)
    zones.fault("split", TABLE, partition=0)
    zones.wait(2)
    assert zones.reasons == ["asked", "asked", "heat"]
    small = Hot(partition_bytes=150_000)
    for key in EIGHT[:2]:
        small.write(key)
    small.wait(2)
    assert small.reasons == ["size", "size"]


# -- no relief ----------------------------------------------------------------------------------------


def test_one_hot_item_is_no_reason_to_split() -> None:
    """PART-09: however hot, and however long."""
    zones = Hot()
    zones.write(("other", 0))
    zones.heat([("k", 0)], windows=3 * LASTING_WINDOWS, share=2)
    assert zones.reasons == ["founding"]


def test_a_hot_item_may_get_a_partition_to_itself() -> None:
    """PART-16: what lies around it is cut off, then nothing more is done."""
    zones, item = Hot(), ("k", 50)
    others = [("k", number) for number in range(45, 56) if number != 50]
    for _ in range(4 * LASTING_WINDOWS):
        for place in range(100):
            zones.write(item if place % 10 else others[place // 10])
        zones.window_ends()
    zones.wait(2)
    low = encoded(item)
    assert low in zones.cuts
    alone = dict(zones.groups().map)[low]
    assert [key for key, _ in zones.groups().leader(alone).state.fold.items.range(b"", None)] == [low]
    before = zones.cuts
    zones.heat([item], windows=2 * LASTING_WINDOWS)
    assert zones.cuts == before


def test_sort_keys_that_only_increase_are_no_reason_to_split() -> None:
    """PART-09: a cut would leave all that comes later on one side; the endpoint sees that it did so before."""
    zones = Hot()
    for window in range(3 * LASTING_WINDOWS):
        zones.heat([("k", 1_000 * window + number) for number in range(50)], windows=1, share=2)
    assert zones.reasons == ["founding"]


def test_a_split_brings_no_relief_to_sort_keys_that_only_increase() -> None:
    """PART-09: whoever asks for one finds all the heat in the upper half."""
    zones = Hot()
    zones.heat([("k", number) for number in range(50)], windows=1)
    zones.fault("split", TABLE)
    zones.wait(2)
    zones.window_ends()
    zones.heat([("k", 1_000 + number) for number in range(50)], windows=1)
    assert zones.units() == [0, HOT_WRITES]


# -- collections with a local secondary index ---------------------------------------------------------


def test_with_a_local_secondary_index_a_collection_is_never_cut() -> None:
    """PART-11: neither for heat, nor for size, nor on request; between two collections a cut is made."""
    collection = [("k0", number) for number in range(8)]
    hashes = {encoded(key)[:HASH_BYTES] for key in EIGHT}
    with patch.object(TableRecord, "keeps_collections_whole", True):
        one = Hot(partition_bytes=150_000)
        one.heat(collection, windows=2 * LASTING_WINDOWS)
        two = Hot(partition_bytes=150_000)
        for name in ("k0", "k1"):
            for number in range(8):
                two.write((name, number))
        two.wait(5)
        many = Hot()
        many.heat([(name, number) for name, _ in EIGHT for number in range(3)])
    assert one.reasons == ["founding"]
    assert two.reasons == ["size", "size"]
    assert many.reasons == ["heat", "heat"]
    assert set(two.cuts + many.cuts) <= hashes


def test_without_one_a_collection_is_cut_inside() -> None:
    """PART-11: at a sort key."""
    zones = Hot()
    zones.heat([("k", number) for number in range(8)])
    [cut] = zones.cuts
    assert cut == encoded(("k", 4))


# -- while it is written, and when zones fail ---------------------------------------------------------


def test_heat_splits_lose_nothing_and_a_consumer_follows() -> None:
    """PART-05, ST-01: writes go on all the while."""
    zones = Zones(partitions=1, heat_splits=True)
    keys, value = [f"k{number}" for number in range(16)], 0
    large = {"S": "x" * (ITEM_UNITS * 1024 - 100)}
    consumer, last = Consumer(zones), dict[str, int]()
    for _ in range(4 * LASTING_WINDOWS * 10):
        for _ in range(9):
            value += 1
            key = keys[value % 16]
            zones.call(
                "PutItem", TableName=TABLE, Item={"pk": {"S": key}, "n": {"N": str(value)}, "x": large}
            )
            last[key] = value
        consumer.list_shards()
        consumer.step()
        zones.wait(1)
    assert [partition["came_of"] for partition in partitions(zones.groups())] == ["heat", "heat"]
    consumer.read_to_the_end()
    assert consumer.state == last
    assert sorted(consumer.news) == list(range(1, value + 1))


def test_whoever_leads_next_splits_a_hot_partition() -> None:
    """PART-08: routers count, so a zone that fails takes no figures with it."""
    zones = Hot()
    zones.heat(EIGHT, windows=LASTING_WINDOWS - 1)
    for place in range(60):
        zones.write(EIGHT[place % 8])
    [zone] = zones.leaders().values()
    zones.clock.advance(WINDOW_SECONDS - 3)
    zones.fault("zone_down", zone)
    zones.wait(ELECTED_SECONDS)
    assert zones.reasons == ["founding"]  # a member is away
    zones.fault("zone_up", zone)
    zones.heat(EIGHT)
    assert zones.reasons == ["heat", "heat"]


def test_the_same_requests_lead_to_the_same_partitions() -> None:
    """A run is its options and its requests."""
    made = []
    for _ in range(2):
        zones = Hot()
        zones.heat([(f"k{number}", number) for number in range(300)], windows=2 * LASTING_WINDOWS, share=2.2)
        made.append(zones.groups().map)
    assert made[0] == made[1]
    assert len(made[0]) > 1


# -- the summary --------------------------------------------------------------------------------------

heats = st.dictionaries(st.binary(min_size=9, max_size=11), st.integers(1, 10_000), min_size=1, max_size=200)


@given(heats)
def test_a_summary_is_small_and_keeps_all_heat_and_hot_items(heat: dict[bytes, int]) -> None:
    """65 places at most; what has more than a thirty-second of the heat has a place of its own."""
    summary, total = summed_up(heat), sum(heat.values())
    assert sum(summary.values()) == total
    assert len(summary) <= 65
    assert summary.keys() <= heat.keys()
    assert all(summary[key] == units for key, units in heat.items() if units > total / 32)
    for key in heat:
        below = sum(units for other, units in summary.items() if other < key)
        exact = sum(units for other, units in heat.items() if other < key)
        assert abs(below - exact) <= total / 32


@given(st.lists(heats, min_size=1, max_size=3), st.booleans())
def test_a_cut_relieves_each_window(windows: list[dict[bytes, int]], whole: bool) -> None:
    """PART-08, PART-09, PART-11: it is at a key of the last one, and leaves heat on both sides of all."""
    cut = cuts.relieving(windows, keeps_collections_whole=whole)
    if cut is None:
        return
    assert not whole  # these are keys, of which none is the beginning of a hash
    assert cut in windows[-1]
    for window in windows:
        below = sum(units for key, units in window.items() if key < cut)
        assert 0 < below < sum(window.values())


@given(st.lists(st.tuples(st.binary(min_size=9, max_size=10), st.integers(1, 5_000)), max_size=2_000))
def test_what_is_kept_of_a_window_is_bounded(writes: list[tuple[bytes, int]]) -> None:
    """However many keys are written, and none of their units is lost."""
    heat = Heat()
    for key, size_bytes in writes:
        heat.write(1, key, size_bytes, 0)
        assert len(heat._traffic[1].window.heat) <= 512
    if writes:
        units = sum(-(-size_bytes // 1024) for _, size_bytes in writes)
        assert heat._traffic[1].window.writes == units
        assert sum(heat._traffic[1].window.heat.values()) == 6 * units


@given(st.sets(st.binary(min_size=1, max_size=3), max_size=20), st.booleans())
def test_the_middle_has_items_on_both_sides(names: set[bytes], whole: bool) -> None:
    """PART-05, PART-11: wherever there are two items, or two collections of which none may be parted."""
    items = MemoryItems()
    keys = sorted((name[:1] * HASH_BYTES) + name for name in names)
    for key in keys:
        items.put(key, Image(b"{}", 2, Version(0, 0)))
    cut = cuts.middle(items, keeps_collections_whole=whole)
    parts = {key[:HASH_BYTES] for key in keys} if whole else keys
    assert (cut is not None) == (len(parts) > 1)
    if cut is not None:
        assert keys[0] < cut <= keys[-1]
        assert cut in parts
