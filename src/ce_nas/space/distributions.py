"""Domains of the variables of a mixed space: continuous, integer, ordinal and categorical.

Numeric domains are mapped to the unit interval, on which sampling is uniform: logarithmic ones by the logarithm,
integers by equal intervals, ordinal choices by their rank. Categorical domains are one-hot. With ``when`` a variable
counts only where others have certain values, see :class:`~ce_nas.space.conditional.ConditionalSpace`.

Sources
    [PM] Deb, Goyal. A combined genetic adaptive search (GeneAS) for engineering design. Computer Science and
    Informatics 26(4), 1996: polynomial mutation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Categorical", "Conditions", "Domain", "Float", "Integer", "Ordinal"]

#: conditions on other variables: each with the values of which it must have one
Conditions = tuple[tuple[str, tuple[Any, ...]], ...]

#: steps from a real number to its neighbours, as shares of the unit interval
_FLOAT_NEIGHBOUR_STEPS = (-0.1, -0.01, 0.01, 0.1)
#: index of polynomial mutation: the larger, the smaller the changes [PM]
_MUTATION_INDEX = 20.0


class _NumericDomain:
    """Base of continuous and integer domains: one column of the unit interval."""

    __slots__ = ()

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
    #: variable to the value, or the list of values, with which this one counts: ``{"optimiser": "sgd"}``
    when: Mapping[str, Any] | Conditions = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _normalise_conditions(self.when))
        if not -math.inf < self.low < self.high < math.inf or (self.log and self.low <= 0):
            raise SettingsError(_range_message("a real variable", self.low, self.high, log=self.log, lower_limit=0))

    @property
    def size(self) -> float:
        """The number of values."""
        return math.inf

    def value(self, code: float) -> float:
        """The number."""
        return float(code)

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


class _SteppedDomain(_NumericDomain):
    """Base of integer and ordinal domains: ``low`` to ``high`` in equal steps."""

    __slots__ = ()

    low: int
    high: int
    step: int

    @property
    def size(self) -> int:
        """The number of values."""
        return (self.high - self.low) // self.step + 1

    @property
    def codes(self) -> range:
        """Every value."""
        return range(self.low, self.high + 1, self.step)

    def contains(self, value: float) -> bool:
        """Whether ``value`` is one of the values."""
        return bool(self.low <= value <= self.high) and value == int(value) and int(value) in self.codes

    def mutate(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Nearby values, shape ``(n,)``, at least the adjacent one; unchanged in a domain of one value."""
        mutated = _NumericDomain.mutate(self, values, rng)
        step = np.where((values < self.high) & ((values == self.low) | (rng.random(len(values)) < 0.5)), 1, -1)
        nearest = np.clip(values + step * self.step, self.low, self.high)
        return np.asarray(np.where(mutated == values, nearest, mutated))

    def neighbours(self, value: float) -> Iterator[int]:
        """The adjacent values."""
        near = (int(value) - self.step, int(value) + self.step)
        yield from (each for each in near if self.low <= each <= self.high)

    @property
    def _bounds(self) -> tuple[float, float]:
        start, end = self.low - self.step / 2, self.high + self.step / 2
        return (math.log(start), math.log(end)) if self.log else (start, end)

    def _round_and_clip(self, numbers: np.ndarray) -> np.ndarray:
        steps = np.rint((numbers - self.low) / self.step)
        return np.asarray(np.clip(self.low + self.step * steps, self.low, self.high), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Integer(_SteppedDomain):
    """An integer from ``low`` to ``high``, inclusive, in steps.

    Example:
        >>> Integer(1, 4).encode(np.array([1, 4]))
        array([[0.125],
               [0.875]])
        >>> list(Integer(16, 64, step=16).codes)
        [16, 32, 48, 64]
    """

    low: int
    #: the largest; where the steps miss it, the largest that they meet
    high: int
    #: whether it is log-uniform
    log: bool = False
    #: the distance of its values
    step: int = 1
    #: variable to the value, or the list of values, with which this one counts: ``{"optimiser": "sgd"}``
    when: Mapping[str, Any] | Conditions = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _normalise_conditions(self.when))
        if any(number != int(number) for number in (self.low, self.high, self.step)):
            message = f"Expected whole numbers for an integer variable, got {self}; use Float for real ones."
            raise SettingsError(message)
        if self.step < 1 or (self.log and self.step > 1):
            message = f"Expected a step of 1 or more, and of 1 with log=True, got {self}."
            raise SettingsError(message)
        if self.low > self.high or (self.log and self.low < 1):
            raise SettingsError(_range_message("an integer variable", self.low, self.high, log=self.log, lower_limit=1))
        object.__setattr__(self, "high", self.low + (self.high - self.low) // self.step * self.step)

    def value(self, code: float) -> int:
        """The integer."""
        return int(code)

    def text(self, value: float) -> str:
        """The number in digits."""
        return str(int(value))

    def parse(self, text: str) -> int:
        """Parse an integer."""
        return int(text)


@dataclass(frozen=True, slots=True)
class Ordinal(_SteppedDomain):
    """One of several values in order, of any type; as an architecture's value its index, from 0.

    Example:
        >>> width = Ordinal([16, 32, 64, 128])
        >>> width.encode(np.array([0, 3])).ravel(), width.value(3)
        (array([0.125, 0.875]), 128)
    """

    choices: tuple[Any, ...]
    #: variable to the value, or the list of values, with which this one counts: ``{"optimiser": "sgd"}``
    when: Mapping[str, Any] | Conditions = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _normalise_conditions(self.when))
        object.__setattr__(self, "choices", _distinct_choices(self.choices))

    @property
    def low(self) -> int:  # type: ignore[override]
        """The index of the first."""
        return 0

    @property
    def high(self) -> int:  # type: ignore[override]
        """The index of the last."""
        return len(self.choices) - 1

    @property
    def step(self) -> int:  # type: ignore[override]
        """The distance of two indices."""
        return 1

    @property
    def log(self) -> bool:  # type: ignore[override]
        """Indices are never logarithmic."""
        return False

    def value(self, code: float) -> Any:  # noqa: ANN401 - a choice may be anything
        """The choice."""
        return self.choices[int(code)]

    def text(self, value: float) -> str:
        """The choice's name."""
        return str(self.choices[int(value)])

    def parse(self, text: str) -> int:
        """The index of the choice ``text``."""
        return list(map(str, self.choices)).index(text)


