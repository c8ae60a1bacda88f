"""Which cells of NAS-Bench-201 are the same network in other clothes.

A cell is read as a sum of terms at its last node. ``none`` adds no term and an operation on an empty sum is empty;
``skip_connect`` hands on the terms of its source; any other operation makes one term of its source's sum. Sums
commute and associate, and edges that no term of the output passes are gone. Two convolutions of one kind
on the same source are different terms (they have weights of their own), one convolution that is reached along two
ways is the same term twice. Cells with the same terms therefore represent exactly the same functions.

The 15,625 cells make 5,260 such classes. The literature counts 6,466 [NB201, section 2.1], by a coarser
reading of strings, :func:`published_key`, kept here for comparison: it merges a repeated convolution with two
separate ones (which are different functions) and keeps apart sums that differ in their number of zero addends or
in their brackets (which are the same function). Equalities that hold because average pooling is linear are left
alone by both.

Sources
    [NB201] Dong, Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search. ICLR 2020.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ce_nas.core.errors import TableError
from ce_nas.space.nasbench201 import NB201_EDGES, NB201_OPERATIONS, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = ["canonical", "cheapest_rows", "functions", "is_connected", "published_key", "unique_rows"]

_NONE, _SKIP, _POOL, _, _ = range(len(NB201_OPERATIONS))
_INPUT, _OUTPUT = 0, 3
_SPACE = NasBench201Space()


class _Term(NamedTuple):
    """One addend at a node: the cell's input, or an operation on a sum of terms."""

    #: code of the operation; :data:`_SKIP` for the cell's input itself
    operation: int
    #: the edge whose weights it uses; None where it has none
    weights: int | None
    source: tuple[_Term, ...]


def canonical(architecture: Architecture) -> str:
    """A key shared by exactly the cells with the same terms; empty where the output does not see the input."""
    terms = _terms(architecture)
    shared = sorted(edge for edge, times in Counter(_weights(terms)).items() if times > 1)
    names = itertools.permutations(range(len(shared)))
    return min(_render(terms, dict(zip(shared, order, strict=True))) for order in names)


def is_connected(architecture: Architecture) -> bool:
    """Whether the cell's output depends on its input."""
    return bool(_terms(architecture))


def unique_rows(space: Space) -> tuple[np.ndarray, np.ndarray]:
    """One member a class, and the class of each member.

    :returns: ``representatives``, the rows of ``space.members`` that stand for their class, shape ``(classes,)``,
        ascending; and ``inverse``, shape ``(space.size,)``: member ``i`` is of the class of
        ``representatives[inverse[i]]``. A representative is its class's first row; since ``none`` has the lowest
        code, it carries no operation on an edge that does not matter.
    """
    class_of: dict[str, int] = {}
    keys = [canonical(tuple(member)) for member in space.members.tolist()]
    inverse = np.array([class_of.setdefault(key, len(class_of)) for key in keys], dtype=np.intp)
    _, representatives = np.unique(inverse, return_index=True)
    return representatives, inverse


def cheapest_rows(space: Space, costs: np.ndarray) -> np.ndarray:
    """The member that may stand for each: same function, same accuracy but for chance, and the least cost of these.

    :param costs: a row a member, a column a cost, less is better, shape ``(space.size, k)``; of several columns the
        mean of the ranks counts, without any the representative of :func:`unique_rows` is taken.
    :returns: a row of ``space.members`` for each member, shape ``(space.size,)``.
    """
    representatives, inverse = unique_rows(space)
    if not costs.shape[1]:
        return np.asarray(representatives[inverse])
    ranks = np.argsort(np.argsort(costs, axis=0, kind="stable"), axis=0).mean(axis=1)
    order = np.lexsort((ranks, inverse))
    _, first = np.unique(inverse[order], return_index=True)
    return np.asarray(order[first][inverse])


def functions(texts: Iterable[str]) -> int:
    """How many different functions these architectures compute, as far as it is known.

    Cells of NAS-Bench-201 with the same terms are one; a text of another space is a function of its own.
    """
    return len({_function(text) for text in texts})


@functools.cache
def _function(text: str) -> str:
    try:
        return canonical(_SPACE.parse(text))
    except TableError:
        return f"={text}"


def published_key(architecture: Architecture) -> str:
    """The coarser key behind the 6,466 structures of the literature.

    A node is the sorted list of its addends; an addend is ``#`` if its operation is ``none`` or its source is
    exactly ``#``, the source's whole text for ``skip_connect``, else the operation on the source's text. Zero
    addends stay in the list, and lists are not merged into one another.
    """
    nodes = {_INPUT: "0"}
    for node in range(1, _OUTPUT + 1):
        addends = (_addend(choice, nodes[source]) for _, source, choice in _edges_into(node, architecture))
        nodes[node] = "+".join(sorted(addends))
    return nodes[_OUTPUT]


def _addend(choice: int, source: str) -> str:
    if choice == _NONE or source == "#":
        return "#"
    return source if choice == _SKIP else f"({source})@{choice}"


def _terms(architecture: Architecture) -> tuple[_Term, ...]:
    nodes: dict[int, tuple[_Term, ...]] = {_INPUT: (_Term(_SKIP, None, ()),)}
    for node in range(1, _OUTPUT + 1):
        nodes[node] = tuple(
            term
            for edge, source, choice in _edges_into(node, architecture)
            for term in _along(edge, choice, nodes[source])
        )
    return nodes[_OUTPUT]


def _along(edge: int, choice: int, source: tuple[_Term, ...]) -> tuple[_Term, ...]:
    if choice == _NONE or not source:
        return ()
    if choice == _SKIP:
        return source
    return (_Term(choice, None if choice == _POOL else edge, source),)


def _edges_into(node: int, architecture: Architecture) -> Iterator[tuple[int, int, int]]:
    for edge, ((to, source), choice) in enumerate(zip(NB201_EDGES, architecture, strict=True)):
        if to == node:
            yield edge, source, choice


def _weights(terms: tuple[_Term, ...]) -> Iterator[int]:
    for term in terms:
        if term.weights is not None:
            yield term.weights
        yield from _weights(term.source)


def _render(terms: tuple[_Term, ...], names: Mapping[int, int]) -> str:
    return "+".join(sorted(_render_term(term, names) for term in terms))


def _render_term(term: _Term, names: Mapping[int, int]) -> str:
    if term.operation == _SKIP:
        return "x"
    name = "" if term.weights is None or term.weights not in names else f".{names[term.weights]}"
    return f"{NB201_OPERATIONS[term.operation]}{name}({_render(term.source, names)})"
