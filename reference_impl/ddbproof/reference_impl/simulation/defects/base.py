"""How a defect is planted: something of the cluster's code is replaced from outside, for as long as a block lasts.

A defect is a function whose docstring is the sentence that says what it does wrong. It is given what stands in the
cluster's code and returns what is to stand there instead; it is called anew for each planting, so what it
remembers is gone with it. Nothing in the cluster's code knows of defects.

    @defect(replication, "on_two_of_three")
    def acknowledged_at_one(right): ...

plants as `planted("acknowledged-at-one")`. Replaced is an attribute of a module or class, or a member of a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from ddbproof.reference_impl.errors import InvariantError

Step = Callable[..., Any]
Wrong = Callable[[Any], Any]


class Replacement(NamedTuple):
    """What is replaced: a name in a module or class, or a key of a dictionary. `wrong` makes the new from the old."""

    owner: Any
    name: Any
    wrong: Wrong


class Defect:
    """A way of being wrong."""

    def __init__(self, name: str, sentence: str) -> None:
        self.name = name
        self.sentence = sentence
        self.replacements: list[Replacement] = []


DEFECTS: dict[str, Defect] = {}
"""All there are, by name."""

_planted: list[str] = []


def defect(owner: Any, name: Any) -> Callable[[Wrong], Wrong]:
    """A new defect, called like the function, which replaces that."""

    def register(wrong: Wrong) -> Wrong:
        made = Defect(_name_of(wrong), " ".join((wrong.__doc__ or "").split()))
        made.replacements.append(Replacement(owner, name, wrong))
        DEFECTS[made.name] = made
        return wrong

    return register


def also(of: Wrong, owner: Any, name: Any) -> Callable[[Wrong], Wrong]:
    """A further replacement that belongs to a defect."""

    def register(wrong: Wrong) -> Wrong:
        DEFECTS[_name_of(of)].replacements.append(Replacement(owner, name, wrong))
        return wrong

    return register


@contextmanager
def planted(name: str) -> Iterator[Defect]:
    """Run the block with a defect. Raises InvariantError for one that does not exist, or inside of another."""
    if name not in DEFECTS:
        raise InvariantError(f"there is no defect {name!r}")
    if _planted:
        raise InvariantError(f"{_planted[0]!r} is planted already")
    with ExitStack() as stack:
        _planted.append(name)
        stack.callback(_planted.clear)
        for replacement in DEFECTS[name].replacements:
            stack.enter_context(_replaced(*replacement))
        yield DEFECTS[name]


@contextmanager
def _replaced(owner: Any, name: Any, wrong: Wrong) -> Iterator[None]:
    if isinstance(owner, dict):
        right = owner[name]
        owner[name] = wrong(right)
        try:
            yield
        finally:
            owner[name] = right
        return
    owner = home(owner, name)
    right = vars(owner)[name]
    setattr(owner, name, wrong(right))
    try:
        yield
    finally:
        setattr(owner, name, right)


def home(owner: Any, name: str) -> Any:
    """Where a function really stands: a module, or of a class and those it is made from the first that has it."""
    if not isinstance(owner, type):
        return owner
    return next(it for it in owner.__mro__ if name in vars(it))


def _name_of(wrong: Wrong) -> str:
    return wrong.__name__.replace("_", "-")