@dataclass(frozen=True, slots=True)
class Categorical:
    """One of several choices without an order, of any type; its values are their indices, from 0.

    Example:
        >>> Categorical(("relu", "tanh")).encode(np.array([1]))
        array([[0., 1.]])
    """

    choices: tuple[Any, ...]
    #: variable to the value, or the list of values, with which this one counts: ``{"optimiser": "sgd"}``
    when: Mapping[str, Any] | Conditions = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "when", _normalise_conditions(self.when))
        object.__setattr__(self, "choices", _distinct_choices(self.choices))

    def value(self, code: float) -> Any:  # noqa: ANN401 - a choice may be anything
        """The choice."""
        return self.choices[int(code)]

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
        return str(self.choices[int(value)])

    def parse(self, text: str) -> int:
        """The index of the choice ``text``."""
        return list(map(str, self.choices)).index(text)


Domain = Float | Integer | Ordinal | Categorical


def _normalise_conditions(when: Mapping[str, Any] | Conditions) -> Conditions:
    pairs = when.items() if isinstance(when, Mapping) else when
    return tuple(
        (str(name), tuple(values) if isinstance(values, list | tuple | set) else (values,)) for name, values in pairs
    )


def _distinct_choices(choices: Any) -> tuple[Any, ...]:  # noqa: ANN401 - what the caller gives
    given = (choices,) if isinstance(choices, str) else tuple(choices)
    if isinstance(choices, str) or not given or len(set(map(str, given))) < len(given):
        message = f"Expected the choices of a variable as different names, at least one, got {list(given)}."
        raise SettingsError(message)
    return given


def _range_message(kind: str, low: float, high: float, *, log: bool, lower_limit: int) -> str:
    bound = f", and from {lower_limit} up" if log and lower_limit == 1 else ", and above zero" if log else ""
    return f"Expected the range of {kind} as finite bounds, the lower first{bound}, got {low} to {high} (log={log})."
