"""What a variable of a mixed space may be: a real number, a whole number, or one of several names.

Every domain is laid out over the unit interval, on which equal lengths are equally likely: a logarithmic one in the
logarithm, a whole number over a piece of its own. Names are one-hot.
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
_FLOAT_STEPS = (-0.1, -0.01, 0.01, 0.1)
#: index of polynomial mutation: the larger, the nearer a mutated number stays [Deb, Goyal 1996]
_MUTATION_INDEX = 20.0


class _Number:
    """What real and whole numbers share: one column of the unit interval."""

    low: float
    high: float
    log: bool

    @property
    def width(self) -> int:
        """Columns of the encoding."""
        return 1

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Places in the unit interval, shape ``(n, 1)``, of values of shape ``(n,)``."""
        start, end = self._ends
        numbers = values.astype(float)
        placed = (np.log(numbers) if self.log else numbers) - start
        return np.asarray(placed / (end - start) if end > start else np.full(len(numbers), 0.5))[:, None]

    def mutated(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Values near by, shape ``(n,)``, by polynomial mutation; the bounds hold."""
        places = self.encode(values)[:, 0]
        chance = rng.random(len(places))
        power = 1.0 / (_MUTATION_INDEX + 1.0)
        down = (2.0 * chance + (1.0 - 2.0 * chance) * (1.0 - places) ** (1.0 / power)) ** power - 1.0
        up = 1.0 - (2.0 * (1.0 - chance) + (2.0 * chance - 1.0) * places ** (1.0 / power)) ** power
        return self.decode((places + np.where(chance < 0.5, down, up))[:, None])

    def decode(self, units: np.ndarray) -> np.ndarray:
        """The values at places of the unit interval, shape ``(n,)``; places outside count as its ends."""
        start, end = self._ends
        placed = start + np.clip(units[:, 0], 0.0, 1.0) * (end - start)
        return self._valid(np.exp(placed) if self.log else placed)

    @property
    def _ends(self) -> tuple[float, float]:
        """Where the domain begins and ends, in its logarithm if it is logarithmic."""
        raise NotImplementedError

    def _valid(self, numbers: np.ndarray) -> np.ndarray:
        """The nearest values of the domain."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Float(_Number):
    """A real number from ``low`` to ``high``, both included."""

    low: float
    high: float
    #: whether equal ratios, not equal differences, are equally likely
    log: bool = False

    def __post_init__(self) -> None:
        if not -math.inf < self.low < self.high < math.inf or (self.log and self.low <= 0):
            raise SettingsError(_no_range("a real variable", self.low, self.high, log=self.log, above=0))

    @property
    def size(self) -> float:
        """How many values there are."""
        return math.inf

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies in the range."""
        return self.low <= value <= self.high

    def nearby(self, value: float) -> Iterator[float]:
        """A few values around ``value``: a hundredth and a tenth of the range away."""
        place = self.encode(np.array([value]))
        for step in _FLOAT_STEPS:
            if 0.0 <= place[0, 0] + step <= 1.0:
                yield float(self.decode(place + step)[0])

    def text(self, value: float) -> str:
        """The shortest text that :meth:`parse` reads as the same number."""
        return repr(float(value))

    def parse(self, text: str) -> float:
        """The number that ``text`` stands for."""
        return float(text)

    @property
    def _ends(self) -> tuple[float, float]:
        return (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)

    def _valid(self, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(numbers, self.low, self.high))


@dataclass(frozen=True, slots=True)
class Integer(_Number):
    """A whole number from ``low`` to ``high``, both included."""

    low: int
    high: int
    #: whether equal ratios, not equal differences, are equally likely
    log: bool = False

    def __post_init__(self) -> None:
        if self.low > self.high or (self.log and self.low < 1):
            raise SettingsError(_no_range("a whole variable", self.low, self.high, log=self.log, above=1))

    @property
    def size(self) -> int:
        """How many values there are."""
        return self.high - self.low + 1

    def contains(self, value: float) -> bool:
        """Whether ``value`` is a whole number of the range."""
        return self.low <= value <= self.high and value == int(value)

    def mutated(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Values near by, shape ``(n,)``, the next one at least; the same where there is but one."""
        moved = _Number.mutated(self, values, rng)
        next_one = np.where((values < self.high) & ((values == self.low) | (rng.random(len(values)) < 0.5)), 1, -1)
        return np.asarray(np.where(moved == values, np.clip(values + next_one, self.low, self.high), moved))

    def nearby(self, value: float) -> Iterator[int]:
        """The next values below and above."""
        yield from (near for near in (int(value) - 1, int(value) + 1) if self.low <= near <= self.high)

    def text(self, value: float) -> str:
        """The number in digits."""
        return str(int(value))

    def parse(self, text: str) -> int:
        """The number that ``text`` stands for."""
        return int(text)

    @property
    def _ends(self) -> tuple[float, float]:
        start, end = self.low - 0.5, self.high + 0.5
        return (math.log(start), math.log(end)) if self.log else (start, end)

    def _valid(self, numbers: np.ndarray) -> np.ndarray:
        return np.asarray(np.clip(np.rint(numbers), self.low, self.high), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several names without an order; its values are their places, from 0."""

    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.choices or len(set(self.choices)) < len(self.choices):
            message = f"Expected the choices of a variable as different names, at least one, got {list(self.choices)}."
            raise SettingsError(message)

    @property
    def size(self) -> int:
        """How many values there are."""
        return len(self.choices)

    @property
    def width(self) -> int:
        """Columns of the encoding."""
        return len(self.choices)

    def encode(self, values: np.ndarray) -> np.ndarray:
        """One-hot rows, shape ``(n, width)``."""
        return np.eye(self.width)[values.astype(np.intp)]

    def decode(self, units: np.ndarray) -> np.ndarray:
        """The place of each row's largest entry, shape ``(n,)``."""
        return np.asarray(units.argmax(axis=1))

    def mutated(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Other choices, shape ``(n,)``; the same where there is but one."""
        steps = 1 + np.floor(rng.random(len(values)) * (self.size - 1)).astype(np.intp)
        return np.asarray((values.astype(np.intp) + steps) % self.size)

    def contains(self, value: float) -> bool:
        """Whether ``value`` is the place of a choice."""
        return 0 <= value < self.size and value == int(value)

    def nearby(self, value: float) -> Iterator[int]:
        """Every other choice."""
        yield from (choice for choice in range(self.size) if choice != value)

    def text(self, value: float) -> str:
        """The choice's name."""
        return self.choices[int(value)]

    def parse(self, text: str) -> int:
        """The place of the choice called ``text``."""
        return self.choices.index(text)


Domain = Float | Integer | Categorical


def _no_range(what: str, low: float, high: float, *, log: bool, above: int) -> str:
    bound = f", and from {above} up" if log and above == 1 else ", and above zero" if log else ""
    return f"Expected the range of {what} as finite bounds, the lower first{bound}, got {low} to {high} (log={log})."
