"""Updates: what becomes of an item."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import Bindings, UpdateResult, compile_update
from ddbproof.reference_impl.values import KeySchema, item_size, normalise_item

SCHEMA = KeySchema("pk", "S")
ITEM: dict[str, Any] = {
    "pk": {"S": "key"},
    "n": {"N": "5"},
    "s": {"S": "text"},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}]},
    "m": {"M": {"x": {"N": "1"}, "y": {"M": {"z": {"S": "q"}}}}},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "2"]},
}
VALUES: dict[str, Any] = {
    ":v": {"N": "7"},
    ":w": {"N": "-2.5"},
    ":s": {"S": "new"},
    ":l": {"L": [{"S": "x"}]},
    ":ss": {"SS": ["a", "c"]},
    ":all": {"SS": ["b", "a"]},
    ":ns": {"NS": ["10", "1.0"]},
    ":bool": {"BOOL": True},
    ":huge": {"N": "9e125"},
    ":tiny": {"N": "1e-130"},
}
normalise_item(ITEM)


def apply(text: str) -> UpdateResult:
    update = compile_update(text)
    values = {name: copy.deepcopy(VALUES[name]) for name in update.placeholders}
    bindings = Bindings(None, values or None)
    bindings.check(update)
    return update.apply(ITEM, bindings, SCHEMA)


def changes(text: str) -> dict[str, Any]:
    """The attributes that differ afterwards; None for one that is gone."""
    new = apply(text).new_item
    return {name: new.get(name) for name in {**ITEM, **new} if new.get(name) != ITEM.get(name)}


def numbers(*texts: str) -> dict[str, Any]:
    return {"L": [{"N": text} for text in texts]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SET q = :v", {"q": {"N": "7"}}),
        ("SET n = :s, q = n", {"n": {"S": "new"}, "q": {"N": "5"}}),
        ("SET n = s, s = n", {"n": {"S": "text"}, "s": {"N": "5"}}),
        ("SET n = n + :v", {"n": {"N": "12"}}),
        ("SET n = n - :w", {"n": {"N": "7.5"}}),
        ("SET n = (:v + :w)", {"n": {"N": "4.5"}}),
        ("SET q = l[1] + m.x", {"q": {"N": "2"}}),
        ("SET n = if_not_exists(n, :v)", {}),
        ("SET q = if_not_exists(q, :v)", {"q": {"N": "7"}}),
        ("SET q = if_not_exists(absent.deep, n) - :v", {"q": {"N": "-2"}}),
        ("SET l = list_append(l, :l)", {"l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"S": "x"}]}}),
        ("SET l = list_append(:l, l)", {"l": {"L": [{"S": "x"}, {"N": "0"}, {"N": "1"}, {"N": "2"}]}}),
        ("SET q = list_append(if_not_exists(q, :l), :l)", {"q": {"L": [{"S": "x"}, {"S": "x"}]}}),
        ("SET m.x = :v", {"m": {"M": {"x": {"N": "7"}, "y": {"M": {"z": {"S": "q"}}}}}}),
        ("SET m.y.w = m.x REMOVE m.y.z, m.x", {"m": {"M": {"y": {"M": {"w": {"N": "1"}}}}}}),
        ("SET l[0] = l[1], l[1] = l[0]", {"l": numbers("1", "0", "2")}),
        ("SET l[9] = :v, l[7] = n, l[1] = :w", {"l": numbers("0", "-2.5", "2", "5", "7")}),
        ("REMOVE l[0], l[2]", {"l": numbers("1")}),
        ("REMOVE l[0] SET l[1] = :v, l[8] = :w", {"l": numbers("7", "2", "-2.5")}),
        ("REMOVE l[0], l[1], l[2]", {"l": {"L": []}}),
        ("REMOVE n, absent, l[9], m.absent", {"n": None}),
        (
            "ADD n :w, q :v, m.x :v",
            {
                "n": {"N": "2.5"},
                "q": {"N": "7"},
                "m": {"M": {"x": {"N": "8"}, "y": {"M": {"z": {"S": "q"}}}}},
            },
        ),
        ("ADD l[0] :v, l[5] :w", {"l": numbers("7", "1", "2", "-2.5")}),
        ("ADD ss :ss, ns :ns", {"ss": {"SS": ["a", "b", "c"]}, "ns": {"NS": ["1", "2", "10"]}}),
        ("ADD q :ss", {"q": {"SS": ["a", "c"]}}),
        ("DELETE ss :ss", {"ss": {"SS": ["b"]}}),
        ("DELETE ss :all", {"ss": None}),
        ("DELETE absent :ss, m.absent :ss", {}),
        (
            "set q = :v remove n Add ns :ns delete ss :ss",
            {"q": {"N": "7"}, "n": None, "ns": {"NS": ["1", "2", "10"]}, "ss": {"SS": ["b"]}},
        ),
    ],
)
def test_an_update_changes_what_it_names(text: str, expected: dict[str, Any]) -> None:
    """Sources read the item as it was; what is past the end of a list is appended; gaps close last."""
    assert changes(text) == expected


WRONG_TYPE = "An operand in the update expression has an incorrect data type"
WRONG_PATH = "The document path provided in the update expression is invalid for update"
MISSING = "The provided expression refers to an attribute that does not exist in the item"
KEY = (
    "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"
)
INVALID = "Invalid UpdateExpression: "
OPERAND = INVALID + "Incorrect operand type for operator or function; "
OVERLAP = INVALID + "Two document paths overlap with each other; must remove or rewrite one of these paths; "
CONFLICT = (
    INVALID + "Two document paths conflict with each other; must remove or rewrite one of these paths; "
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET q = absent", MISSING),
        ("SET q = absent + :v", MISSING),
        ("SET q = if_not_exists(absent, absent2)", MISSING),
        ("SET q = if_not_exists(n, absent)", MISSING),
        ("SET q = list_append(absent, :l)", MISSING),
        ("SET absent.x = :v, q = absent", MISSING),
        ("SET q = s + :v", WRONG_TYPE),
        ("SET q = n + l", WRONG_TYPE),
        ("SET q = list_append(n, :l)", WRONG_TYPE),
        ("SET q = if_not_exists(s, :v) + :v", WRONG_TYPE),
        ("ADD s :v", WRONG_TYPE),
        ("ADD ns :ss", WRONG_TYPE),
        ("DELETE n :ss", WRONG_TYPE),
        ("DELETE ns :ss", WRONG_TYPE),
        ("SET absent.x = :v", WRONG_PATH),
        ("SET absent[0] = :v", WRONG_PATH),
        ("SET n.x = :v", WRONG_PATH),
        ("SET l.x = :v", WRONG_PATH),
        ("SET m[0] = :v", WRONG_PATH),
        ("SET l[9].x = :v", WRONG_PATH),
        ("REMOVE absent.x", WRONG_PATH),
        ("REMOVE m.absent.x", WRONG_PATH),
        ("ADD absent.x :v", WRONG_PATH),
        ("DELETE absent.x :ss", WRONG_PATH),
        ("SET n = :v + :tiny", "Attempting to store more than 38 significant digits in a Number"),
        (
            "ADD n :huge SET q = :huge + :huge",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("SET pk = :s", KEY),
        ("SET pk.x = :s", KEY),
        ("REMOVE pk", KEY),
        ("ADD pk :v", KEY),
        ("SET q = :v, q = :w", OVERLAP + "path one: [q], path two: [q]"),
        ("SET q = :v REMOVE q.x", OVERLAP + "path one: [q], path two: [q, x]"),
        ("SET l[0].a = :v REMOVE l[0]", OVERLAP + "path one: [l, [0], a], path two: [l, [0]]"),
        ("SET l[0] = :v, l.x = :w", CONFLICT + "path one: [l, [0]], path two: [l, x]"),
        ("SET n = n + :s", OPERAND + "operator or function: +, operand type: S"),
        ("SET n = n - :l", OPERAND + "operator or function: -, operand type: L"),
        ("SET l = list_append(l, :v)", OPERAND + "operator or function: list_append, operand type: N"),
        ("ADD n :s", OPERAND + "operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"),
        ("ADD n :bool", OPERAND + "operator: ADD, operand type: BOOLEAN, typeSet: ALLOWED_FOR_ADD_OPERAND"),
        (
            "DELETE ss :v",
            OPERAND + "operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND",
        ),
        (
            "SET q = if_not_exists(:v, :v)",
            INVALID + "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET q = if_not_exists(n, n)",
            INVALID + "The first operand must be distinct from the remaining operands for this operator or "
            "function; operator: if_not_exists, first operand: [n]",
        ),
    ],
)
def test_an_update_that_cannot_be_is_refused_in_dynamodbs_words(text: str, message: str) -> None:
    """Before or while the item is read; in either case nothing changes."""
    with pytest.raises(ValidationError) as caught:
        apply(text)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("SET n = :v, q = :w", {"n": {"N": "5"}}, {"n": {"N": "7"}, "q": {"N": "-2.5"}}),
        (
            "SET m.y.z = :v",
            {"m": {"M": {"y": {"M": {"z": {"S": "q"}}}}}},
            {"m": {"M": {"y": {"M": {"z": {"N": "7"}}}}}},
        ),
        ("SET l[1] = :v", {"l": numbers("1")}, {"l": numbers("7")}),
        ("SET l[9] = :v", {}, {}),
        ("REMOVE n, m.x", {"n": {"N": "5"}, "m": {"M": {"x": {"N": "1"}}}}, {}),
        ("DELETE ss :all", {"ss": {"SS": ["a", "b"]}}, {}),
        ("REMOVE absent", {}, {}),
    ],
)
def test_updated_old_and_new_hold_the_parts_that_the_update_names(
    text: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
    """ReturnValues UPDATED_OLD and UPDATED_NEW; only of a nested attribute what was touched."""
    result = apply(text)
    assert result.updated_old() == old
    assert result.updated_new() == new


def test_the_touched_attributes_are_top_level_names() -> None:
    """In the order of the expression, placeholders resolved."""
    update = compile_update("SET #m.x = :v, q = :v REMOVE l[0]")
    bindings = Bindings({"#m": "m"}, {":v": {"N": "1"}})
    assert update.apply(ITEM, bindings, SCHEMA).touched == ("m", "q", "l")


def test_an_item_that_does_not_exist_yet_starts_as_its_key() -> None:
    """UpdateItem creates items."""
    update = compile_update("ADD visits :v SET created = if_not_exists(created, :v)")
    result = update.apply({"pk": {"S": "k"}}, Bindings(None, {":v": {"N": "1"}}), SCHEMA)
    assert result.new_item == {"pk": {"S": "k"}, "visits": {"N": "1"}, "created": {"N": "1"}}
    assert result.updated_old() == {}


def test_an_update_cannot_nest_deeper_than_32_levels() -> None:
    """The limit holds for the item that results."""
    deep: dict[str, Any] = {"S": "x"}
    for _ in range(30):
        deep = {"L": [deep]}
    for text, fits in (("SET m.q = :d", True), ("SET m.y.z = :d", False)):
        update = compile_update(text)
        bindings = Bindings(None, {":d": copy.deepcopy(deep)})
        if fits:
            update.apply(ITEM, bindings, SCHEMA)
        else:
            with pytest.raises(ValidationError, match="Nesting Levels have exceeded supported limits"):
                update.apply(ITEM, bindings, SCHEMA)


paths = st.sampled_from(
    ["n", "s", "q", "l", "l[0]", "l[1]", "l[7]", "m", "m.x", "m.y", "m.y.z", "m.q", "ss", "ns"]
)
sources = st.one_of(
    paths,
    st.sampled_from([":v", ":s", ":l", "n + :v", ":w - l[0]", "if_not_exists(q, :v)", "list_append(l, :l)"]),
)
sections = st.tuples(
    st.lists(st.tuples(paths, sources).map(lambda pair: f"{pair[0]} = {pair[1]}"), max_size=3),
    st.lists(paths, max_size=2),
    st.lists(st.tuples(paths, st.sampled_from([":v", ":ss", ":ns"])).map(" ".join), max_size=2),
    st.lists(st.tuples(paths, st.sampled_from([":ss", ":ns"])).map(" ".join), max_size=2),
)
updates = sections.map(
    lambda drawn: " ".join(
        f"{keyword} {', '.join(actions)}"
        for keyword, actions in zip(["SET", "REMOVE", "ADD", "DELETE"], drawn, strict=True)
        if actions
    )
).filter(bool)


@given(updates)
def test_an_update_never_changes_what_it_was_given_and_leaves_canonical_values(text: str) -> None:
    """Neither item nor values; untouched attributes stay; the new item is already in canonical form."""
    before = copy.deepcopy(ITEM)
    update = compile_update(text)
    bindings = Bindings(None, {name: copy.deepcopy(VALUES[name]) for name in update.placeholders} or None)
    values_before = copy.deepcopy(bindings.values)
    try:
        result = update.apply(ITEM, bindings, SCHEMA)
    except ValidationError:
        return
    finally:
        assert before == ITEM
        assert bindings.values == values_before
    for name in {*ITEM, *result.new_item} - set(result.touched):
        assert result.new_item[name] == ITEM[name]
    again = copy.deepcopy(result.new_item)
    assert normalise_item(again) == item_size(result.new_item)
    assert again == result.new_item
