"""Input shapes: what the service model itself says about a request.

Claims: AP-13 and AP-15 (types, required members, lengths, ranges, patterns and enumerations come from the
model), AP-14 (table names are checked elsewhere, since their shape also takes ARNs). A value of the wrong
JSON type is a SerializationException; values that break constraints are a ValidationException that lists
them in the service's form. A member that is null counts as not given and is taken out, an unknown one is
ignored. The wording follows what AWS is known to answer; where it is not known, the sentence is ours.

The checkers are compiled once per operation, when it is first called, from botocore's copy of the model.
Attribute values are left to `values.attribute`, which knows their rules; only that they are maps is seen to
here, since everything behind relies on it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from ddbproof.reference_impl.errors import SerializationError, ValidationError

SERVICE_API_VERSION = "2012-08-10"
MOST_PROBLEMS = 10
LONGEST_SHOWN = 300
LATEST_EPOCH_SECONDS = 2**53

logger = logging.getLogger("ddbproof.reference_impl")

Problems = list[str]
Checker = Callable[[Any, str, Problems], None]
Rules = Callable[[Any], list[str]]


class _Enough(Exception):
    """As many broken constraints as an answer may list have been found."""


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of `dynamodb` or `dynamodbstreams`."""
    return ServiceModel(Loader().load_service_model(service, "service-2", SERVICE_API_VERSION), service)


@cache
def operation_names(service: str) -> frozenset[str]:
    """The names of all operations of a service."""
    return frozenset(service_model(service).operation_names)


@cache
def input_checker(service: str, operation: str) -> Callable[[dict[str, Any]], None]:
    """A function that raises SerializationError or ValidationError for input the model does not allow.

    It takes members that are null out of the input.
    """
    shape = service_model(service).operation_model(operation).input_shape
    check = _structure(shape, {}) if shape is not None else None

    def run(parameters: dict[str, Any]) -> None:
        if check is None:
            return
        problems: Problems = []
        try:
            check(parameters, "", problems)
        except _Enough:
            raise _listing(problems) from None
        if problems:
            raise _listing(problems)

    return run


def _listing(problems: Problems) -> ValidationError:
    count = len(problems)
    return ValidationError(f"{count} validation error{'s' * (count > 1)} detected: {'; '.join(problems)}")


# Compound shapes.


def _compile(shape: Shape, seen: dict[str, Checker]) -> Checker:
    if shape.name == "AttributeValue":
        return _attribute_value
    if isinstance(shape, StructureShape):
        return _structure(shape, seen)
    if isinstance(shape, MapShape):
        return _map(shape, seen)
    if isinstance(shape, ListShape):
        return _list(shape, seen)
    return _measured_text(shape) or _constrained(_SCALARS[shape.type_name](shape), _rules(shape))


def _attribute_value(value: Any, path: str, problems: Problems) -> None:
    if value.__class__ is not dict:
        _refuse_type(value, "Map")


def _structure(shape: StructureShape, seen: dict[str, Checker]) -> Checker:
    if shape.name in seen:
        return seen[shape.name]
    members: dict[str, tuple[str, Checker]] = {}
    required = tuple((name, _camel(name)) for name in shape.required_members)

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not dict:
            _refuse_type(value, "Structure")
        absent = None
        for name, member in value.items():
            if member is None:
                absent = (*(absent or ()), name)
            elif name in members:
                camel, check_member = members[name]
                check_member(member, path + camel, problems)
        for name in absent or ():
            del value[name]
        for name, camel in required:
            if name not in value:
                _add(problems, None, path + camel, "Member must not be null")

    seen[shape.name] = check
    for name, member in shape.members.items():
        members[name] = (_camel(name), _nested(_compile(member, seen), member))
    return check


def _nested(check: Checker, shape: Shape) -> Checker:
    """Members of a structure are named behind a dot."""
    if not isinstance(shape, StructureShape) or shape.name == "AttributeValue":
        return check
    return lambda value, path, problems: check(value, path + ".", problems)


