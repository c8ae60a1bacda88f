"""Search spaces: an architecture is one choice for each of a fixed list of variables."""

from __future__ import annotations

import itertools
import math
import shlex
from functools import cached_property
from operator import lt
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError, TableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.core.records import Architecture

__all__ = ["Space"]

#: spaces with more combinations than this are never listed, for memory
MAX_ENUMERABLE_SIZE = 1 << 24


class Space:
    """All combinations of choices, or a list of them.

    Example:
        >>> space = Space("cells", ["edge0", "edge1"], [["none", "conv 3x3"], ["none", "skip"]])
        >>> space.size, space.text((1, 0))
        (4, "'edge0=conv 3x3' edge1=none")
        >>> space.parse("edge0=none edge1=skip")
        (0, 1)
        >>> space.encode([(1, 0)])
        array([[0., 1., 1., 0.]])

    :param name: the name of the space.
    :param variables: the name of each variable, for instance an edge of a cell.
    :param choices: for each variable, the names of its choices.
    :param members: the architectures of the space, shape ``(n, variables)``; None: every combination.
    """

    #: whether the rows of :meth:`encode` are one-hot, variable by variable
    one_hot = True

    def __init__(
        self,
        name: str,
        variables: Sequence[str],
        choices: Sequence[Sequence[str]],
        members: np.ndarray | None = None,
    ) -> None:
        self.name = name
        self.variables = tuple(variables)
        self.choices = tuple(tuple(names) for names in choices)
        self._members = members

    @property
    def size(self) -> int:
        """The number of architectures."""
        return math.prod(map(len, self.choices)) if self._members is None else len(self._members)

    @cached_property
    def members(self) -> np.ndarray:
        """Every architecture, shape ``(size, variables)``, of small integers.

        :raises SettingsError: if there are too many to list.
        """
        if self._members is not None:
            return self._members
        if self.size > MAX_ENUMERABLE_SIZE:
            message = f"Expected a listable space, but {self.name} has {self.size:.3g} members; sample from it instead."
            raise SettingsError(message)
        return np.array(list(itertools.product(*(range(len(names)) for names in self.choices))), dtype=np.int16)

    @cached_property
    def all_architectures(self) -> list[Architecture]:
        """Every architecture, in the order of :attr:`members`."""
        return list(self.index)

    @cached_property
    def index(self) -> dict[Architecture, int]:
        """The row of :attr:`members` of each architecture."""
        return {architecture: row for row, architecture in enumerate(map(tuple, self.members.tolist()))}

    def contains(self, architecture: Architecture) -> bool:
        """Whether the space holds ``architecture``."""
        if self._members is not None:
            return architecture in self.index
        has_length = len(architecture) == len(self.choices)
        return has_length and min(architecture, default=0) >= 0 and all(map(lt, architecture, self._choice_counts))

    def require_member(self, architecture: Architecture) -> None:
        """Refuse what is no architecture of the space.

        :raises SettingsError: if it is none.
        """
        if not self.contains(tuple(architecture)):
            message = (
                f"Expected an architecture of {self.name}, a choice for each of its {len(self.variables)} variables, "
                f"got {architecture!r}."
            )
            raise SettingsError(message)

    def sample(self, rng: np.random.Generator, n: int) -> list[Architecture]:
        """Sample ``n`` architectures uniformly, with replacement."""
        return self.architectures(self.sample_rows(rng, n))

    def sample_rows(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """As :meth:`sample`, as rows of choices, shape ``(n, variables)``."""
        if self._members is not None:
            return np.asarray(self._members[rng.integers(len(self._members), size=n)])
        return np.asarray(rng.integers(self._cardinalities, size=(n, len(self.choices))))

    def encode(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Encode as one-hot rows, shape ``(n, sum of the choices)``, of 0.0 and 1.0."""
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self.choices))
        return np.asarray(self._one_hot[rows + self._offsets].sum(axis=1))

    def architectures(self, rows: np.ndarray) -> list[Architecture]:
        """Convert rows of choices, shape ``(n, variables)``, to architectures."""
        return list(map(tuple, rows.tolist()))

    def mutate(self, rows: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Change the choices where ``mask`` is true, shape ``(n, variables)``; rows may leave the space."""
        steps = 1 + np.floor(rng.random(rows.shape) * (self._cardinalities - 1)).astype(np.intp)
        return np.asarray(np.where(mask, (rows + steps) % self._cardinalities, rows))

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Every architecture of the space that differs in exactly one variable."""
        for variable, names in enumerate(self.choices):
            for choice in range(len(names)):
                neighbour = (*architecture[:variable], choice, *architecture[variable + 1 :])
                if choice != architecture[variable] and self.contains(neighbour):
                    yield neighbour

    def text(self, architecture: Architecture) -> str:
        """The architecture as text, shell-quoted where needed: ``edge0=skip_connect 'edge1=conv 3x3'``."""
        return shlex.join(labels[choice] for labels, choice in zip(self._choice_labels, architecture, strict=True))

    def parse(self, text: str) -> Architecture:
        """Parse the output of :meth:`text`.

        :raises TableError: if the text is no architecture of this space.
        """
        try:
            parts = zip(self._choice_labels, shlex.split(text), strict=True)
            architecture = tuple(labels.index(part) for labels, part in parts)
        except ValueError:
            architecture = ()
        if not self.contains(architecture):
            message = f"Expected an architecture of {self.name} such as {self._example!r}, got {text!r}."
            raise TableError(message)
        return architecture

    @property
    def _example(self) -> str:
        return self.text((0,) * len(self.choices) if self._members is None else tuple(self._members[0].tolist()))

    @cached_property
    def _choice_labels(self) -> list[list[str]]:
        """For each variable, the text of each of its choices."""
        return [
            [f"{variable}={name}" for name in names]
            for variable, names in zip(self.variables, self.choices, strict=True)
        ]

    @cached_property
    def _choice_counts(self) -> list[int]:
        """The number of choices of each variable."""
        return [len(names) for names in self.choices]

    @cached_property
    def _cardinalities(self) -> np.ndarray:
        return np.array(self._choice_counts)

    @cached_property
    def _offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self._cardinalities)[:-1]])

    @cached_property
    def _one_hot(self) -> np.ndarray:
        return np.eye(int(self._cardinalities.sum()))
