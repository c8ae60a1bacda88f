"""The DARTS space of NAS-Bench-301: a normal and a reduction cell.

A cell takes the outputs of the two cells before it as its nodes 0 and 1. Each of its nodes 2 to 5 adds up an operation
on each of two different earlier nodes; the cell's output is these four nodes side by side.

Sources
    [DARTS] Liu, Simonyan, Yang. DARTS: Differentiable Architecture Search. ICLR 2019.
    [NB301] Zela et al. Surrogate NAS Benchmarks: Going Beyond the Limited Search Spaces of Tabular NAS Benchmarks.
    ICLR 2022.
"""

from __future__ import annotations

import ast
import itertools
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ce_nas.core.errors import TableError
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture

__all__ = ["DARTS_CELLS", "DARTS_EDGES", "DARTS_NODES", "DARTS_OPERATIONS", "DartsSpace", "Genotype"]

#: the operations on an edge, in the order of their codes
DARTS_OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
#: the two kinds of cell, in the order of an architecture's variables
DARTS_CELLS = ("normal", "reduce")
#: the nodes that a cell computes; 0 and 1 are its inputs
DARTS_NODES = (2, 3, 4, 5)
#: the edges that a cell may have as (to, from), in the order in which [NB301] numbers them
DARTS_EDGES = tuple((node, source) for node in DARTS_NODES for source in range(node))

#: for each node, the pairs of earlier nodes that it may take
_PAIRS = {node: tuple(itertools.combinations(range(node), 2)) for node in DARTS_NODES}

#: columns of the encoding
_COLUMNS = len(DARTS_CELLS) * len(DARTS_EDGES) * len(DARTS_OPERATIONS)

Pairs = list[tuple[str, int]]


class Genotype(NamedTuple):
    """An architecture as tools for NAS write it: for each node in turn two operations with the nodes they take."""

    normal: Pairs
    normal_concat: list[int]
    reduce: Pairs
    reduce_concat: list[int]


