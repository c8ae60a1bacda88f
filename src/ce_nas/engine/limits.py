"""When a run has to end, and what is left until then."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.core.records import Stop

if TYPE_CHECKING:
    from ce_nas.energy.ledger import Books

__all__ = ["Book", "Limits"]


class Book(StrEnum):
    """By whose rule a carbon budget is counted."""

    FULL = "full"  #: every activity, with PUE
    PAPER = "paper"  #: 1 kW a device that trains and nothing else, as the authors count


@dataclass(frozen=True, slots=True)
class Limits:
    """The budgets of a run; infinite where none is set."""

    time_s: float
    carbon_g: float = math.inf
    energy_j: float = math.inf
    cost: float = math.inf
    evaluations: float = math.inf
    #: the book that the carbon budget is counted in
    book: Book = Book.FULL

    def reached(self, now_s: float, books: Books, evaluations: int) -> Stop | None:
        """The first budget that is used up, or None."""
        spent = (
            (Stop.EVALUATIONS, evaluations, self.evaluations),
            (Stop.CARBON, self.carbon_spent_g(books), self.carbon_g),
            (Stop.ENERGY, books.total_energy_j, self.energy_j),
            (Stop.COST, books.cost, self.cost),
            (Stop.DEADLINE, now_s, self.time_s),
        )
        return next((stop for stop, used, limit in spent if used >= limit), None)

    def carbon_spent_g(self, books: Books) -> float:
        """Grams on the book that the carbon budget is counted in."""
        return books.total_carbon_g if self.book is Book.FULL else books.paper_carbon_g

    @property
    def metered(self) -> bool:
        """Whether a budget runs down between two events, so that it has to be looked at in between."""
        return math.isfinite(min(self.carbon_g, self.energy_j, self.cost))
