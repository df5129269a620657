"""Declaring a transition system: state, actions, invariants, covers, scope.

A system is one module of `model/systems`. It says what a state is (a record), how it starts, which steps
there are (actions, which call kernel functions), what must always hold, and what must stay possible. The
same declaration is proved, explored, searched and replayed; this module only keeps it.

Invariants come in three kinds. A `safe` one is a promise: it names the claims it is about, its name begins
with SAFE_, and it never calls the kernel function that it judges. A plain one strengthens the induction. An
`assume`d one is a statement about the parameters, which no step changes: it is not proved, and it is shown
wherever the result is shown. Each yields small clauses, and each clause is an obligation of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

import msgspec

from ddbproof.model.claims import EvidenceKind, evidence
from ddbproof.model.engine.shapes import (
    RecordShape,
    Shape,
    shape_of_record,
    shapes_of_arguments,
    shapes_of_parameters,
)
from ddbproof.model.engine.values import Clause, EngineError

State = Any
SAFE = "SAFE_"
ASSUME = "assume_"


class Role(StrEnum):
    """What an invariant is for."""

    SAFE = "promise"
    STRENGTHENING = "strengthening"
    ASSUMPTION = "assumption"


class Invariant(msgspec.Struct, frozen=True):
    """A named statement about every reachable state; `clauses` gives its parts for a state."""

    name: str
    role: Role
    function: Callable[[State], Iterable[Any]]
    claims: tuple[str, ...] = ()

    def clauses(self, state: State) -> list[Clause]:
        """Its parts. A plain truth value is a clause about nothing but the state."""
        return [
            part if isinstance(part, Clause) else Clause((), lambda part=part: part)
            for part in self.function(state)
        ]

    @property
    def sentence(self) -> str:
        """What it says, in words: the first line of its docstring."""
        return (self.function.__doc__ or self.name).strip().splitlines()[0]


class Action(msgspec.Struct, frozen=True):
    """A step: `function(state, **arguments)` gives the next state or raises NotAllowed."""

    name: str
    function: Callable[..., State]
    arguments: Mapping[str, Shape]


class Cover(msgspec.Struct, frozen=True):
    """Something that must stay possible: a state of this kind is reachable."""

    name: str
    function: Callable[[State], Any]
    claims: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What it says, in words."""
        return (self.function.__doc__ or self.name).strip().splitlines()[0]


class Scope(msgspec.Struct, frozen=True):
    """A small world to explore: values of each sort, argument and parameter, and which states to go on from.

    `values` is asked for an argument's name first (`action.argument`, then `argument`), then for its sort's. `parameters` are the worlds
    to begin in. States for which `within` is false are looked at and not left. `actions` are the steps that are
    taken there, if not all are. A world with more states than `most_states`, or with one that takes more than
    `most_depth` steps to reach, is not explored whole: a mutant may have one in which something grows for ever.
    """

    values: Mapping[str, Sequence[Any]]
    parameters: Sequence[Mapping[str, Any]] = ({},)
    within: Callable[[State], bool] = lambda _state: True
    most_states: int = 200_000
    most_depth: int = 200
    actions: tuple[str, ...] = ()


class Mutant(msgspec.Struct, frozen=True):
    """A wrong kernel or system: what to put in the place of which function, and why it is wrong.

    `replaces` is a function of a kernel module, by `module.function`.
    """

    name: str
    replaces: str
    function: Callable[..., Any]
    harmless: bool = False

    @property
    def sentence(self) -> str:
        """What it does wrong, in words."""
        return (self.function.__doc__ or self.name).strip().splitlines()[0]


