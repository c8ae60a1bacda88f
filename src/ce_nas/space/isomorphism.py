"""Equivalence of NAS-Bench-201 cells: which cells compute the same function.

A cell is a sum of terms at its last node. ``none`` adds no term, and an operation on an empty sum is empty;
``skip_connect`` passes the terms of its source; any other operation makes one term of its source's sum. Sums commute
and associate, and edges without a path to the output have no effect. Two convolutions of one type on the same source
are different terms (they have separate weights); one convolution on two paths is the same term twice. Cells with the
same terms therefore compute exactly the same functions.

The 15,625 cells form 5,260 such classes. The literature counts 6,466 [NB201, section 2.1], by a coarser comparison of
strings, :func:`published_key`, kept here for reference: it merges a repeated convolution with two separate ones (which
are different functions), and distinguishes sums that differ in their number of zero addends or in their brackets (which
are the same function). Neither uses the linearity of average pooling.

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
from ce_nas.space.nasbench201_cell import NB201_EDGES, NB201_OPERATIONS, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ce_nas.core.records import Architecture
    from ce_nas.space.base import Space

__all__ = ["canonical_key", "cheapest_rows", "count_functions", "is_connected", "published_key", "unique_rows"]

_NONE, _SKIP, _POOL, _, _ = range(len(NB201_OPERATIONS))
_INPUT, _OUTPUT = 0, 3
_SPACE = NasBench201Space()


class _Term(NamedTuple):
    """One addend at a node: the cell's input, or an operation on a sum of terms."""

    #: code of the operation; :data:`_SKIP` for the cell's input itself
    operation: int
    #: the edge whose weights it uses; None without weights
    weight_edge: int | None
    inputs: tuple[_Term, ...]


def canonical_key(architecture: Architecture) -> str:
    """A key shared by exactly the cells with the same terms; empty if the output does not depend on the input."""
    terms = _terms(architecture)
    shared = sorted(edge for edge, times in Counter(_weight_edges(terms)).items() if times > 1)
    names = itertools.permutations(range(len(shared)))
    return min(_render(terms, dict(zip(shared, order, strict=True))) for order in names)


def is_connected(architecture: Architecture) -> bool:
    """Whether the cell's output depends on its input."""
    return bool(_terms(architecture))


@functools.lru_cache(maxsize=4)  # seconds for 15,625 cells, and several parts of a run ask
def unique_rows(space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Group the members of a space by function.

    :returns: ``representatives``, one row of ``space.members`` per class, shape ``(classes,)``, ascending; and
        ``inverse``, shape ``(space.size,)``: member ``i`` is in the class of ``representatives[inverse[i]]``. A
        representative is its class's first row; since ``none`` has the lowest code, it has no operation on an
        irrelevant edge. Both are shared, and not to be modified.
    """
    class_of: dict[str, int] = {}
    keys = [canonical_key(tuple(member)) for member in space.members.tolist()]
    inverse = np.array([class_of.setdefault(key, len(class_of)) for key in keys], dtype=np.intp)
    _, representatives = np.unique(inverse, return_index=True)
    return representatives, inverse


def cheapest_rows(space: Space, costs: np.ndarray) -> np.ndarray:
    """For each member, the cheapest member that computes the same function.

    :param costs: lower is better, shape ``(space.size, k)``; several columns are combined by their mean rank, without
        any column the result is the representative of :func:`unique_rows`.
    :returns: a row of ``space.members`` for each member, shape ``(space.size,)``.
    """
    representatives, inverse = unique_rows(space)
    if not costs.shape[1]:
        return np.asarray(representatives[inverse])
    ranks = np.argsort(np.argsort(costs, axis=0, kind="stable"), axis=0).mean(axis=1)
    order = np.lexsort((ranks, inverse))
    _, first = np.unique(inverse[order], return_index=True)
    return np.asarray(order[first][inverse])


def count_functions(texts: Iterable[str]) -> int:
    """The number of different functions of these architectures.

    Cells of NAS-Bench-201 with the same terms count as one; each text of another space is its own function.

    Example:
        >>> skip = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
        >>> dead_edge = "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
        >>> count_functions([skip, dead_edge])
        1
    """
    return len({_function_key(text) for text in texts})


@functools.cache
def _function_key(text: str) -> str:
    try:
        return canonical_key(_SPACE.parse(text))
    except TableError:
        return f"={text}"


def published_key(architecture: Architecture) -> str:
    """The coarser key behind the 6,466 structures of the literature.

    A node is the sorted list of its addends; an addend is ``#`` if its operation is ``none`` or its source is exactly
    ``#``, the source's whole text for ``skip_connect``, else the operation on the source's text. Zero addends remain in
    the list, and nested lists are not merged.
    """
    nodes = {_INPUT: "0"}
    for node in range(1, _OUTPUT + 1):
        addends = (_addend(choice, nodes[source]) for _, source, choice in _incoming_edges(node, architecture))
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
            for edge, source, choice in _incoming_edges(node, architecture)
            for term in _edge_terms(edge, choice, nodes[source])
        )
    return nodes[_OUTPUT]


def _edge_terms(edge: int, choice: int, inputs: tuple[_Term, ...]) -> tuple[_Term, ...]:
    if choice == _NONE or not inputs:
        return ()
    if choice == _SKIP:
        return inputs
    return (_Term(choice, None if choice == _POOL else edge, inputs),)


def _incoming_edges(node: int, architecture: Architecture) -> Iterator[tuple[int, int, int]]:
    for edge, ((to, source), choice) in enumerate(zip(NB201_EDGES, architecture, strict=True)):
        if to == node:
            yield edge, source, choice


def _weight_edges(terms: tuple[_Term, ...]) -> Iterator[int]:
    for term in terms:
        if term.weight_edge is not None:
            yield term.weight_edge
        yield from _weight_edges(term.inputs)


def _render(terms: tuple[_Term, ...], weight_names: Mapping[int, int]) -> str:
    return "+".join(sorted(_render_term(term, weight_names) for term in terms))


def _render_term(term: _Term, weight_names: Mapping[int, int]) -> str:
    if term.operation == _SKIP:
        return "x"
    name = (
        "" if term.weight_edge is None or term.weight_edge not in weight_names else f".{weight_names[term.weight_edge]}"
    )
    return f"{NB201_OPERATIONS[term.operation]}{name}({_render(term.inputs, weight_names)})"
