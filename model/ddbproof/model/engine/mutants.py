"""Mutants: wrong kernels, to find out whether the proofs and the small worlds notice.

Two kinds. Those written by hand are declared in the systems. Mechanical ones are made from the kernel's source, one
change each: another comparison, a conjunct left out, a guard left out, a constant one higher, plus for
minus. A mutant takes the place of its function in the kernel module for as long as it is examined, so
everything that calls it gets it; nothing in production code knows of mutants.

A mutant is *killed* when a concrete trace from the first state breaks a promise; *rejected* when only the
induction fails, which may also mean that the state it fails in cannot be reached; and it *survives* when every proof
still goes through. The last two need a judgement in writing: an equivalent mutant, or a promise that nobody made.
"""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from enum import StrEnum
from importlib import resources
from types import ModuleType
from typing import Any

import msgspec

from ddbproof.model.engine import bounded
from ddbproof.model.engine.explore import Violation, explore
from ddbproof.model.engine.prove import Obligation, Verdict, World, obligations, prove
from ddbproof.model.engine.system import Mutant, Role, System

SEARCH_DEPTH = 4
SEARCH_SECONDS = 20.0
_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE,),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE,),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
}


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    REJECTED = "rejected by induction only"
    SURVIVED = "survived"


class MutantResult(msgspec.Struct, frozen=True):
    """A mutant and its fate, with the trace that kills it or the obligation that fails."""

    mutant: str
    sentence: str
    fate: Fate
    violation: Violation | None = None
    obligation: Obligation | None = None


def planted(system: System, mutant: Mutant) -> AbstractContextManager[None]:
    """Put the mutant in its function's place meanwhile. Raises EngineError if there is no such function."""
    return system.replaced({mutant.replaces: lambda _original: mutant.function})


def judgements(system_name: str) -> dict[str, str]:
    """What was written of mutants that are not killed, by the mutant's name."""
    path = resources.files("ddbproof.model.trials") / "judgements.toml"
    return dict(tomllib.loads(path.read_text()).get(system_name, {}))


def examine(system: System, mutant: Mutant) -> MutantResult:
    """Find out what becomes of a mutant: small worlds first, then the solver's own, then the induction."""
    with planted(system, mutant):
        for scope in system.scopes:
            seen = explore(system, scope, invariants=lambda one: one.role is Role.SAFE, covers=False)
            if seen.violation is not None:
                return MutantResult(mutant.name, mutant.sentence, Fate.KILLED, seen.violation)
        failed = _first_failure(system)
        if failed is None:
            return MutantResult(mutant.name, mutant.sentence, Fate.SURVIVED)
        found = bounded.search(system, deepest=SEARCH_DEPTH, seconds=SEARCH_SECONDS)
        if found.violation is not None:
            return MutantResult(mutant.name, mutant.sentence, Fate.KILLED, found.violation)
        return MutantResult(mutant.name, mutant.sentence, Fate.REJECTED, obligation=failed)


def _first_failure(system: System) -> Obligation | None:
    world = World(system)
    for obligation in obligations(system):
        if prove(world, obligation).verdict is not Verdict.PROVED:
            return obligation
    return None


def mechanical(system: System) -> list[Mutant]:
    """One mutant for each small change of each function of the system's kernels that a step can reach."""
    return [mutant for module in system.kernels for mutant in _mutants_of(module)]


def _mutants_of(module: ModuleType) -> Iterator[Mutant]:
    short = module.__name__.rpartition(".")[2]
    for name, function in vars(module).items():
        if inspect.isfunction(function) and function.__module__ == module.__name__:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
            for changed, what, line in _changes(tree):
                sentence = f"{short}.{name}, line {line}: {what}"
                yield Mutant(sentence, f"{short}.{name}", _compiled(module, name, changed, sentence))


def _compiled(module: ModuleType, name: str, tree: ast.Module, sentence: str) -> Callable[..., Any]:
    local: dict[str, Any] = {}
    code = compile(ast.fix_missing_locations(tree), f"<mutant of {module.__name__}>", "exec")
    exec(code, vars(module), local)  # noqa: S102 - our own source, changed in one place
    function = local[name]
    function.__doc__ = sentence
    return function  # type: ignore[no-any-return]


def _changes(tree: ast.Module) -> Iterator[tuple[ast.Module, str, int]]:
    """Copies of a function with one change each, and what was changed in which line of it."""
    for place, node in enumerate(ast.walk(tree)):
        for change, what in _changes_of(node):
            changed = copy.deepcopy(tree)
            target = list(ast.walk(changed))[place]
            change(target)
            yield changed, what, getattr(node, "lineno", 0)


def _changes_of(node: ast.AST) -> Iterator[tuple[Callable[[Any], None], str]]:
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            for other in _COMPARISONS.get(type(operator), ()):
                yield _set_operator(at, other), f"{_sign(operator)} became {_sign(other())}"
    elif isinstance(node, ast.BoolOp):
        for at in range(len(node.values)):
            yield _drop(at), f"left out {ast.unparse(node.values[at])}"
    elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "require":
        yield _always_allowed, f"left out the guard {ast.unparse(node.args[0])}"
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield _one_higher, f"{node.value} became {node.value + 1}"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        yield _other_sign, f"{ast.unparse(node)} with the other sign"


def _set_operator(at: int, operator: type[ast.cmpop]) -> Callable[[ast.Compare], None]:
    def change(node: ast.Compare) -> None:
        node.ops[at] = operator()

    return change


def _drop(at: int) -> Callable[[ast.BoolOp], None]:
    def change(node: ast.BoolOp) -> None:
        neutral = isinstance(node.op, ast.And)
        node.values[at] = ast.Constant(neutral)

    return change


def _always_allowed(node: ast.Call) -> None:
    node.args[0] = ast.Constant(value=True)


def _one_higher(node: ast.Constant) -> None:
    node.value = int(node.value) + 1  # type: ignore[arg-type]


def _other_sign(node: ast.BinOp) -> None:
    node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()


def _sign(operator: ast.cmpop) -> str:
    signs = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
    return signs[type(operator)]
