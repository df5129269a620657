"""Any index of any table, read in pages of any length: what it must show is computed here from the items alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from indexes_by_hand import attribute, keys
from zones_by_hand import TABLE, Zones

TYPES = {"pk": "S", "sk": "S", "owner": "S", "n": "N"}
NAMES = sorted(TYPES)
texts = st.text(st.sampled_from("ab\x00\x01"), min_size=1, max_size=2)
values = {"pk": st.sampled_from("ab"), "sk": texts, "owner": texts, "n": st.integers(-12, 12).map(str)}
Definition = tuple[list[str], str, list[str]]
Item = dict[str, str]

projections = (
    st.sampled_from(["ALL", "KEYS_ONLY", "INCLUDE"]),
    st.lists(st.sampled_from(["colour", "n", "owner"]), min_size=1, unique=True),
)
any_keys = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True)
local_keys = st.sampled_from(["sk", "owner", "n"]).map(lambda name: ["pk", name])
definitions = st.one_of(
    st.tuples(st.tuples(any_keys, *projections), st.just(value=False)),
    st.tuples(st.tuples(local_keys, *projections), st.just(value=True)),
)
"""Each with whether the index is local."""
items = st.fixed_dictionaries(
    {"pk": values["pk"], "sk": values["sk"]},
    optional={
        "owner": values["owner"],
        "n": values["n"],
        "colour": st.just("red"),
        "shape": st.just("round"),
    },
)


class Table(Zones):
    """A table with one index; `definition` is its keys, kind of projection and further attributes."""

    def __init__(self, definition: Definition, *, local: bool, partitions: int) -> None:
        self.definition, self.local = definition, local
        super().__init__(partitions)

    def create(self, name: str) -> None:
        key, kind, others = self.definition
        projection: dict[str, Any] = {"ProjectionType": kind}
        if kind == "INCLUDE":
            projection["NonKeyAttributes"] = others
        index = {"IndexName": "any", "KeySchema": keys(*key), "Projection": projection}
        indexes: dict[str, Any] = {("Local" if self.local else "Global") + "SecondaryIndexes": [index]}
        self.call(
            "CreateTable",
            TableName=name,
            KeySchema=keys("pk", "sk"),
            AttributeDefinitions=[attribute(it, TYPES[it]) for it in NAMES if it in {"pk", "sk", *key}],
            BillingMode="PAY_PER_REQUEST",
            **indexes,
        )

    def put_typed(self, item: Item) -> None:
        typed = {name: {TYPES.get(name, "S"): value} for name, value in item.items()}
        self.call("PutItem", TableName=TABLE, Item=typed)

    def pages(self, operation: str, **parameters: Any) -> list[Item]:
        found: list[Item] = []
        while True:
            page = self.call(operation, TableName=TABLE, IndexName="any", **parameters)
            assert len(page["Items"]) <= parameters["Limit"]
            found += [{name: next(iter(it.values())) for name, it in item.items()} for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                return found
            assert set(page["LastEvaluatedKey"]) == {"pk", "sk", *self.definition[0]}
            parameters["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def expected(self, written: list[Item]) -> list[Item]:
        """The projections of the last version of each item that has the index's keys."""
        key, kind, others = self.definition
        last = {(item["pk"], item["sk"]): item for item in written}
        kept = {"pk", "sk", *key, *(others if kind == "INCLUDE" else ())}
        return [
            {name: value for name, value in item.items() if kind == "ALL" or name in kept}
            for item in last.values()
            if all(name in item for name in key)
        ]


def by_name(item: Item) -> tuple[str, str]:
    return item["pk"], item["sk"]


def order(name: str, item: Item) -> Any:
    return int(item[name]) if name == "n" else item[name].encode()


@given(
    definition=definitions,
    written=st.lists(items, max_size=12),
    partitions=st.integers(1, 4),
    limit=st.integers(1, 5),
    forward=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_an_index_is_the_projection_of_its_table_in_its_own_order(
    definition: tuple[Definition, bool], written: list[Item], partitions: int, limit: int, *, forward: bool
) -> None:
    """Scan shows every entry once, Query those of one key in the order of the other, whatever the keys and pages."""
    (key, _, _), local = definition
    table = Table(definition[0], local=local, partitions=partitions)
    for item in written:
        table.put_typed(item)
    expected = table.expected(written)
    assert sorted(table.pages("Scan", Limit=limit), key=by_name) == sorted(expected, key=by_name)
    for value in {item[key[0]] for item in expected}:
        found = table.pages(
            "Query",
            Limit=limit,
            ScanIndexForward=forward,
            KeyConditionExpression="#k = :k",
            ExpressionAttributeNames={"#k": key[0]},
            ExpressionAttributeValues={":k": {TYPES[key[0]]: value}},
        )
        those = [item for item in expected if item[key[0]] == value]
        assert sorted(found, key=by_name) == sorted(those, key=by_name)
        if len(key) == 2:
            ordered = [order(key[1], item) for item in found]
            assert ordered == sorted(ordered, reverse=not forward)
