"""From the text of an expression to its syntax tree.

`grammar.lark` is the language; this module runs it, words its errors as DynamoDB does, and applies the rules
that need nothing but the text: size (4 KB), at most 300 operators and functions, reserved words, redundant
parentheses, depth and indexes of paths, functions and the number of their operands, each section of an
update at most once. Source: Developer Guide, "Limits: expression parameters" and "Reserved words"
(`reserved_words.txt` holds the list); sentences as AWS's emulator words them.

The limit of operators also bounds how deep a tree can be, so that compiling and evaluating, which recurse,
cannot overflow the stack; parsing and `nodes.walk` do not recurse.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedInput, UnexpectedToken

from ddbproof.reference_impl.errors import ValidationError
from ddbproof.reference_impl.expressions import nodes
from ddbproof.reference_impl.expressions.nodes import Node, Path

MAXIMUM_EXPRESSION_BYTES = 4096
MAXIMUM_OPERATORS = 300
MAXIMUM_PATH_STEPS = 32
MAXIMUM_INDEX = 2**31 - 1
MAXIMUM_CHOICES = 100

# Number of operands of each function; `size` and the two of updates are operands, the others conditions.
CONDITION_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
UPDATE_FUNCTIONS = {"if_not_exists": 2, "list_append": 2}
_OPERAND_COUNTS = {**CONDITION_FUNCTIONS, **UPDATE_FUNCTIONS, "size": 1}

_WORD = re.compile(r"[#:][A-Za-z0-9_]+|[A-Za-z][A-Za-z0-9_]*|0|[1-9][0-9]*|<>|<=|>=|\S", re.ASCII)


def parse(text: str, kind: str, start: str) -> nodes.Root:
    """The syntax tree of `text`.

    `kind` names the parameter for errors (`ConditionExpression` ...); `start` is the grammar's rule:
    `condition`, `update` or `projection`. Raises `ValidationError`.
    """
    if not text:
        raise invalid(kind, "The expression can not be empty;")
    size_bytes = len(text.encode("utf-8", "surrogatepass"))
    if size_bytes > MAXIMUM_EXPRESSION_BYTES:
        raise invalid(
            kind,
            f"Expression size has exceeded the maximum allowed size; expression size: {size_bytes}",
        )
    try:
        root: Any = _parser().parse(text, start=start)  # the transformer leaves a node
    except UnexpectedInput as error:
        raise _syntax_error(text, kind, error) from None
    assert isinstance(root, nodes.Root)
    if _has_redundant_parentheses(text):
        raise invalid(kind, "The expression has redundant parentheses;")
    _check_nodes(root, kind)
    return root


def invalid(kind: str, message: str) -> ValidationError:
    """An error that names the parameter: `Invalid ConditionExpression: ...`."""
    return ValidationError(f"Invalid {kind}: {message}")


@cache
def _parser() -> Lark:
    grammar = files(__package__).joinpath("grammar.lark").read_text("utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",  # one set of words everywhere: a keyword is a keyword, as in DynamoDB
        start=["condition", "update", "projection"],
        transformer=_Builder(),
        maybe_placeholders=False,
    )


@cache
def reserved_words() -> frozenset[str]:
    """DynamoDB's reserved words, in capitals."""
    return frozenset(files(__package__).joinpath("reserved_words.txt").read_text("ascii").split())


# --- Building nodes ----------------------------------------------------------------------------------