class DartsSpace(Space):
    """The 1.08e18 pairs of cells of NAS-Bench-301 [NB301, section 3].

    A node has a variable for the pair of nodes it takes (node 2 has no choice), one for the operation on the lower and
    one for that on the higher of the two: so the order in which a genotype writes a node's inputs is of no account.
    """

    one_hot = False

    def __init__(self) -> None:
        variables, choices = [], []
        for cell, node in itertools.product(DARTS_CELLS, DARTS_NODES):
            if len(_PAIRS[node]) > 1:
                variables.append(f"{cell}.{node}.inputs")
                choices.append([f"{lower}_{upper}" for lower, upper in _PAIRS[node]])
            for which in ("lower", "upper"):
                variables.append(f"{cell}.{node}.{which}")
                choices.append(list(DARTS_OPERATIONS))
        super().__init__("darts", variables, choices)

    def encode(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Which operation is on which edge, shape ``(n, 196)``, of 0.0 and 1.0.

        Columns run over the cells, the edges of :data:`DARTS_EDGES` and :data:`DARTS_OPERATIONS`; an edge that is not
        there has zeros.
        """
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self.choices))
        found = np.zeros((len(rows), _COLUMNS))
        flat, starts = found.reshape(-1), np.arange(len(rows)) * _COLUMNS
        for place in self._places:
            first = starts + len(DARTS_OPERATIONS) * len(DARTS_EDGES) * place.cell
            for which, edges in enumerate(place.into(rows)):
                flat[first + len(DARTS_OPERATIONS) * edges + rows[:, place.lower + which]] = 1.0
        return found

    def edges(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """The code of the operation on each edge of both cells, -1 where there is none, shape ``(n, 2, 14)``."""
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self.choices))
        found = np.full((len(rows), len(DARTS_CELLS), len(DARTS_EDGES)), -1, dtype=np.intp)
        every = np.arange(len(rows))
        for place in self._places:
            for which, edges in enumerate(place.into(rows)):
                found[every, place.cell, edges] = rows[:, place.lower + which]
        return found

    def genotype(self, architecture: Architecture) -> Genotype:
        """The architecture as a genotype, the lower input of each node first."""
        cells: list[Pairs] = [[] for _ in DARTS_CELLS]
        for place in self._places:
            pair = _PAIRS[place.node][architecture[place.inputs] if place.inputs is not None else 0]
            codes = architecture[place.lower : place.lower + 2]
            cells[place.cell] += [(DARTS_OPERATIONS[code], node) for code, node in zip(codes, pair, strict=True)]
        normal, reduce = cells
        return Genotype(normal, list(DARTS_NODES), reduce, list(DARTS_NODES))

    def architecture(self, genotype: Genotype) -> Architecture:
        """The architecture of a genotype, in which the inputs of a node may stand in either order.

        :raises TableError: if it is none of this space.
        """
        try:
            return self._architecture(genotype)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            message = (
                "Expected a genotype with two different earlier nodes and one of "
                f"{', '.join(DARTS_OPERATIONS)} for each, and the nodes 2 to 5 side by side, got {genotype!r}."
            )
            raise TableError(message) from error

    def text(self, architecture: Architecture) -> str:
        """The genotype in words: ``Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=[2, 3, 4, 5], ...)``."""
        return repr(self.genotype(architecture))

    def parse(self, text: str) -> Architecture:
        """The architecture of a genotype as tools for NAS write it; ``range(2, 6)`` may stand for a list.

        :raises TableError: if it is no genotype of this space.
        """
        try:
            genotype = _read(text)
        except (SyntaxError, TypeError, ValueError) as error:
            message = f"Expected a genotype such as {self._example!r}, got {text!r}."
            raise TableError(message) from error
        return self.architecture(genotype)

    def _architecture(self, genotype: Genotype) -> Architecture:
        choices: list[int] = []
        for cell, concat in ((genotype.normal, genotype.normal_concat), (genotype.reduce, genotype.reduce_concat)):
            sizes = (len(concat), len(cell))  # looked at first: a range may be written as long as one likes
            if sizes != (len(DARTS_NODES), 2 * len(DARTS_NODES)) or set(concat) != set(DARTS_NODES):
                raise ValueError
            for row, node in enumerate(DARTS_NODES):
                (lower, first), (upper, second) = sorted((source, name) for name, source in cell[2 * row : 2 * row + 2])
                pair = _PAIRS[node].index((lower, upper))
                choices += [pair] if len(_PAIRS[node]) > 1 else []
                choices += [DARTS_OPERATIONS.index(first), DARTS_OPERATIONS.index(second)]
        return tuple(choices)

    @cached_property
    def _places(self) -> tuple[_Place, ...]:
        cells = range(len(DARTS_CELLS))
        return tuple(_Place.of(self.variables, cell, node) for cell, node in itertools.product(cells, DARTS_NODES))


class _Place(NamedTuple):
    """Where a node's choices stand among an architecture's variables."""

    cell: int
    node: int
    #: the variable of the pair of inputs; None where there is one pair only
    inputs: int | None
    #: the variable of the operation on the lower input; that on the higher one is next
    lower: int
    #: for each pair, the two edges among :data:`DARTS_EDGES`, shape (pairs, 2)
    edges: np.ndarray

    def into(self, rows: np.ndarray) -> np.ndarray:
        """The edges on which the node takes its lower and its higher input, shape ``(2, n)``."""
        pairs = 0 if self.inputs is None else rows[:, self.inputs]
        return np.broadcast_to(self.edges[pairs], (len(rows), 2)).T

    @classmethod
    def of(cls, variables: Sequence[str], cell: int, node: int) -> _Place:
        head = f"{DARTS_CELLS[cell]}.{node}"
        inputs = variables.index(f"{head}.inputs") if f"{head}.inputs" in variables else None
        edges = np.array([[DARTS_EDGES.index((node, source)) for source in pair] for pair in _PAIRS[node]])
        return cls(cell, node, inputs, variables.index(f"{head}.lower"), edges)


def _read(text: str) -> Genotype:
    """The genotype written as a call, without running anything.

    :raises SyntaxError: or TypeError or ValueError, if it is none.
    """
    call = ast.parse(text.strip(), mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "Genotype":
        raise ValueError
    values = [_value(node) for node in call.args]
    named = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
    return Genotype(*values, **named)


def _value(node: ast.expr) -> Any:  # noqa: ANN401 - whatever was written
    """A literal, or the numbers of a ``range``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return range(*map(ast.literal_eval, node.args))
    return ast.literal_eval(node)
