"""Questions about architectures that people would ask: what sits on an edge, how often, and what reaches the output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.space.cells import NB201_EDGES, NasBench201Space

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ce_nas.report.words import Words
    from ce_nas.space.space import Space

__all__ = ["Question", "questions"]

#: the ways from the input of a NAS-Bench-201 cell to its output, as places among its edges
_WAYS = tuple(
    tuple(NB201_EDGES.index(edge) for edge in way)
    for way in (((3, 0),), ((1, 0), (3, 1)), ((2, 0), (3, 2)), ((1, 0), (2, 1), (3, 2)))
)


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """A question with yes or no for an answer."""

    #: its words: this key for yes, and with ``.not`` for no
    key: str
    values: Mapping[str, object]
    #: the answer for each architecture, shape (n,)
    answers: np.ndarray
    #: what it is about: of two alike on the same thing, the second says more
    subject: str

    def said(self, words: Words, *, yes: bool) -> str:
        """The answer as a part of a sentence."""
        return words(self.key if yes else f"{self.key}.not", **self.values)


def questions(space: Space, rows: np.ndarray) -> list[Question]:
    """The questions that a space suggests, answered for architectures.

    :param rows: the architectures, shape ``(n, variables)``, of small integers.
    """
    asked = [*_choices(space, rows), *_counts(space, rows)]
    if isinstance(space, NasBench201Space):
        asked += _reaching(space, rows)
    return [one for one in asked if one.answers.any() and not one.answers.all()]


def _choices(space: Space, rows: np.ndarray) -> Iterator[Question]:
    for place, (variable, names) in enumerate(zip(space.variables, space.choices, strict=True)):
        for choice, name in enumerate(names):
            key = "why.edge" if isinstance(space, NasBench201Space) else "why.is"
            yield Question(key, {"variable": variable, "choice": name}, rows[:, place] == choice, variable)


def _counts(space: Space, rows: np.ndarray) -> Iterator[Question]:
    """How often a choice was made, where all variables have the same choices."""
    if len(set(space.choices)) > 1:
        return
    for choice, name in enumerate(space.choices[0]):
        found = (rows == choice).sum(axis=1)
        for count in range(1, len(space.variables)):
            values = {"count": count, "choice": name, "below": count - 1}
            yield Question("why.count" if count > 1 else "why.has", values, found >= count, f"number of {name}")


def _reaching(space: Space, rows: np.ndarray) -> Iterator[Question]:
    """Whether an operation lies on a way from the input to the output on which nothing is ``none``."""
    none = space.choices[0].index("none")
    for choice, name in enumerate(space.choices[0]):
        if choice != none:
            ways = [(rows[:, way] != none).all(axis=1) & (rows[:, way] == choice).any(axis=1) for way in _WAYS]
            yield Question("why.reaches", {"choice": name}, np.logical_or.reduce(ways), f"reaching {name}")
