"""The cell space of NASNet, as LaNAS and LaMOO search it: a normal and a reduction cell of five nodes.

Nodes 0 and 1 of a cell are the outputs of the two cells before it. Each of the nodes 2 to 6 is the sum of two
operations, each on any earlier node, also on the same one. The cell's output is the concatenation of the nodes that no
other node uses.

Sources
    [AmoebaNet] Real, Aggarwal, Huang, Le. Regularized Evolution for Image Classifier Architecture Search. AAAI 2019.
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022.
    [LaNAS] Wang et al. Sample-Efficient Neural Architecture Search by Learning Action Space. TPAMI 2021.
    [NASNet] Zoph et al. Learning Transferable Architectures for Scalable Image Recognition. CVPR 2018.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from ce_nas.core.errors import TableError
from ce_nas.space.base import Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Architecture

__all__ = ["NASNET_CELL_TYPES", "NASNET_NODES", "NASNET_OPERATIONS", "NasNetNode", "NasNetSpace", "loose_ends"]

#: the operations on an input, in the order of their codes
NASNET_OPERATIONS = (
    "skip_connect",
    "avg_pool_3x3",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "conv_1x7_7x1",
)
#: the two cell types, in the order of an architecture's variables
NASNET_CELL_TYPES = ("normal", "reduce")
#: the nodes that a cell computes; 0 and 1 are its inputs
NASNET_NODES = (2, 3, 4, 5, 6)
#: variables per node: an input and its operation, twice
_PER_NODE = 4
_PER_CELL = _PER_NODE * len(NASNET_NODES)
_NODE_TEXT = re.compile(r"(\w+)\((\d)\)\+(\w+)\((\d)\)")


class NasNetNode(NamedTuple):
    """A node: two inputs and the code of the operation on each."""

    first_input: int
    first_operation: int
    second_input: int
    second_operation: int


class NasNetSpace(Space):
    """The 1.8e32 pairs of such cells; some are the same network, see :meth:`canonical`.

    Example:
        >>> space = NasNetSpace()
        >>> space.text((0,) * 40)[:35]
        'normal skip_connect(0)+skip_connect'
        >>> space.parse(space.text((0,) * 40)) == (0,) * 40
        True
    """

    def __init__(self) -> None:
        variables, choices = [], []
        for cell, node in itertools.product(NASNET_CELL_TYPES, NASNET_NODES):
            for which in ("first", "second"):
                variables += [f"{cell}.{node}.{which}_input", f"{cell}.{node}.{which}_operation"]
                choices += [[str(source) for source in range(node)], list(NASNET_OPERATIONS)]
        super().__init__("nasnet", variables, choices)

    def cell(self, architecture: Architecture, cell_type: int) -> tuple[NasNetNode, ...]:
        """The five nodes of the normal (0) or the reduction cell (1)."""
        first = cell_type * _PER_CELL
        values = architecture[first : first + _PER_CELL]
        return tuple(NasNetNode(*values[start : start + _PER_NODE]) for start in range(0, _PER_CELL, _PER_NODE))

    def architecture(self, normal: Sequence[NasNetNode], reduce: Sequence[NasNetNode]) -> Architecture:
        """The architecture of two cells."""
        return tuple(itertools.chain.from_iterable((*normal, *reduce)))

    def canonical(self, architecture: Architecture) -> Architecture:
        """The smallest architecture that is the same network: its nodes renumbered, the inputs of a node swapped.

        The channels of a cell's output then come in another order, which a retrained network does not notice.
        """
        return self.architecture(*(_canonical_cell(self.cell(architecture, index)) for index in (0, 1)))

    def text(self, architecture: Architecture) -> str:
        """Both cells, node by node: ``normal sep_conv_5x5(1)+skip_connect(0) ... reduce ...``."""
        words = []
        for index, name in enumerate(NASNET_CELL_TYPES):
            words.append(name)
            for node in self.cell(architecture, index):
                first, second = NASNET_OPERATIONS[node.first_operation], NASNET_OPERATIONS[node.second_operation]
                words.append(f"{first}({node.first_input})+{second}({node.second_input})")
        return " ".join(words)

    def parse(self, text: str) -> Architecture:
        """Parse the output of :meth:`text`.

        :raises TableError: if the text is no architecture of this space.
        """
        words = text.split()
        matches = [_NODE_TEXT.fullmatch(word) for word in words if word not in NASNET_CELL_TYPES]
        try:
            architecture = tuple(
                value
                for match in matches
                if match
                for value in (
                    int(match[2]),
                    NASNET_OPERATIONS.index(match[1]),
                    int(match[4]),
                    NASNET_OPERATIONS.index(match[3]),
                )
            )
        except ValueError:
            architecture = ()
        if not self.contains(architecture) or self.text(architecture) != " ".join(words):
            message = f"Expected two cells of five nodes such as {self._example!r}, got {text!r}."
            raise TableError(message)
        return architecture


def loose_ends(nodes: Sequence[NasNetNode]) -> list[int]:
    """The nodes that no other node uses, which the cell's output concatenates; the last one always is."""
    used = {source for node in nodes for source in (node.first_input, node.second_input)}
    return [number for number in NASNET_NODES if number not in used]


def _canonical_cell(nodes: Sequence[NasNetNode]) -> tuple[NasNetNode, ...]:
    """The lexicographically smallest renumbering in which every node follows its inputs."""
    best: tuple[NasNetNode, ...] | None = None
    for order in itertools.permutations(range(len(nodes))):
        number = {0: 0, 1: 1} | {NASNET_NODES[old]: NASNET_NODES[new] for new, old in enumerate(order)}
        renamed = []
        for new, old in enumerate(order):
            node = nodes[old]
            pairs = sorted(
                [
                    (number[node.first_input], node.first_operation),
                    (number[node.second_input], node.second_operation),
                ]
            )
            if pairs[1][0] >= NASNET_NODES[new]:
                break
            renamed.append(NasNetNode(*pairs[0], *pairs[1]))
        else:
            best = tuple(renamed) if best is None else min(best, tuple(renamed))
    assert best is not None  # noqa: S101 - the order as given is one
    return best
