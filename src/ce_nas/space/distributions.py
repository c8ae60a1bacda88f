"""Domains of the variables of a mixed space: continuous, integer and categorical.

Numeric domains are mapped to the unit interval, on which sampling is uniform: logarithmic ones by the logarithm,
integers by equal intervals. Categorical domains are one-hot.

Sources
    [PM] Deb, Goyal. A combined genetic adaptive search (GeneAS) for engineering design. Computer Science and
    Informatics 26(4), 1996: polynomial mutation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Categorical", "Domain", "Float", "Integer"]

#: steps from a real number to its neighbours, as shares of the unit interval
_FLOAT_NEIGHBOUR_STEPS = (-0.1, -0.01, 0.01, 0.1)
#: index of polynomial mutation: the larger, the smaller the changes [PM]
_MUTATION_INDEX = 20.0


class _NumericDomain:
    """Base of continuous and integer domains: one column of the unit interval."""

    low: float
    high: float
    log: bool

    @property
    def width(self) -> int:
        """The number of encoding columns."""
        return 1

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Map values of shape ``(n,)`` to the unit interval, shape ``(n, 1)``."""
        start, end = self._bounds
        numbers = values.astype(float)
        offsets = (np.log(numbers) if self.log else numbers) - start
        return np.asarray(offsets / (end - start) if end > start else np.full(len(numbers), 0.5))[:, None]

    def mutate(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Nearby values within the bounds, shape ``(n,)``, by polynomial mutation [PM]."""
        units = self.encode(values)[:, 0]
        draws = rng.random(len(units))
        power = 1.0 / (_MUTATION_INDEX + 1.0)
        down = (2.0 * draws + (1.0 - 2.0 * draws) * (1.0 - units) ** (1.0 / power)) ** power - 1.0
        up = 1.0 - (2.0 * (1.0 - draws) + (2.0 * draws - 1.0) * units ** (1.0 / power)) ** power
        return self.decode((units + np.where(draws < 0.5, down, up))[:, None])

    def decode(self, units: np.ndarray) -> np.ndarray:
        """Map the unit interval to values, shape ``(n,)``; numbers outside are clipped."""
        start, end = self._bounds
        numbers = start + np.clip(units[:, 0], 0.0, 1.0) * (end - start)
        return self._round_and_clip(np.exp(numbers) if self.log else numbers)

    @property
    def _bounds(self) -> tuple[float, float]:
        """The ends of the domain, as logarithms if it is logarithmic."""
        raise NotImplementedError

    def _round_and_clip(self, numbers: np.ndarray) -> np.ndarray:
        """The nearest values of the domain."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Float(_NumericDomain):
    """A real number from ``low`` to ``high``, inclusive.

    Example:
        >>> Float(1e-4, 1.0, log=True).decode(np.array([[0.5]]))
        array([0.01])
    """

    low: float
    high: float
    #: whether it is log-uniform
    log: bool = False

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf or (self.log and self.low <= 0):
            raise SettingsError(_range_message("a real variable", self.low, self.high, log=self.log, lower_limit=0))

    @property
    def size(self) -> float:
        """The number of values."""
        return math.inf

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies in the range."""
        return self.low <= value <= self.high

    def neighbours(self, value: float) -> Iterator[float]:
        """Values a hundredth and a tenth of the range away from ``value``."""
        unit = self.encode(np.array([value]))
        for step in _FLOAT_NEIGHBOUR_STEPS:
            if 0.0 <= unit[0, 0] + step <= 1.0:
                yield float(self.decode(unit + step)[0])

    def text(self, value: float) -> str:
        """The shortest text that :meth:`parse` reads as the same number."""
        return repr(float(value))

    def parse(self, text: str) -> float:
        """Parse a number."""
        return float(text)

    @property
    def _bounds(self) -> tuple[float, float]:
        return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)

    def _round_and_clip(self, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(numbers, self.low, self.high))


@dataclass(frozen=True, slots=True)
class Integer(_NumericDomain):
    """An integer from ``low`` to ``high``, inclusive.

    Example:
        >>> Integer(1, 4).encode(np.array([1, 4]))
        array([[0.125],
               [0.875]])
    """

    low: int
    high: int
    #: whether it is log-uniform
    log: bool = False

    def __post_init__(self) -> None:
        if self.low > self.high or (self.log and self.low < 1):
            raise SettingsError(_range_message("an integer variable", self.low, self.high, log=self.log, lower_limit=1))

    @property
    def size(self) -> int:
        """The number of values."""
        return self.high - self.low + 1

    def contains(self, value: float) -> bool:
        """Whether ``value`` is an integer in the range."""
        return self.low <= value <= self.high and value == int(value)

    def mutate(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Nearby values, shape ``(n,)``, at least the adjacent one; unchanged in a domain of one value."""
        mutated = _NumericDomain.mutate(self, values, rng)
        step = np.where((values < self.high) & ((values == self.low) | (rng.random(len(values)) < 0.5)), 1, -1)
        return np.asarray(np.where(mutated == values, np.clip(values + step, self.low, self.high), mutated))

    def neighbours(self, value: float) -> Iterator[int]:
        """The adjacent values."""
        yield from (near for near in (int(value) - 1, int(value) + 1) if self.low <= near <= self.high)

    def text(self, value: float) -> str:
        """The number in digits."""
        return str(int(value))

    def parse(self, text: str) -> int:
        """Parse an integer."""
        return int(text)

    @property
    def _bounds(self) -> tuple[float, float]:
        start, end = self.low - 0.5, self.high + 0.5
        return (math.log(start), math.log(end)) if self.log else (start, end)

    def _round_and_clip(self, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(np.rint(numbers), self.low, self.high), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several names without an order; its values are their indices, from 0.

    Example:
        >>> Categorical(("relu", "tanh")).encode(np.array([1]))
        array([[0., 1.]])
    """

    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.choices or len(set(self.choices)) < len(self.choices):
            message = f"Expected the choices of a variable as different names, at least one, got {list(self.choices)}."
            raise SettingsError(message)

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.choices)

    @property
    def width(self) -> int:
        """The number of encoding columns."""
        return len(self.choices)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Encode as one-hot rows, shape ``(n, width)``."""
        return np.eye(self.width)[values.astype(np.intp)]

    def decode(self, units: np.ndarray) -> np.ndarray:
        """The index of each row's largest entry, shape ``(n,)``."""
        return np.asarray(units.argmax(axis=1))

    def mutate(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Other choices, shape ``(n,)``; unchanged in a domain of one value."""
        steps = 1 + np.floor(rng.random(len(values)) * (self.size - 1)).astype(np.intp)
        return np.asarray((values.astype(np.intp) + steps) % self.size)

    def contains(self, value: float) -> bool:
        """Whether ``value`` is the index of a choice."""
        return 0 <= value < self.size and value == int(value)

    def neighbours(self, value: float) -> Iterator[int]:
        """Every other choice."""
        yield from (choice for choice in range(self.size) if choice != value)

    def text(self, value: float) -> str:
        """The choice's name."""
        return self.choices[int(value)]

    def parse(self, text: str) -> int:
        """The index of the choice ``text``."""
        return self.choices.index(text)


Domain = Float | Integer | Categorical


def _range_message(kind: str, low: float, high: float, *, log: bool, lower_limit: int) -> str:
    bound = f", and from {lower_limit} up" if log and lower_limit == 1 else ", and above zero" if log else ""
    return f"Expected the range of {kind} as finite bounds, the lower first{bound}, got {low} to {high} (log={log})."
