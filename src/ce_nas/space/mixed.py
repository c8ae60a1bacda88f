"""Mixed search spaces of continuous, integer and categorical variables, as in hyperparameter optimisation."""

from __future__ import annotations

import itertools
import math
import shlex
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.base import Space
from ce_nas.space.distributions import Categorical, Domain, Float

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ce_nas.core.records import Architecture

__all__ = ["MixedSpace"]


class MixedSpace(Space):
    """All combinations of the values of several variables.

    An architecture is a tuple of values: a float for a real variable, an int for an integer one, and the index of the
    choice for a categorical one.

    Example:
        >>> from ce_nas.space.distributions import Integer
        >>> rate, layers, act = Float(1e-4, 1.0, log=True), Integer(1, 8), Categorical(("relu", "tanh"))
        >>> space = MixedSpace("mlp", {"rate": rate, "layers": layers, "act": act})
        >>> space.text((0.01, 3, 1))
        'rate=0.01 layers=3 act=tanh'
        >>> space.encode([(0.01, 3, 1)])
        array([[0.5   , 0.3125, 0.    , 1.    ]])

    :param name: the name of the space.
    :param domains: the domain of each variable, by name.
    """

    one_hot = False

    def __init__(self, name: str, domains: Mapping[str, Domain]) -> None:
        if not domains:
            message = f"Expected one variable or more in the space {name!r}, got none."
            raise SettingsError(message)
        self.domains = tuple(domains.values())
        names = [tuple(map(str, domain.choices)) if isinstance(domain, Categorical) else () for domain in self.domains]
        super().__init__(name, tuple(domains), names)

    @property
    def size(self) -> int:
        """The number of architectures; infinite with a real variable."""
        return cast("int", math.prod(domain.size for domain in self.domains))

    @cached_property
    def members(self) -> np.ndarray:
        """Every architecture of a finite space, shape ``(size, variables)``.

        :raises SettingsError: if there are infinitely many.
        """
        if self.size == math.inf:
            message = f"Expected a finite space, but {self.name} has a real variable; sample from it instead."
            raise SettingsError(message)
        values = [self._enumerate_domain(domain) for domain in self.domains]
        return np.array(self.architectures(np.array(list(itertools.product(*values)))))

    def contains(self, architecture: Architecture) -> bool:
        """Whether the space holds ``architecture``."""
        has_length = len(architecture) == len(self.domains)
        return has_length and all(
            domain.contains(value) for domain, value in zip(self.domains, architecture, strict=True)
        )

    def sample_rows(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Sample ``n`` rows uniformly, with replacement; logarithmic variables are log-uniform."""
        return np.array(self.decode(rng.random((n, sum(self.widths)))), dtype=float).reshape(n, len(self.domains))

    def encode(self, architectures: Sequence[Architecture] | np.ndarray) -> np.ndarray:
        """Encode as rows of the unit cube, shape ``(n, sum of the widths)``: one column per number, one-hot choices."""
        rows = np.asarray(architectures, dtype=float).reshape(-1, len(self.domains))
        columns = zip(self.domains, rows.T, strict=True)
        return np.hstack([domain.encode(values) for domain, values in columns])

    def decode(self, units: np.ndarray) -> list[Architecture]:
        """Decode rows of the unit cube; of a categorical variable the choice with the largest column."""
        parts = np.split(units, np.cumsum(self.widths)[:-1], axis=1)
        columns = [domain.decode(part).tolist() for domain, part in zip(self.domains, parts, strict=True)]
        return list(zip(*columns, strict=True))

    def architectures(self, rows: np.ndarray) -> list[Architecture]:
        """Convert rows of values, shape ``(n, variables)``, to architectures."""
        columns = zip(self.domains, rows.T, strict=True)
        return list(zip(*(column.astype(_python_type(domain)).tolist() for domain, column in columns), strict=True))

    def mutate(self, rows: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See :meth:`Space.mutate`; numbers change to nearby ones."""
        mutated = [domain.mutate(column, rng) for domain, column in zip(self.domains, rows.T, strict=True)]
        return np.where(mask, np.stack(mutated, axis=1), rows)

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Architectures that differ in one variable: an adjacent integer, another choice, or a nearby real number."""
        for variable, domain in enumerate(self.domains):
            for value in domain.neighbours(architecture[variable]):
                yield cast("Architecture", (*architecture[:variable], value, *architecture[variable + 1 :]))

    def configuration(self, architecture: Architecture) -> dict[str, Any]:
        """The architecture as a dict from each variable to its value, of the type of its choices."""
        parts = zip(self.variables, self.domains, architecture, strict=True)
        return {variable: domain.value(code) for variable, domain, code in parts}

    def text(self, architecture: Architecture) -> str:
        """The architecture as text, shell-quoted where needed: ``rate=0.001 layers=3 'block=conv 3x3'``."""
        parts = zip(self.variables, self.domains, architecture, strict=True)
        return shlex.join(f"{variable}={domain.text(value)}" for variable, domain, value in parts)

    def parse(self, text: str) -> Architecture:
        """Parse the output of :meth:`text`.

        :raises TableError: if the text is no architecture of this space.
        """
        try:
            parts = zip(self.variables, self.domains, shlex.split(text), strict=True)
            architecture = tuple(domain.parse(_parse_assignment(part, variable)) for variable, domain, part in parts)
        except ValueError:
            architecture = ()
        if not self.contains(cast("Architecture", architecture)):
            message = f"Expected an architecture of {self.name} such as {self._example!r}, got {text!r}."
            raise TableError(message)
        return cast("Architecture", architecture)

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """The number of encoding columns of each variable."""
        return tuple(domain.width for domain in self.domains)

    @property
    def _example(self) -> str:
        return self.text(self.decode(np.full((1, sum(self.widths)), 0.5))[0])

    @staticmethod
    def _enumerate_domain(domain: Domain) -> list[float]:
        return list(range(int(domain.size)) if isinstance(domain, Categorical | Float) else domain.codes)


def _python_type(domain: Domain) -> type:
    return float if isinstance(domain, Float) else int


def _parse_assignment(assignment: str, variable: str) -> str:
    """The text after ``variable=``.

    :raises ValueError: if ``assignment`` is of another variable.
    """
    name, _, value = assignment.partition("=")
    if name != variable:
        raise ValueError
    return value
