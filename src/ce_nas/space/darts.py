"""The DARTS space of NAS-Bench-301: a normal and a reduction cell.

Nodes 0 and 1 of a cell are the outputs of the two cells before it. Each of the nodes 2 to 5 is the sum of two
operations on different earlier nodes; the cell's output is the concatenation of these four nodes.

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

__all__ = ["DARTS_CELL_TYPES", "DARTS_EDGES", "DARTS_NODES", "DARTS_OPERATIONS", "DartsSpace", "Genotype"]

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
#: the two cell types, in the order of an architecture's variables
DARTS_CELL_TYPES = ("normal", "reduce")
#: the nodes that a cell computes; 0 and 1 are its inputs
DARTS_NODES = (2, 3, 4, 5)
#: the possible edges of a cell as (to, from), in the order of [NB301]
DARTS_EDGES = tuple((node, source) for node in DARTS_NODES for source in range(node))

#: for each node, the possible pairs of input nodes
_INPUT_PAIRS = {node: tuple(itertools.combinations(range(node), 2)) for node in DARTS_NODES}

#: number of encoding columns
_ENCODING_WIDTH = len(DARTS_CELL_TYPES) * len(DARTS_EDGES) * len(DARTS_OPERATIONS)

GenotypeEdges = list[tuple[str, int]]


class Genotype(NamedTuple):
    """An architecture in the notation of the DARTS code: for each node two operations with their input nodes."""

    normal: GenotypeEdges
    normal_concat: list[int]
    reduce: GenotypeEdges
    reduce_concat: list[int]


class DartsSpace(Space):
    """The 1.08e18 pairs of cells of NAS-Bench-301 [NB301, section 3].

    A node has a variable for its pair of input nodes (node 2 has no choice), one for the operation on the lower and one
    for the operation on the higher of them: so the order of a node's inputs in a genotype does not matter.

    Example:
        >>> space = DartsSpace()
        >>> space.genotype((0,) * 22).normal[:2]
        [('max_pool_3x3', 0), ('max_pool_3x3', 1)]
        >>> space.parse(space.text((0,) * 22)) == (0,) * 22
        True
    """

    one_hot = False

    def __init__(self) -> None:
        variables, choices = [], []
        for cell, node in itertools.product(DARTS_CELL_TYPES, DARTS_NODES):
            if len(_INPUT_PAIRS[node]) > 1:
                variables.append(f"{cell}.{node}.inputs")
                choices.append([f"{lower}_{upper}" for lower, upper in _INPUT_PAIRS[node]])
            for which in ("lower", "upper"):
                variables.append(f"{cell}.{node}.{which}")
                choices.append(list(DARTS_OPERATIONS))
        super().__init__("darts", variables, choices)

    def encode(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Encode the operation on each edge, shape ``(n, 196)``, of 0.0 and 1.0.

        Columns are ordered by cell, by edge of :data:`DARTS_EDGES` and by :data:`DARTS_OPERATIONS`; a missing edge has
        zeros.
        """
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self.choices))
        encoded = np.zeros((len(rows), _ENCODING_WIDTH))
        flat, starts = encoded.reshape(-1), np.arange(len(rows)) * _ENCODING_WIDTH
        for node in self._node_variables:
            first = starts + len(DARTS_OPERATIONS) * len(DARTS_EDGES) * node.cell_index
            for which, edges in enumerate(node.input_edges(rows)):
                flat[first + len(DARTS_OPERATIONS) * edges + rows[:, node.lower_operation + which]] = 1.0
        return encoded

    def edge_operations(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """The code of the operation on each edge of both cells, -1 for a missing edge, shape ``(n, 2, 14)``."""
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self.choices))
        codes = np.full((len(rows), len(DARTS_CELL_TYPES), len(DARTS_EDGES)), -1, dtype=np.intp)
        all_rows = np.arange(len(rows))
        for node in self._node_variables:
            for which, edges in enumerate(node.input_edges(rows)):
                codes[all_rows, node.cell_index, edges] = rows[:, node.lower_operation + which]
        return codes

    def genotype(self, architecture: Architecture) -> Genotype:
        """The architecture as a genotype, the lower input of each node first."""
        cells: list[GenotypeEdges] = [[] for _ in DARTS_CELL_TYPES]
        for node in self._node_variables:
            pair = _INPUT_PAIRS[node.node][architecture[node.input_pair] if node.input_pair is not None else 0]
            codes = architecture[node.lower_operation : node.lower_operation + 2]
            cells[node.cell_index] += [
                (DARTS_OPERATIONS[code], source) for code, source in zip(codes, pair, strict=True)
            ]
        normal, reduce = cells
        return Genotype(normal, list(DARTS_NODES), reduce, list(DARTS_NODES))

    def architecture(self, genotype: Genotype) -> Architecture:
        """The architecture of a genotype, with the inputs of a node in either order.

        :raises TableError: if the genotype is not of this space.
        """
        try:
            return self._parse_genotype(genotype)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            message = (
                "Expected a genotype with two different earlier nodes and one of "
                f"{', '.join(DARTS_OPERATIONS)} for each, and the nodes 2 to 5 concatenated, got {genotype!r}."
            )
            raise TableError(message) from error

    def text(self, architecture: Architecture) -> str:
        """The genotype as text: ``Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=[2, 3, 4, 5], ...)``."""
        return repr(self.genotype(architecture))

    def parse(self, text: str) -> Architecture:
        """Parse a genotype in the notation of the DARTS code, with ``range(2, 6)`` or a list.

        :raises TableError: if the text is no genotype of this space.
        """
        try:
            genotype = _parse_genotype_text(text)
        except (SyntaxError, TypeError, ValueError) as error:
            message = f"Expected a genotype such as {self._example!r}, got {text!r}."
            raise TableError(message) from error
        return self.architecture(genotype)

    def _parse_genotype(self, genotype: Genotype) -> Architecture:
        choices: list[int] = []
        for cell, concat in ((genotype.normal, genotype.normal_concat), (genotype.reduce, genotype.reduce_concat)):
            sizes = (len(concat), len(cell))  # checked first: a range in the text may be huge
            if sizes != (len(DARTS_NODES), 2 * len(DARTS_NODES)) or set(concat) != set(DARTS_NODES):
                raise ValueError
            for index, node in enumerate(DARTS_NODES):
                inputs = cell[2 * index : 2 * index + 2]
                (lower, first), (upper, second) = sorted((source, name) for name, source in inputs)
                pair = _INPUT_PAIRS[node].index((lower, upper))
                choices += [pair] if len(_INPUT_PAIRS[node]) > 1 else []
                choices += [DARTS_OPERATIONS.index(first), DARTS_OPERATIONS.index(second)]
        return tuple(choices)

    @cached_property
    def _node_variables(self) -> tuple[_NodeVariables, ...]:
        cells = range(len(DARTS_CELL_TYPES))
        return tuple(
            _NodeVariables.from_names(self.variables, cell, node)
            for cell, node in itertools.product(cells, DARTS_NODES)
        )


