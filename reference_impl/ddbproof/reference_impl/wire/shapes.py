"""Input shapes: what the service model itself says about a request.

Claims: AP-13 and AP-15 (types, required members, lengths, ranges, patterns and enumerations come from the
model), AP-14 (table names are checked elsewhere, since their shape also takes ARNs). A value of the wrong
JSON type is a SerializationException, a value that breaks a constraint a ValidationException that lists
every broken constraint in the service's form. Unknown members are ignored, as the service does.

The checkers are compiled once per operation from botocore's copy of the model. Attribute values are left to
`values.attribute`, which knows their rules; only their being maps is seen to here.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape

from ddbproof.reference_impl.errors import SerializationError, ValidationError

SERVICE_API_VERSION = "2012-08-10"
MOST_REPORTED = 10

Problems = list[str]
Checker = Callable[[Any, str, Problems], None]


@cache
def service_model(service: str) -> ServiceModel:
    """botocore's model of `dynamodb` or `dynamodbstreams`."""
    return ServiceModel(Loader().load_service_model(service, "service-2", SERVICE_API_VERSION), service)


@cache
def is_operation(service: str, operation: str) -> bool:
    """True when the service has an operation of that name."""
    return operation in service_model(service).operation_names


@cache
def input_checker(service: str, operation: str) -> Callable[[dict[str, Any]], None]:
    """A function that raises SerializationError or ValidationError for input the model does not allow."""
    shape = service_model(service).operation_model(operation).input_shape
    check = _structure(shape, {}) if shape is not None else None

    def run(parameters: dict[str, Any]) -> None:
        if check is None:
            return
        problems: Problems = []
        check(parameters, "", problems)
        if problems:
            count = len(problems)
            shown = "; ".join(problems[:MOST_REPORTED])
            raise ValidationError(f"{count} validation error{'s' * (count > 1)} detected: {shown}")

    return run


def _compile(shape: Shape, seen: dict[str, Checker]) -> Checker:
    if shape.name == "AttributeValue":
        return _attribute_value
    if isinstance(shape, StructureShape):
        return _structure(shape, seen)
    if isinstance(shape, MapShape):
        return _map(shape, seen)
    if isinstance(shape, ListShape):
        return _list(shape, seen)
    return _SCALARS[shape.type_name](shape)


def _attribute_value(value: Any, path: str, problems: Problems) -> None:
    if value.__class__ is not dict:
        raise SerializationError(_unexpected(value, "structure or map"))


def _structure(shape: StructureShape, seen: dict[str, Checker]) -> Checker:
    if shape.name in seen:
        return seen[shape.name]
    members: dict[str, tuple[str, Checker]] = {}
    required = tuple((name, _camel(name)) for name in shape.required_members)

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not dict:
            raise SerializationError(_unexpected(value, "structure or map"))
        for name, camel in required:
            if value.get(name) is None:
                problems.append(_broken(None, path + camel, "Member must not be null"))
        for name, member in value.items():
            known = members.get(name)
            if known is not None and member is not None:
                known[1](member, path + known[0], problems)

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
    check_value = _nested(_compile(shape.value, seen), shape.value)
    check_key = _compile(shape.key, seen)
    check_size = _bounds(shape)

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not dict:
            raise SerializationError(_unexpected(value, "structure or map"))
        check_size(len(value), value, path, problems)
        for key, member in value.items():
            check_key(key, path, problems)
            check_value(member, f"{path}.{key}.member", problems)

    return check


def _list(shape: ListShape, seen: dict[str, Checker]) -> Checker:
    check_member = _nested(_compile(shape.member, seen), shape.member)
    check_size = _bounds(shape)

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not list:
            raise SerializationError(_unexpected(value, "list"))
        check_size(len(value), value, path, problems)
        for number, member in enumerate(value, 1):
            check_member(member, f"{path}.{number}.member", problems)

    return check


def _string(shape: Shape) -> Checker:
    check_size = _bounds(shape)
    pattern = shape.metadata.get("pattern")
    matches = re.compile(f"(?:{pattern})\\Z").match if pattern else None
    allowed = frozenset(shape.metadata.get("enum", ()))

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not str:
            raise SerializationError(_cannot_convert(value, "String"))
        if allowed and value not in allowed:
            listed = ", ".join(sorted(allowed))
            problems.append(_broken(value, path, f"Member must satisfy enum value set: [{listed}]"))
            return
        check_size(len(value), value, path, problems)
        if matches is not None and matches(value) is None:
            problems.append(
                _broken(value, path, f"Member must satisfy regular expression pattern: {pattern}")
            )

    return check


def _number(shape: Shape) -> Checker:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    whole = shape.type_name in ("integer", "long")

    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not int and (whole or value.__class__ is not float):
            raise SerializationError(_cannot_convert(value, shape.type_name.capitalize()))
        if least is not None and value < least:
            problems.append(_broken(value, path, f"Member must have value greater than or equal to {least}"))
        elif most is not None and value > most:
            problems.append(_broken(value, path, f"Member must have value less than or equal to {most}"))

    return check


def _boolean(_: Shape) -> Checker:
    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not bool:
            raise SerializationError(_cannot_convert(value, "Boolean"))

    return check


def _blob(_: Shape) -> Checker:
    def check(value: Any, path: str, problems: Problems) -> None:
        if value.__class__ is not str:
            raise SerializationError(_cannot_convert(value, "Blob"))

    return check


_SCALARS: dict[str, Callable[[Shape], Checker]] = {
    "string": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "timestamp": _number,
    "boolean": _boolean,
    "blob": _blob,
}


def _bounds(shape: Shape) -> Callable[[int, Any, str, Problems], None]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")

    def check(length: int, value: Any, path: str, problems: Problems) -> None:
        if least is not None and length < least:
            problems.append(_broken(value, path, f"Member must have length greater than or equal to {least}"))
        elif most is not None and length > most:
            problems.append(_broken(value, path, f"Member must have length less than or equal to {most}"))

    return check


def _camel(name: str) -> str:
    return name[0].lower() + name[1:]


def _broken(value: Any, path: str, rule: str) -> str:
    shown = "null" if value is None else f"'{str(value)[:200]}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"


def _unexpected(value: Any, wanted: str) -> str:
    if isinstance(value, dict):
        return "Start of structure or map found where not expected."
    if isinstance(value, list):
        return "Start of list found where not expected"
    return f"Unexpected value type in payload: a {wanted} is expected"


def _cannot_convert(value: Any, wanted: str) -> str:
    if isinstance(value, dict | list):
        return _unexpected(value, wanted)
    kind = (
        "NULL_VALUE"
        if value is None
        else str(value).upper() + "_VALUE"
        if isinstance(value, bool)
        else "STRING_VALUE"
        if isinstance(value, str)
        else "NUMBER_VALUE"
    )
    return f"{kind} cannot be converted to {wanted}"