def _terms(
    kind: type[nodes.And] | type[nodes.Or], *conditions: nodes.Condition
) -> tuple[nodes.Condition, ...]:
    """The terms of AND (or OR): `a AND b AND c` is one node, however it is grouped."""
    terms: list[nodes.Condition] = []
    for condition in conditions:
        terms.extend(condition.terms if isinstance(condition, kind) else (condition,))
    return tuple(terms)


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """One method for each rule of the grammar that leaves a node."""

    def or_condition(self, left: nodes.Condition, right: nodes.Condition) -> nodes.Or:
        return nodes.Or(_terms(nodes.Or, left, right))

    def and_condition(self, left: nodes.Condition, right: nodes.Condition) -> nodes.And:
        return nodes.And(_terms(nodes.And, left, right))

    def not_condition(self, term: nodes.Condition) -> nodes.Condition:
        return nodes.Not(term)

    def comparator(self, token: Token) -> str:
        return str(token)

    def comparison(self, left: nodes.Operand, operator: str, right: nodes.Operand) -> nodes.Comparison:
        return nodes.Comparison(operator, left, right)

    def between(self, operand: nodes.Operand, lower: nodes.Operand, upper: nodes.Operand) -> nodes.Between:
        return nodes.Between(operand, lower, upper)

    def membership(self, operand: nodes.Operand, *choices: nodes.Operand) -> nodes.Membership:
        return nodes.Membership(operand, choices)

    def function(self, name: Token, *arguments: nodes.Operand) -> nodes.Function:
        return nodes.Function(str(name), arguments)

    def path(self, *steps: nodes.Step) -> Path:
        return Path(steps)

    def step(self, token: Token) -> str:
        return str(token)

    def index(self, token: Token) -> int:
        return int(token)  # at most 4,096 digits, which int() accepts

    def value(self, token: Token) -> nodes.Value:
        return nodes.Value(str(token))

    def arithmetic(self, left: nodes.Operand, sign: Token, right: nodes.Operand) -> nodes.Arithmetic:
        return nodes.Arithmetic(str(sign), left, right)

    def set_action(self, path: Path, _: Token, source: nodes.Operand | nodes.Arithmetic) -> nodes.Action:
        return nodes.Action("SET", path, source)

    def pair(self, path: Path, value: nodes.Value) -> tuple[Path, nodes.Value]:
        return path, value

    def set_section(self, *actions: nodes.Action) -> nodes.Section:
        return nodes.Section("SET", actions)

    def remove_section(self, *paths: Path) -> nodes.Section:
        return nodes.Section("REMOVE", tuple(nodes.Action("REMOVE", path, None) for path in paths))

    def add_section(self, *pairs: tuple[Path, nodes.Value]) -> nodes.Section:
        return nodes.Section("ADD", tuple(nodes.Action("ADD", path, value) for path, value in pairs))

    def delete_section(self, *pairs: tuple[Path, nodes.Value]) -> nodes.Section:
        return nodes.Section("DELETE", tuple(nodes.Action("DELETE", path, value) for path, value in pairs))

    def update(self, *sections: nodes.Section) -> nodes.Update:
        return nodes.Update(sections)

    def projection(self, *paths: Path) -> nodes.Projection:
        return nodes.Projection(paths)


# --- Syntax errors -----------------------------------------------------------------------------------


def _syntax_error(text: str, kind: str, error: UnexpectedInput) -> ValidationError:
    """DynamoDB's sentence: the word that does not fit, and the text from the word before to the one after."""
    at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
    position = len(text) if at_end else (error.pos_in_stream or 0)
    words = list(_WORD.finditer(text))
    # lark may stop inside what we would call one word: take the word that reaches beyond its position.
    index = next((i for i, word in enumerate(words) if word.end() > position), len(words))
    token = "<EOF>" if index == len(words) else words[index].group()
    start = words[index - 1].start() if index else 0
    end = words[index + 1].end() if index + 1 < len(words) else len(text)
    return invalid(kind, f'Syntax error; token: "{token}", near: "{text[start:end]}"')


def _has_redundant_parentheses(text: str) -> bool:
    """Whether a pair of parentheses holds nothing but another pair; those of a call or of IN do not count."""
    words = _WORD.findall(text)
    opened: list[int] = []
    inner = (-1, -1)  # the pair that was closed last
    for index, word in enumerate(words):
        if word == "(":
            opened.append(index)
        elif word == ")" and opened:
            pair = (opened.pop(), index)
            if inner == (pair[0] + 1, index - 1) and not _is_list(words, pair[0]):
                return True
            inner = pair
    return False


