"""A space of architectures: a choice for each of a fixed list of variables."""

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

#: a space with more combinations than this is never listed: it would fill the memory
LARGEST_LIST = 1 << 24


class Space:
    """All combinations of choices, or the listed ones among them.

    :param name: the name of the space.
    :param variables: the name of each variable, for instance an edge of a cell.
    :param choices: for each variable, the names of what can be chosen there.
    :param members: the architectures there are, shape ``(n, variables)``, or None where every combination is one.
    """

    #: whether the rows of :meth:`encode` are one-hot, each variable's choices beside those of the one before
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
        """How many architectures there are."""
        return math.prod(map(len, self.choices)) if self._members is None else len(self._members)

    @cached_property
    def members(self) -> np.ndarray:
        """Every architecture, shape ``(size, variables)``, of small integers.

        :raises SettingsError: if there are too many to list.
        """
        if self._members is not None:
            return self._members
        if self.size > LARGEST_LIST:
            message = f"Expected a space to list, but {self.name} has {self.size:.3g} members; draw from it instead."
            raise SettingsError(message)
        return np.array(list(itertools.product(*(range(len(names)) for names in self.choices))), dtype=np.int16)

    @cached_property
    def listed(self) -> list[Architecture]:
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
        fits = len(architecture) == len(self.choices)
        return fits and min(architecture, default=0) >= 0 and all(map(lt, architecture, self._limits))

    def sample(self, rng: np.random.Generator, n: int) -> list[Architecture]:
        """``n`` architectures drawn uniformly with replacement."""
        return self.architectures(self.drawn(rng, n))

    def drawn(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """The same as rows of a table of choices, shape ``(n, variables)``."""
        if self._members is not None:
            return np.asarray(self._members[rng.integers(len(self._members), size=n)])
        return np.asarray(rng.integers(self._cardinalities, size=(n, len(self.choices))))

    def encode(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """One-hot rows, shape ``(n, sum of the choices)``, of 0.0 and 1.0."""
        rows = np.asarray(architectures, dtype=np.intp).reshape(-1, len(self.choices))
        return np.asarray(self._one_hot[rows + self._offsets].sum(axis=1))

    def architectures(self, rows: np.ndarray) -> list[Architecture]:
        """The rows of a table of choices, shape ``(n, variables)``, as architectures."""
        return list(map(tuple, rows.tolist()))

    def mutated(self, rows: np.ndarray, mutates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Rows with another choice wherever ``mutates`` says so, shape ``(n, variables)``; some may lie outside."""
        steps = 1 + np.floor(rng.random(rows.shape) * (self._cardinalities - 1)).astype(np.intp)
        return np.asarray(np.where(mutates, (rows + steps) % self._cardinalities, rows))

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Every architecture of the space that differs in exactly one variable."""
        for variable, names in enumerate(self.choices):
            for choice in range(len(names)):
                near = (*architecture[:variable], choice, *architecture[variable + 1 :])
                if choice != architecture[variable] and self.contains(near):
                    yield near

    def text(self, architecture: Architecture) -> str:
        """The architecture in words, quoted as in a shell where needed: ``edge0=skip_connect 'edge1=conv 3x3'``."""
        return shlex.join(words[choice] for words, choice in zip(self._words, architecture, strict=True))

    def parse(self, text: str) -> Architecture:
        """The architecture that :meth:`text` wrote.

        :raises TableError: if it is none of this space.
        """
        try:
            parts = zip(self._words, shlex.split(text), strict=True)
            architecture = tuple(words.index(part) for words, part in parts)
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
    def _words(self) -> list[list[str]]:
        """For each variable, what is written for each of its choices."""
        return [
            [f"{variable}={name}" for name in names]
            for variable, names in zip(self.variables, self.choices, strict=True)
        ]

    @cached_property
    def _limits(self) -> list[int]:
        """How many choices each variable has."""
        return [len(names) for names in self.choices]

    @cached_property
    def _cardinalities(self) -> np.ndarray:
        return np.array(self._limits)

    @cached_property
    def _offsets(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self._cardinalities)[:-1]])

    @cached_property
    def _one_hot(self) -> np.ndarray:
        return np.eye(int(self._cardinalities.sum()))
