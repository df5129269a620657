"""DynamoDB's expression language: `compile_*` once for a text, `Bindings` once for a request.

    condition = compile_condition(parameters["ConditionExpression"])
    update = compile_update(parameters["UpdateExpression"])
    bindings = Bindings(parameters.get("ExpressionAttributeNames"), parameters.get("ExpressionAttributeValues"))
    bindings.check(condition, update)
    if condition.evaluate(item, bindings):
        result = update.apply(item, bindings, key_schema)

`grammar.lark` is the language. Every failure is `ddbproof.reference_impl.errors.ValidationError`. Items and
values are canonical (`ddbproof.reference_impl.values.normalise_item`) and are never changed here.
"""

from ddbproof.reference_impl.expressions.bindings import Bindings, Expression
from ddbproof.reference_impl.expressions.condition import CompiledCondition, compile_condition
from ddbproof.reference_impl.expressions.key_condition import (
    CompiledKeyCondition,
    KeyRange,
    compile_key_condition,
)
from ddbproof.reference_impl.expressions.projection import CompiledProjection, compile_projection
from ddbproof.reference_impl.expressions.update import CompiledUpdate, UpdateResult, compile_update

__all__ = [
    "Bindings",
    "CompiledCondition",
    "CompiledKeyCondition",
    "CompiledProjection",
    "CompiledUpdate",
    "Expression",
    "KeyRange",
    "UpdateResult",
    "compile_condition",
    "compile_key_condition",
    "compile_projection",
    "compile_update",
]
