"""Mixed spaces in which some variables count only with certain values of others, and some combinations are invalid."""

from __future__ import annotations

import math
import shlex
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ce_nas.core.errors import SettingsError, TableError
from ce_nas.space.distributions import Float
from ce_nas.space.mixed import MixedSpace
from ce_nas.space.visited import MAX_EXHAUSTIVE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ce_nas.core.records import Architecture
    from ce_nas.space.distributions import Conditions, Domain

__all__ = ["ConditionalSpace"]

#: random rows that are drawn for each valid one before the space counts as empty
_MAX_DRAWS_PER_ROW = 2000


class ConditionalSpace(MixedSpace):
    """A mixed space with conditions between its variables and a check of whole configurations.

    A variable that does not count has the middle of its domain, so that equal configurations are equal architectures.

    Example:
        >>> from ce_nas.space.distributions import Categorical, Float
        >>> optimiser, momentum = Categorical(["sgd", "adam"]), Float(0.0, 0.9, when={"optimiser": "sgd"})
        >>> space = ConditionalSpace("own", {"optimiser": optimiser, "momentum": momentum})
        >>> space.parse("optimiser=adam"), space.configuration((1, 0.45))
        ((1, 0.45), {'optimiser': 'adam'})
        >>> space.contains((1, 0.2))
        False

    :param name: the name of the space.
    :param domains: the domain of each variable, by name; one that others depend on comes before these.
    :param is_valid: whether a configuration, see :meth:`configuration`, can be trained; None: all can.
    :param max_listed: the largest number of combinations of which the members are listed.
    """

    def __init__(
        self,
        name: str,
        domains: Mapping[str, Domain],
        is_valid: Callable[[dict[str, Any]], bool] | None = None,
        max_listed: int = MAX_EXHAUSTIVE_SIZE,
    ) -> None:
        super().__init__(name, domains)
        self._is_valid = is_valid
        self._max_listed = max_listed
        self._conditions = self._resolve_conditions()
        self._defaults = np.array([_middle(domain) for domain in self.domains], dtype=float)
        self.sample_rows(np.random.default_rng(0), 1)  # an empty space is reported here

    @cached_property
    def size(self) -> int:
        """The number of architectures; infinite where they are too many to be listed."""
        combinations = math.prod(domain.size for domain in self.domains)
        return len(self.members) if combinations <= self._max_listed else cast("int", math.inf)

    @cached_property
    def members(self) -> np.ndarray:
        """Every architecture of a space that can be listed, shape ``(size, variables)``.

        :raises SettingsError: if there are too many.
        """
        if math.prod(domain.size for domain in self.domains) > self._max_listed:
            message = f"Expected a space that can be listed, but {self.name} has too many members; sample from it."
            raise SettingsError(message)
        grids = np.meshgrid(*map(self._enumerate_domain, self.domains), indexing="ij")
        rows = self._canonical(np.stack([grid.ravel() for grid in grids], axis=1).astype(float))
        distinct = list(dict.fromkeys(MixedSpace.architectures(self, rows)))
        return np.array([each for each in distinct if self._accepts(each)])

    def contains(self, architecture: Architecture) -> bool:
        """Whether the space holds ``architecture``."""
        if not super().contains(architecture):
            return False
        row = np.array(architecture, dtype=float)
        return bool((self._canonical(row[None])[0] == row).all()) and self._accepts(architecture)

    def sample_rows(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """See :meth:`MixedSpace.sample_rows`; invalid configurations are drawn again.

        :raises SettingsError: if hardly any configuration is valid.
        """
        rows, drawn = super().sample_rows(rng, n), n
        if self._is_valid is None:
            return rows
        kept = self._keep_valid(rows)
        while len(kept) < n:
            if drawn > _MAX_DRAWS_PER_ROW * (len(kept) + 1):
                message = (
                    f"Expected is_valid to accept some configurations of {self.name}, but it accepts {len(kept)} of "
                    f"{drawn} random ones; state narrower ranges."
                )
                raise SettingsError(message)
            size = max(2 * (n - len(kept)), 16)
            drawn += size
            kept = np.vstack([kept, self._keep_valid(super().sample_rows(rng, size))])
        return kept[:n]

    def decode(self, units: np.ndarray) -> list[Architecture]:
        """See :meth:`MixedSpace.decode`."""
        rows = np.array(super().decode(units), dtype=float).reshape(-1, len(self.domains))
        return self.architectures(rows)

    def architectures(self, rows: np.ndarray) -> list[Architecture]:
        """See :meth:`MixedSpace.architectures`; variables that do not count are set to the middle of their domains."""
        return super().architectures(self._canonical(np.array(rows, dtype=float)))

    def mutate(self, rows: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """See :meth:`MixedSpace.mutate`."""
        return self._canonical(np.array(super().mutate(rows, mask, rng), dtype=float))

    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """See :meth:`MixedSpace.neighbours`; those in the space alone."""
        near = list(super().neighbours(architecture))
        for other in dict.fromkeys(self.architectures(np.array(near)) if near else ()):
            if other != architecture and self._accepts(other):
                yield other

    def configuration(self, architecture: Architecture) -> dict[str, Any]:
        """See :meth:`MixedSpace.configuration`: without the variables that do not count."""
        whole = super().configuration(architecture)
        counts = self._counting(np.array([architecture], dtype=float))[0]
        return {name: value for (name, value), is_active in zip(whole.items(), counts, strict=True) if is_active}

    def text(self, architecture: Architecture) -> str:
        """The architecture as text, see :meth:`MixedSpace.text`: without the variables that do not count."""
        counts = self._counting(np.array([architecture], dtype=float))[0]
        parts = zip(self.variables, self.domains, architecture, counts, strict=True)
        return shlex.join(f"{name}={domain.text(code)}" for name, domain, code, is_active in parts if is_active)

    def parse(self, text: str) -> Architecture:
        """Parse the output of :meth:`text`.

        :raises TableError: if the text is no architecture of this space.
        """
        row = self._defaults.copy()
        try:
            for part in shlex.split(text):
                name, _, value = part.partition("=")
                column = self.variables.index(name)
                row[column] = self.domains[column].parse(value)
        except ValueError:
            row[:] = np.nan
        if not np.isnan(row).any():
            architecture = self.architectures(row[None])[0]
            if self.contains(architecture) and self.text(architecture) == shlex.join(shlex.split(text)):
                return architecture
        message = f"Expected an architecture of {self.name} such as {self._example!r}, got {text!r}."
        raise TableError(message)

    def _accepts(self, architecture: Architecture) -> bool:
        return self._is_valid is None or bool(self._is_valid(self.configuration(architecture)))

    def _keep_valid(self, rows: np.ndarray) -> np.ndarray:
        return rows[[self._accepts(each) for each in self.architectures(rows)]]

    def _counting(self, rows: np.ndarray) -> np.ndarray:
        """Which variables count, shape ``(n, variables)``."""
        counts = np.ones(rows.shape, dtype=bool)
        for column, parents in self._conditions.items():
            for parent, codes in parents:
                counts[:, column] &= counts[:, parent] & np.isin(rows[:, parent], codes)
        return counts

    def _canonical(self, rows: np.ndarray) -> np.ndarray:
        """The rows with the middle of the domain where a variable does not count."""
        return np.where(self._counting(rows), rows, self._defaults) if self._conditions else rows

    def _resolve_conditions(self) -> dict[int, list[tuple[int, list[float]]]]:
        """For each conditional variable its parents, by their columns, and the values with which it counts.

        :raises SettingsError: if a parent is unknown, comes later, is a real number, or never has the value.
        """
        found: dict[int, list[tuple[int, list[float]]]] = {}
        for column, (name, domain) in enumerate(zip(self.variables, self.domains, strict=True)):
            for parent, values in cast("Conditions", domain.when):
                earlier = self.variables[:column]
                if parent not in earlier:
                    message = (
                        f"Expected the condition of {name!r} on a variable that is stated before it, one of "
                        f"{list(earlier)}, got {parent!r}."
                    )
                    raise SettingsError(message)
                column_of, parent_domain = earlier.index(parent), self.domains[earlier.index(parent)]
                if isinstance(parent_domain, Float):
                    message = f"Expected the condition of {name!r} on choices or integers, got the real {parent!r}."
                    raise SettingsError(message)
                codes = [code for code in self._enumerate_domain(parent_domain) if parent_domain.value(code) in values]
                if len(codes) < len(values):
                    message = f"Expected the condition of {name!r} on values of {parent!r}, got {list(values)}."
                    raise SettingsError(message)
                found.setdefault(column, []).append((column_of, codes))
        return found


def _middle(domain: Domain) -> float:
    units = np.full((1, domain.width), 0.5)
    return float(domain.decode(units)[0])
