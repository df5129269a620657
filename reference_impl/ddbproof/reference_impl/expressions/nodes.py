"""The syntax tree of an expression: what the grammar's rules become.

Nodes know nothing of an item or of the values given with a request; they keep placeholders as written
(`#name`, `:value`). Conditions are `Or`, `And`, `Not`, `Comparison`, `Between`, `Membership` and `Function`;
operands are `Path`, `Value` and `Function`; an update is `Update` with its actions, which may hold `Arithmetic`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Step = str | int
"""A step of a document path: a name or placeholder, or an index into a list."""


@dataclass(frozen=True, slots=True)
class Path:
    """`name.name[0]`: `steps` as written, placeholders unresolved."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """`:placeholder`."""

    placeholder: str


@dataclass(frozen=True, slots=True)
class Function:
    """`name(argument, ...)`: a condition, or an operand (`size`, `if_not_exists`, `list_append`)."""

    name: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right` with one of = <> < <= > >=."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """`operand BETWEEN lower AND upper`."""

    operand: Operand
    lower: Operand
    upper: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """`operand IN (choice, ...)`."""

    operand: Operand
    choices: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of `terms`, two or more."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of `terms`, two or more."""

    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not `term`."""

    term: Condition


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`left + right` or `left - right` in a SET action."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Action:
    """One action of an update: `section` is SET, REMOVE, ADD or DELETE; only REMOVE has no `source`."""

    section: str
    path: Path
    source: Operand | Arithmetic | None


@dataclass(frozen=True, slots=True)
class Section:
    """One clause of an update."""

    name: str
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """A whole update expression; a section may appear twice here, which `syntax` refuses."""

    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """A whole projection expression."""

    paths: tuple[Path, ...]


Operand = Path | Value | Function
Condition = Comparison | Between | Membership | Function | And | Or | Not
Root = Condition | Update | Projection
Node = Root | Operand | Arithmetic | Action | Section


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below, in the order of the text."""
    match node:
        case Path() | Value():
            return ()
        case Function():
            return node.arguments
        case Comparison() | Arithmetic():
            return (node.left, node.right)
        case Between():
            return (node.operand, node.lower, node.upper)
        case Membership():
            return (node.operand, *node.choices)
        case And() | Or():
            return node.terms
        case Not():
            return (node.term,)
        case Action():
            return (node.path,) if node.source is None else (node.path, node.source)
        case Section():
            return node.actions
        case Update():
            return node.sections
        case Projection():
            return node.paths


def walk(root: Node) -> Iterator[Node]:
    """Every node, in the order of the text. Not recursive."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))