class System:
    """A declaration. `title` is shown to people.

    `kernels` are the modules that it is about: mutants are made of all their functions. `helpers` are kernel
    modules that it uses as well and that another system is about.

    `merged` names kernel functions, by `module.function`, that the prover merges into one value each.
    `slow` names obligations, by step and invariant, that the fast tier leaves out, and `fast` is false for a
    system that it leaves out as a whole; `scope_in_words` says what a proof of this system assumes and leaves out, and is shown beside every result.
    """

    def __init__(
        self, name: str, title: str, state: type, kernels: Sequence[Any], helpers: Sequence[Any] = ()
    ) -> None:
        self.name = name
        self.title = title
        self.kernels = tuple(kernels)
        self.helpers = tuple(helpers)
        self.shape: RecordShape = shape_of_record(state)
        self.initial_function: Callable[..., State] | None = None
        self.parameters: Mapping[str, Shape] = {}
        self.actions: dict[str, Action] = {}
        self.invariants: dict[str, Invariant] = {}
        self.covers: dict[str, Cover] = {}
        self.mutants: dict[str, Mutant] = {}
        self.scopes: list[Scope] = []
        self.merged: tuple[str, ...] = ()
        self.slow: set[tuple[str, str]] = set()
        self.fast = True
        self.scope_in_words: list[str] = []

    def initial(self, function: Callable[..., State]) -> Callable[..., State]:
        """The first state; its arguments are parameters, unknown and the same for ever."""
        self.initial_function = function
        self.parameters = shapes_of_parameters(function)
        return function

    def action(self, function: Callable[..., State]) -> Callable[..., State]:
        """A step. Its arguments beside the state are chosen by the adversary."""
        self._new(function.__name__, self.actions)
        self.actions[function.__name__] = Action(function.__name__, function, shapes_of_arguments(function))
        return function

    def invariant(self, function: Callable[[State], Iterable[Any]]) -> Callable[[State], Iterable[Any]]:
        """A statement that strengthens the induction, or an assumption if its name begins with assume_."""
        name = function.__name__
        self._new(name, self.invariants)
        if name.startswith(SAFE):
            raise EngineError(f"{name} is a promise; declare it with safe(CLAIM, ...)")
        role = Role.ASSUMPTION if name.startswith(ASSUME) else Role.STRENGTHENING
        self.invariants[name] = Invariant(name, role, function)
        return function

    def safe(
        self, *claims: str
    ) -> Callable[[Callable[[State], Iterable[Any]]], Callable[[State], Iterable[Any]]]:
        """A promise, and evidence for the claims named."""

        def declare(function: Callable[[State], Iterable[Any]]) -> Callable[[State], Iterable[Any]]:
            name = function.__name__
            self._new(name, self.invariants)
            if not name.startswith(SAFE):
                raise EngineError(f"the name of the promise {name} does not begin with {SAFE}")
            self.invariants[name] = Invariant(name, Role.SAFE, function, claims)
            return evidence(EvidenceKind.PROOF, *claims)(function) if claims else function

        return declare

    def cover(self, *claims: str) -> Callable[[Callable[[State], Any]], Callable[[State], Any]]:
        """A state that has to stay reachable."""

        def declare(function: Callable[[State], Any]) -> Callable[[State], Any]:
            self._new(function.__name__, self.covers)
            self.covers[function.__name__] = Cover(function.__name__, function, claims)
            return function

        return declare

    def witness(self, *claims: str) -> Callable[[Callable[[State], Any]], Callable[[State], Any]]:
        """A cover that proves claims which say that something *can* be: the way to it, taken with the kernel, is the proof."""

        def declare(function: Callable[[State], Any]) -> Callable[[State], Any]:
            return evidence(EvidenceKind.PROOF, *claims)(self.cover(*claims)(function))

        return declare

    def mutant(
        self, replaces: str, *, harmless: bool = False
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A wrong (or, harmless, another right) function to put in the place of a kernel's."""

        def declare(function: Callable[..., Any]) -> Callable[..., Any]:
            self._new(function.__name__, self.mutants)
            self.mutants[function.__name__] = Mutant(function.__name__, replaces, function, harmless)
            return function

        return declare

    def start(self, **parameters: Any) -> State:
        """The first state of a world. Raises EngineError if the system has none."""
        if self.initial_function is None:
            raise EngineError(f"system {self.name} has no initial state")
        return self.initial_function(**parameters)

    def kernel_function(self, dotted: str) -> tuple[Any, str]:
        """The kernel module and the name of a function given as `module.function`.

        Raises EngineError if none of the system's kernels has it.
        """
        short, _, name = dotted.partition(".")
        for module in (*self.kernels, *self.helpers):
            if module.__name__.rpartition(".")[2] == short and hasattr(module, name):
                return module, name
        raise EngineError(f"no kernel of system {self.name} has a function {dotted}")

    @contextmanager
    def replaced(self, functions: Mapping[str, Callable[[Any], Any]]) -> Iterator[None]:
        """Put another function in the place of kernel functions; each is made from what stands there now."""
        places = [(*self.kernel_function(dotted), make) for dotted, make in functions.items()]
        originals = [(module, name, getattr(module, name)) for module, name, _ in places]
        try:
            for (module, name, make), (_, _, original) in zip(places, originals, strict=True):
                setattr(module, name, make(original))
            yield
        finally:
            for module, name, original in originals:
                setattr(module, name, original)

    def _new(self, name: str, among: Mapping[str, Any]) -> None:
        if name in among:
            raise EngineError(f"system {self.name} has two declarations of the name {name}")