class _NodeVariables(NamedTuple):
    """Indices of a node's variables."""

    cell_index: int
    node: int
    #: the variable of the input pair; None where there is only one pair
    input_pair: int | None
    #: the variable of the operation on the lower input; the next is that of the higher input
    lower_operation: int
    #: for each pair, the indices of its two edges in :data:`DARTS_EDGES`, shape (pairs, 2)
    edge_pairs: np.ndarray

    def input_edges(self, rows: np.ndarray) -> np.ndarray:
        """The edges of the node's lower and higher input, shape ``(2, n)``."""
        pairs = 0 if self.input_pair is None else rows[:, self.input_pair]
        return np.broadcast_to(self.edge_pairs[pairs], (len(rows), 2)).T

    @classmethod
    def from_names(cls, variables: Sequence[str], cell: int, node: int) -> _NodeVariables:
        head = f"{DARTS_CELL_TYPES[cell]}.{node}"
        inputs = variables.index(f"{head}.inputs") if f"{head}.inputs" in variables else None
        edges = np.array([[DARTS_EDGES.index((node, source)) for source in pair] for pair in _INPUT_PAIRS[node]])
        return cls(cell, node, inputs, variables.index(f"{head}.lower"), edges)


def _parse_genotype_text(text: str) -> Genotype:
    """Parse a genotype written as a call, without evaluating it.

    :raises SyntaxError: or TypeError or ValueError, if the text is no genotype.
    """
    call = ast.parse(text.strip(), mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != "Genotype":
        raise ValueError
    values = [_eval_literal(node) for node in call.args]
    named = {str(keyword.arg): _eval_literal(keyword.value) for keyword in call.keywords}
    return Genotype(*values, **named)


def _eval_literal(node: ast.expr) -> Any:  # noqa: ANN401 - a literal of any type
    """Evaluate a literal or a ``range``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return range(*map(ast.literal_eval, node.args))
    return ast.literal_eval(node)
