"""The cell space of NAS-Bench-201.

Sources
    [NB201] Dong, Yang. NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search. ICLR 2020.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ce_nas.core.errors import TableError
from ce_nas.space.base import Space

if TYPE_CHECKING:
    import numpy as np

    from ce_nas.core.records import Architecture

__all__ = ["NB201_EDGES", "NB201_OPERATIONS", "NasBench201Space"]

#: the operations of an edge, in the order of their codes
NB201_OPERATIONS = ("none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3")
#: the cell's edges as (to, from), in the order of an architecture's variables
NB201_EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))

_ARCH_STR = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")


class NasBench201Space(Space):
    """The 15,625 cells of NAS-Bench-201: one of five operations on each of six edges [NB201, section 2.1].

    Example:
        >>> NasBench201Space().text((4, 1, 0, 3, 2, 4))
        '|nor_conv_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|'

    :param members: the cells of a part of the space, shape ``(n, 6)``; None: all.
    """

    def __init__(self, members: np.ndarray | None = None) -> None:
        edges = [f"{to}<-{source}" for to, source in NB201_EDGES]
        super().__init__("nas-bench-201", edges, [NB201_OPERATIONS] * len(edges), members)

    def text(self, architecture: Architecture) -> str:
        """The cell in the notation of NAS-Bench-201: ``|nor_conv_3x3~0|+|...~0|...~1|+|...~0|...~1|...~2|``."""
        names = [NB201_OPERATIONS[choice] for choice in architecture]
        return "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*names)

    def parse(self, text: str) -> Architecture:
        """Parse the output of :meth:`text`.

        :raises TableError: if the text is no cell of NAS-Bench-201.
        """
        match = _ARCH_STR.fullmatch(text)
        if not match or not set(match.groups()) <= set(NB201_OPERATIONS):
            message = f"Expected a NAS-Bench-201 cell such as {self._example!r}, got {text!r}."
            raise TableError(message)
        return tuple(map(NB201_OPERATIONS.index, match.groups()))
