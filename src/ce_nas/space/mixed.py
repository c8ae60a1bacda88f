"""Spaces of real numbers, whole numbers and names: what most things beside architectures are tuned over."""

from __future__ import annotations

import itertools
import math
import shlex
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.base import Space
from ce_nas.space.distributions import Categorical, Domain, Float, Integer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ce_nas.core.records import Architecture

__all__ = ["MixedSpace"]


class MixedSpace(Space):
    """All combinations of the values of several variables.

    An architecture is a tuple of values: a float for a real variable, an int for a whole one, and the place of the
    choice for a categorical one.

    :param name: the name of the space.
    :param domains: for each variable's name, what it may be.
    """

    one_hot = False

    def __init__(self, name: str, domains: Mapping[str, Domain]) -> None:
        if not domains:
            message = f"Expected one variable or more in the space {name!r}, got none."
            raise SettingsError(message)
        self.domains = tuple(domains.values())
        names = [domain.choices if isinstance(domain, Categorical) else () for domain in self.domains]
        super().__init__(name, tuple(domains), names)

    @property
    def size(self) -> int:
        """How many architectures there are; infinitely many where a variable is real."""
        return cast("int", math.prod(domain.size for domain in self.domains))

    @cached_property
    def members(self) -> np.ndarray:
        """Every architecture of a finite space, shape ``(size, variables)``.

        :raises SettingsError: if there are infinitely many.
        """
        if self.size == math.inf:
            message = f"Expected a finite space to list, but {self.name} has a real variable; draw from it instead."
            raise SettingsError(message)
        values = [self._values(domain) for domain in self.domains]
        return np.array(self.architectures(np.array(list(itertools.product(*values)))))

    def contains(self, architecture: Architecture) -> bool:
        """Whether the space holds ``architecture``."""
        fits = len(architecture) == len(self.domains)
        return fits and all(domain.contains(value) for domain, value in zip(self.domains, architecture, strict=True))

    def drawn(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """``n`` rows drawn uniformly, with replacement; in the logarithm where a variable says so."""
        return np.array(self.decode(rng.random((n, sum(self.widths)))), dtype=float).reshape(n, len(self.domains))

    def encode(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Rows of the unit cube, shape ``(n, sum of the widths)``: a column a number, one-hot columns for choices."""
        rows = np.asarray(architectures, dtype=float).reshape(-1, len(self.domains))
        columns = zip(self.domains, rows.T, strict=True)
        return np.hstack([domain.encode(values) for domain, values in columns])

    def decode(self, units: np.ndarray) -> list[Architecture]:
        """The architectures at rows of the unit cube; of choices the one with the largest column."""
        parts = np.split(units, np.cumsum(self.widths)[:-1], axis=1)
        columns = [domain.decode(part).tolist() for domain, part in zip(self.domains, parts, strict=True)]
        return list(zip(*columns, strict=True))

    def architectures(self, rows: np.ndarray) -> list[Architecture]:
        """The rows of a table of values, shape ``(n, variables)``, as architectures."""
        columns = zip(self.domains, rows.T, strict=True)
        return list(zip(*(column.astype(_type_of(domain)).tolist() for domain, column in columns), strict=True))

    def mutated(self, rows: np.ndarray, mutates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See :meth:`Space.mutated`; numbers change to others near by."""
        changed = [domain.mutated(column, rng) for domain, column in zip(self.domains, rows.T, strict=True)]
        return np.where(mutates, np.stack(changed, axis=1), rows)

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Architectures that differ in one variable: in the next whole number, any other choice, a real number near."""
        for variable, domain in enumerate(self.domains):
            for value in domain.nearby(architecture[variable]):
                yield cast("Architecture", (*architecture[:variable], value, *architecture[variable + 1 :]))

    def text(self, architecture: Architecture) -> str:
        """The architecture in words, quoted as in a shell where needed: ``rate=0.001 layers=3 'block=conv 3x3'``."""
        words = zip(self.variables, self.domains, architecture, strict=True)
        return shlex.join(f"{variable}={domain.text(value)}" for variable, domain, value in words)

    def parse(self, text: str) -> Architecture:
        """The architecture that :meth:`text` wrote.

        :raises TableError: if it is none of this space.
        """
        try:
            parts = zip(self.variables, self.domains, shlex.split(text), strict=True)
            architecture = tuple(domain.parse(_value(part, variable)) for variable, domain, part in parts)
        except ValueError:
            architecture = ()
        if not self.contains(cast("Architecture", architecture)):
            message = f"Expected an architecture of {self.name} such as {self._example!r}, got {text!r}."
            raise TableError(message)
        return cast("Architecture", architecture)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Columns of the encoding that each variable takes."""
        return tuple(domain.width for domain in self.domains)

    @property
    def _example(self) -> str:
        return self.text(self.decode(np.full((1, sum(self.widths)), 0.5))[0])

    @staticmethod
    def _values(domain: Domain) -> list[float]:
        return list(range(domain.low, domain.high + 1) if isinstance(domain, Integer) else range(int(domain.size)))


def _type_of(domain: Domain) -> type:
    return float if isinstance(domain, Float) else int


def _value(part: str, variable: str) -> str:
    """What stands behind ``variable=``.

    :raises ValueError: if ``part`` does not begin so.
    """
    name, _, value = part.partition("=")
    if name != variable:
        raise ValueError
    return value