def _is_list(words: list[str], opening: int) -> bool:
    """Whether the parenthesis opens the operands of a function or of IN."""
    before = words[opening - 1].upper() if opening else ""
    return before[:1].isalpha() and before not in {"AND", "OR", "NOT", "BETWEEN"}


# --- Rules of the text -------------------------------------------------------------------------------


def _check_nodes(root: nodes.Root, kind: str) -> None:
    is_update = isinstance(root, nodes.Update)
    operators = 0
    for node in nodes.walk(root):
        operators += _operators(node)
        if operators > MAXIMUM_OPERATORS:
            raise invalid(kind, f"The expression contains too many operators; operator count: {operators}")
        if isinstance(node, Path):
            _check_path(node, kind)
        elif isinstance(node, nodes.Function):
            _check_function(node, kind, is_update=is_update)
        elif isinstance(node, nodes.Membership) and len(node.choices) > MAXIMUM_CHOICES:
            raise invalid(
                kind,
                "The IN operator is provided with too many operands; "
                f"number of operands: {len(node.choices)}",
            )
    _check_places(root, kind)
    if isinstance(root, nodes.Update):
        _check_sections(root, kind)


def _operators(node: Node) -> int:
    if isinstance(node, nodes.And | nodes.Or):
        return len(node.terms) - 1
    counted = (
        nodes.Not | nodes.Comparison | nodes.Between | nodes.Membership | nodes.Function | nodes.Arithmetic
    )
    return 1 if isinstance(node, counted) else 0


def _check_path(path: Path, kind: str) -> None:
    if len(path.steps) > MAXIMUM_PATH_STEPS:
        raise invalid(
            kind,
            f"The document path has too many nesting levels; nesting levels: {len(path.steps)}",
        )
    for step in path.steps:
        if isinstance(step, int):
            if step > MAXIMUM_INDEX:
                raise invalid(kind, f"List index is not within the allowable range; index: [{step}]")
        elif step.upper() in reserved_words():
            raise invalid(kind, f"Attribute name is a reserved keyword; reserved keyword: {step}")


def _check_function(function: nodes.Function, kind: str, *, is_update: bool) -> None:
    count = _OPERAND_COUNTS.get(function.name)
    if count is None:
        raise invalid(kind, f"Invalid function name; function: {function.name}")
    if is_update != (function.name in UPDATE_FUNCTIONS):
        place = "an update expression" if is_update else "a condition expression"
        raise invalid(kind, f"The function is not allowed in {place}; function: {function.name}")
    if len(function.arguments) != count:
        raise invalid(
            kind,
            "Incorrect number of operands for operator or function; "
            f"operator or function: {function.name}, number of operands: {len(function.arguments)}",
        )


def _check_places(root: nodes.Root, kind: str) -> None:
    """A condition may not be an operand, `size` may not be a condition, `list_append` not an operand of + or of a function."""
    conditions: list[Node] = [root]
    for node in nodes.walk(root):
        if isinstance(node, nodes.And | nodes.Or | nodes.Not):
            conditions.extend(nodes.children(node))
    allowed_as_condition = {id(node) for node in conditions}
    allowed_as_source = {id(node.source) for node in nodes.walk(root) if isinstance(node, nodes.Action)}
    for node in nodes.walk(root):
        if not isinstance(node, nodes.Function):
            continue
        if id(node) in allowed_as_condition:
            fits = node.name in CONDITION_FUNCTIONS
        elif node.name == "list_append":
            fits = id(node) in allowed_as_source
        else:
            # As an operand of `attribute_exists`, even a condition is reported as "no document path".
            fits = node.name not in CONDITION_FUNCTIONS
        if not fits:
            raise invalid(
                kind,
                f"The function is not allowed to be used this way in an expression; function: {node.name}",
            )


def _check_sections(update: nodes.Update, kind: str) -> None:
    seen: set[str] = set()
    for section in update.sections:
        if section.name in seen:
            raise invalid(
                kind, f'The "{section.name}" section can only be used once in an update expression;'
            )
        seen.add(section.name)
