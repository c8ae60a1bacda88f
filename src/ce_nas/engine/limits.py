"""When a run has to end, and what is left until then."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ce_nas.core.records import Stop

if TYPE_CHECKING:
    from ce_nas.energy.ledger import Books
    from ce_nas.engine.progress import Progress

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
    #: time of devices held
    device_s: float = math.inf
    #: hypervolume that is enough
    target: float = math.inf
    #: the book that the carbon budget is counted in
    book: Book = Book.FULL

    def reached(self, now_s: float, books: Books, progress: Progress) -> Stop | None:
        """The first of what ends a run that has come about, or None."""
        if progress.hypervolume >= self.target:
            return Stop.TARGET
        if progress.evaluations >= self.evaluations:
            return Stop.EVALUATIONS
        left = self.left(books) if self.metered else {}
        used_up = next((budget for budget, amount in left.items() if amount <= 0), None)
        return used_up or (Stop.DEADLINE if now_s >= self.time_s else None)

    def left(self, books: Books) -> dict[Stop, float]:
        """What remains of each budget that runs down between two events and has a bound, by the stop it leads to."""
        remains = {
            Stop.CARBON: self.carbon_g - self.carbon_spent_g(books),
            Stop.ENERGY: self.energy_j - books.total_energy_j,
            Stop.COST: self.cost - books.cost,
            Stop.DEVICE_TIME: self.device_s - books.total_device_s,
        }
        return {budget: amount for budget, amount in remains.items() if amount < math.inf}

    def carbon_spent_g(self, books: Books) -> float:
        """Grams on the book that the carbon budget is counted in."""
        return books.total_carbon_g if self.book is Book.FULL else books.paper_carbon_g

    @property
    def metered(self) -> bool:
        """Whether a budget runs down between two events, so that it has to be looked at in between."""
        return math.isfinite(min(self.carbon_g, self.energy_j, self.cost, self.device_s))
