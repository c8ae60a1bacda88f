"""A ridge regression on calendar and weather that is refitted day after day, and what each fit says of the days around.

Everything is worked out a calendar day at a time, in the same order and from the same slots whenever it is asked for,
so that going on from an earlier past and starting from nothing give the same numbers to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.forecast.features import VIEW_DAYS, plain_rows, wave_rows

if TYPE_CHECKING:
    from ce_nas.forecast.hourly import Slots

__all__ = ["BEFORE_DAYS", "Learned", "Member", "Refits"]

#: days before a fit that it is asked about: the week whose errors correct a forecast, and the day of the issue
BEFORE_DAYS = 8
#: whole days around a day of which its rows can see something
VIEW = math.ceil(VIEW_DAYS)
#: the times of the day are held to zero by this share of the penalty
FREE = 0.02


@dataclass(frozen=True, slots=True)
class Member:
    """How one regression is done."""

    #: time in which a day of the past loses half its weight
    half_life_days: float
    #: how strongly coefficients are held to zero
    penalty: float
    #: seed of the random Fourier features beside the plain columns; None for none
    waves: int | None = None
    #: days from one refit to the next
    every_days: int = 1

    def rows(self, slots: Slots, day: int) -> np.ndarray:
        """The rows of one day, shape ``(slots a day, columns)``; those beyond what is known ahead are NaN."""
        begin = max(day - VIEW, 0)
        seen = slots.days(begin, day + 1 + VIEW)
        rows = plain_rows(seen)
        if self.waves is not None:
            rows = np.concatenate([rows, wave_rows(seen, self.waves)], axis=1)
        rows = rows[(day - begin) * slots.a_day :][: slots.a_day]
        return np.concatenate([rows, np.full((slots.a_day - len(rows), rows.shape[1]), np.nan)])


class Refits:
    """The fits of one member over one record, as far as it has been looked at.

    :param ahead_days: days that each fit is asked to foretell.
    """

    def __init__(self, member: Member, ahead_days: int) -> None:
        self._member = member
        self._ahead_days = ahead_days
        #: how many days have been learned from
        self.days = 0
        self._rows: dict[int, np.ndarray] = {}
        self._fits: dict[int, np.ndarray] = {}
        self._said: dict[int, np.ndarray] = {}
        self._seen = np.zeros((0, 0))
        self._drawn = np.zeros(0)
        self._held = np.zeros(0)
        self._middle = 0.0

    def learn(self, slots: Slots, until_day: int) -> None:
        """Learn from the days before ``until_day``, all of whose rows must be final."""
        while self.days < until_day:
            self._learn_day(slots)
            finished = self.days - 1 - self._ahead_days
            if finished >= BEFORE_DAYS:
                self._said[finished] = self._asked(finished, self._rows)
            for store in (self._rows, self._fits):
                store.pop(finished - BEFORE_DAYS, None)

    def said(self, slots: Slots, days: range) -> np.ndarray:
        """What the fits at the midnights before ``days`` say of the days around them, logarithms of the intensity.

        Shape ``(days, 8 + 1 + ahead days, slots a day)``, from 8 days before each midnight on; NaN beyond what is
        known ahead.
        """
        late = [day for day in days if day not in self._said]
        around = range(min(late) - BEFORE_DAYS, max(late) + self._ahead_days + 1) if late else range(0)
        rows = {day: self._rows[day] if day in self._rows else self._member.rows(slots, day) for day in around}
        return np.stack([self._asked(day, rows) if day in late else self._said[day] for day in days])

    def _learn_day(self, slots: Slots) -> None:
        day = self.days
        rows = self._rows[day] = self._member.rows(slots, day)
        level = slots.level[day * slots.a_day : (day + 1) * slots.a_day]
        if not day:
            self._seen, self._drawn = np.zeros((rows.shape[1], rows.shape[1])), np.zeros(rows.shape[1])
            self._middle = float(level.mean())
            self._held = self._member.penalty * np.where(np.arange(rows.shape[1]) < slots.a_day, FREE, 1.0)
        fading = 0.5 ** (1 / self._member.half_life_days)
        self._seen = fading * self._seen + rows.T @ rows
        self._drawn = fading * self._drawn + rows.T @ (level - self._middle)
        self.days = day + 1
        if day % self._member.every_days == 0:
            self._fits[self.days] = self._fitted()
        else:
            self._fits[self.days] = self._fits[day]

    def _fitted(self) -> np.ndarray:
        from scipy.linalg import cho_factor, cho_solve

        fitted: np.ndarray = cho_solve(cho_factor(self._seen + np.diag(self._held)), self._drawn)
        return fitted

    def _asked(self, day: int, rows: dict[int, np.ndarray]) -> np.ndarray:
        """What the fit at the midnight before ``day``, or the latest, says of the days around."""
        fit = self._fits[min(day, self.days)]
        around = range(day - BEFORE_DAYS, day + self._ahead_days + 1)
        return self._middle + np.stack([rows[other] @ fit for other in around])


class Learned:
    """The fits of several members over one record; they are gone on with as long as the record begins alike."""

    def __init__(self) -> None:
        self._slots: Slots | None = None
        self._members: tuple[Member, ...] = ()
        self._ahead_days = 0
        self._refits: list[Refits] = []

    def upto(self, slots: Slots, members: tuple[Member, ...], ahead_days: int) -> list[Refits]:
        """The fits of ``members``, having learned from all days of ``slots`` whose rows are final."""
        view = math.ceil(VIEW_DAYS * slots.a_day)
        final = min(len(slots), len(slots) + slots.ahead - view) if slots.known else len(slots)
        if (members, ahead_days) != (self._members, self._ahead_days) or not self._begins(slots, view, final):
            self._members, self._ahead_days = members, ahead_days
            self._refits = [Refits(member, ahead_days) for member in members]
        for refits in self._refits:
            refits.learn(slots, final // slots.a_day)
        self._slots = slots
        return self._refits

    def _begins(self, slots: Slots, view: int, final: int) -> bool:
        """Whether ``slots`` begin with all that has been learned from."""
        learned = self._slots
        seen = self._refits[0].days * slots.a_day
        if learned is None or seen > final:
            return False
        return (
            (learned.begin, learned.slot_s, set(learned.known)) == (slots.begin, slots.slot_s, set(slots.known))
            and np.array_equal(learned.level[:seen], slots.level[:seen])
            and all(
                np.array_equal(values[: seen + view], slots.known[name][: seen + view])
                for name, values in learned.known.items()
            )
        )