def _map(shape: MapShape, seen: dict[str, Checker]) -> Checker:
    """Constraints of keys, and of values that are not structures, are reported of the map, as AWS does."""
    if shape.value.name == "AttributeValue":
        return _attribute_map(shape)
    check_value = _nested(_compile(shape.value, seen), shape.value)
    rules, key_rules, value_rules = _rules(shape), _rules(shape.key), _rules(shape.value)
    if value_rules is not None:
        check_value = _nested(_compile_unconstrained(shape.value, seen), shape.value)

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not dict:
            _refuse_type(value, "Map")
        if rules is not None:
            _apply(rules, value, path, problems)
        for name, given in (("keys", key_rules), ("value", value_rules)):
            if given is None:
                continue
            for part in value if name == "keys" else value.values():
                # A value of the wrong type is refused below.
                broken = given(part) if isinstance(part, str | list | dict) else []
                if broken:
                    _add(problems, value, path, f"Map {name} must satisfy constraint: [{', '.join(broken)}]")
                    break
        for key, member in value.items():
            check_value(member, f"{path}.{key[:LONGEST_SHOWN]}.member", problems)

    return check


def _attribute_map(shape: MapShape) -> Checker:
    """Items and the like, which nearly every request carries: one quick pass."""
    longest = shape.key.metadata.get("max", float("inf"))

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not dict:
            _refuse_type(value, "Map")
        for name, member in value.items():
            if member.__class__ is not dict:
                _refuse_type(member, "Map")
            if len(name) > longest:
                rule = f"Map keys must satisfy constraint: [Member must have length less than or equal to {longest}]"
                _add(problems, value, path, rule)

    return check


def _list(shape: ListShape, seen: dict[str, Checker], *, constrained: bool = True) -> Checker:
    check_member = _nested(_compile(shape.member, seen), shape.member)
    rules = _rules(shape) if constrained else None

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not list:
            _refuse_type(value, "List")
        if rules is not None:
            _apply(rules, value, path, problems)
        for number, member in enumerate(value, 1):
            check_member(member, f"{path}.{number}.member", problems)

    return check


def _compile_unconstrained(shape: Shape, seen: dict[str, Checker]) -> Checker:
    if isinstance(shape, ListShape):
        return _list(shape, seen, constrained=False)
    if isinstance(shape, MapShape | StructureShape):
        return _compile(shape, seen)
    return _constrained(_SCALARS[shape.type_name](shape), None)


# Scalar types: wrong types raise.

TypeCheck = Callable[[Any], None]


def _constrained(check_type: TypeCheck, rules: Rules | None) -> Checker:
    if rules is None:
        return lambda value, _path, _problems: check_type(value)

    def check(value: Any, path: str, problems: Problems) -> None:
        check_type(value)
        _apply(rules, value, path, problems)

    return check


def _measured_text(shape: Shape) -> Checker | None:
    """Text of which only the length is limited: names, which nearly every request carries. None for any other shape."""
    if shape.type_name != "string" or "enum" in shape.metadata or "pattern" in shape.metadata:
        return None
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", float("inf"))
    check_at_length = _constrained(_text(shape), _rules(shape))

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not str or not least <= len(value) <= most:
            check_at_length(value, path, problems)

    return check


def _text(shape: Shape) -> TypeCheck:
    wanted = "String" if shape.type_name == "string" else shape.type_name.capitalize()

    def check(value: Any) -> None:
        if value.__class__ is not str:
            _refuse_type(value, wanted)

    return check


def _whole_number(shape: Shape) -> TypeCheck:
    limit = 2**31 if shape.type_name == "integer" else 2**63
    wanted = shape.type_name.capitalize()

    def check(value: Any) -> None:
        if value.__class__ is not int or not -limit <= value < limit:
            _refuse_type(value, wanted)

    return check


def _number(shape: Shape) -> TypeCheck:
    wanted = shape.type_name.capitalize()
    limit = LATEST_EPOCH_SECONDS if shape.type_name == "timestamp" else float("inf")

    def check(value: Any) -> None:
        if value.__class__ not in (int, float) or abs(value) > limit:
            _refuse_type(value, wanted)

    return check


