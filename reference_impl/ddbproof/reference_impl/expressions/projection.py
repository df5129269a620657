"""ProjectionExpression: which parts of an item to return.

Source: Developer Guide, "Projection expressions". A path that the item does not have adds nothing; chosen
elements of a list come back in the list's order, without gaps.
"""

from __future__ import annotations

from functools import lru_cache

from ddbproof.reference_impl.expressions import nodes
from ddbproof.reference_impl.expressions.bindings import Bindings, Expression
from ddbproof.reference_impl.expressions.paths import PathTree, project
from ddbproof.reference_impl.expressions.syntax import parse
from ddbproof.reference_impl.values.attribute import Item

CACHE_SIZE = 4096


class CompiledProjection(Expression[PathTree[None]]):
    """A projection, independent of any request."""

    def __init__(self, text: str, kind: str = "ProjectionExpression") -> None:
        root = parse(text, kind, "projection")
        assert isinstance(root, nodes.Projection)
        super().__init__(text, kind, root)
        self._paths = root.paths

    def prepare(self, bindings: Bindings) -> PathTree[None]:
        """The tree of the paths; refuses paths that overlap or conflict."""
        tree: PathTree[None] = PathTree()
        for path in self._paths:
            tree.add(self.kind, bindings.resolve(path), None)
        return tree

    def apply(self, item: Item, bindings: Bindings) -> Item:
        """The projected item; shares values with `item`, which is not changed."""
        return project(item, bindings.prepared(self))

    def attributes(self, bindings: Bindings) -> set[str]:
        """The names of the top-level attributes that the projection names."""
        return {str(name) for name in bindings.prepared(self).children}


@lru_cache(CACHE_SIZE)
def compile_projection(text: str) -> CompiledProjection:
    """Compile a ProjectionExpression. Raises `ValidationError`."""
    return CompiledProjection(text)
