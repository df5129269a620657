"""Whether an answer can be read as DynamoDB's at all, looked at before botocore reads it.

botocore trusts what it is sent: half a document or a list where an object belongs breaks it, or our tests, in
ways that look like our own fault. So a successful answer whose body is no JSON object, or that has something
else where the service model has a structure, a list or a map, is refused here in a sentence. Values of other
types are left to the tests. An error answer that is no JSON object becomes one with the text as its message.
"""

from __future__ import annotations

import json
from typing import Any

from botocore.model import Shape
from botocore.parsers import ResponseParserError

_SHOWN_CHARACTERS = 120
_KINDS: dict[str, type[Any]] = {"structure": dict, "map": dict, "list": list}
_DEEPEST = 12


class UnreadableAnswerError(ResponseParserError):  # type: ignore[misc]  # botocore ships no types
    """The endpoint's answer is not what the service model says an answer is."""


def check_answer(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Handler of botocore's `before-parse` event; raises UnreadableAnswerError."""
    body = response_dict["body"]
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if response_dict["status_code"] >= 300:
        if not isinstance(document, dict):
            response_dict["body"] = json.dumps({"message": _shown(body)}).encode()
        return
    if not isinstance(document, dict):
        raise UnreadableAnswerError(f"the body is no JSON object: {_shown(body)}")
    if operation_model.output_shape is not None:
        _check(operation_model.output_shape, document, "", 0)


def _check(shape: Shape, value: Any, path: str, depth: int) -> None:
    kind = _KINDS.get(shape.type_name)
    if kind is None or value is None or depth > _DEEPEST:
        return
    if type(value) is not kind:
        raise UnreadableAnswerError(f"{path} is {json.dumps(value)[:40]}, where a {shape.type_name} belongs")
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                _check(member, value[name], f"{path}.{name}".lstrip("."), depth + 1)
    elif shape.type_name == "list":
        for number, element in enumerate(value):
            _check(shape.member, element, f"{path}[{number}]", depth + 1)
    else:
        for name, element in value.items():
            _check(shape.value, element, f"{path}.{name}", depth + 1)


def _shown(body: bytes) -> str:
    text = body[: 2 * _SHOWN_CHARACTERS].decode("utf-8", "replace")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:_SHOWN_CHARACTERS]