def _boolean(shape: Shape) -> TypeCheck:
    def check(value: Any) -> None:
        if value.__class__ is not bool:
            _refuse_type(value, "Boolean")

    return check


_SCALARS: dict[str, Callable[[Shape], TypeCheck]] = {
    "string": _text,
    "blob": _text,
    "integer": _whole_number,
    "long": _whole_number,
    "float": _number,
    "double": _number,
    "timestamp": _number,
    "boolean": _boolean,
}


# Constraints: broken ones are collected.


def _rules(shape: Shape) -> Rules | None:
    """A function that names the constraints a value of the right type breaks; None if there are none."""
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    allowed = frozenset(shape.metadata.get("enum", ()))
    pattern = shape.metadata.get("pattern")
    matches = _matcher(pattern) if pattern and not allowed else None
    if isinstance(shape, StructureShape) or (least is None and most is None and not allowed and not matches):
        return None
    counts = shape.type_name in ("integer", "long", "float", "double")
    measured = "value" if counts else "length"
    too_little = f"Member must have {measured} greater than or equal to {least}"
    too_much = f"Member must have {measured} less than or equal to {most}"
    not_allowed = f"Member must satisfy enum value set: [{', '.join(sorted(allowed))}]"

    def broken(value: Any) -> list[str]:
        found = []
        if allowed and value not in allowed:
            found.append(not_allowed)
        size = value if counts else len(value)
        if most is not None and size > most:
            # No pattern after this one: on a long text it could take for ever.
            return [*found, too_much]
        if least is not None and size < least:
            found.append(too_little)
        if matches is not None and not matches(value):
            found.append(f"Member must satisfy regular expression pattern: {pattern}")
        return found

    return broken


def _matcher(pattern: str) -> Callable[[str], object] | None:
    """Matches whole texts. The model's patterns are Java's; the few differences are translated."""
    python_pattern = pattern.replace(r"\p{Print}", r"[\x20-\x7e]").replace(
        r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010ffff"
    )
    try:
        return re.compile(f"(?:{python_pattern})\\Z", re.ASCII).match
    except re.error as error:
        logger.warning("the pattern %r of the service model is not checked: %s", pattern, error)
        return None


def _apply(rules: Rules, value: Any, path: str, problems: Problems) -> None:
    for rule in rules(value):
        _add(problems, value, path, rule)


def _add(problems: Problems, value: Any, path: str, rule: str) -> None:
    shown = "null" if value is None else f"'{_shown(value)}'"
    problems.append(f"Value {shown} at '{path}' failed to satisfy constraint: {rule}")
    if len(problems) >= MOST_PROBLEMS:
        raise _Enough


def _shown(value: Any, levels: int = 3) -> str:
    """A value as Java prints it, but bounded in width and depth."""
    if isinstance(value, list | dict) and not levels:
        return "..."
    if isinstance(value, list):
        parts = [_shown(part, levels - 1) for part in value[:10]]
        text = f"[{', '.join(parts)}{', ...' * (len(value) > 10)}]"
    elif isinstance(value, dict):
        parts = [f"{key}={_shown(value[key], levels - 1)}" for key in list(value)[:10]]
        text = f"{{{', '.join(parts)}{', ...' * (len(value) > 10)}}}"
    elif isinstance(value, bool):
        text = str(value).lower()
    else:
        text = str(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]


def _refuse_type(value: Any, wanted: str) -> NoReturn:
    """Raises SerializationError for a value of a JSON type that cannot stand for `wanted`."""
    if isinstance(value, dict):
        raise SerializationError("Start of structure or map found where not expected.")
    if isinstance(value, list):
        raise SerializationError("Start of list found where not expected")
    if wanted in ("Structure", "Map", "List"):
        raise SerializationError("Unexpected field type")
    kind = {bool: f"{value}_VALUE".upper(), str: "STRING_VALUE", type(None): "NULL_VALUE"}
    raise SerializationError(f"{kind.get(type(value), 'NUMBER_VALUE')} cannot be converted to {wanted}")
