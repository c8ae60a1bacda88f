"""What the transformer sees: windows of slots around an issue, as columns of plain numbers.

A window holds the last week and the coming slots. The transformer does not foretell the intensity itself but how far
it will be off a *ground*: what ridge regressions on calendar and weather, fitted at the last midnight, say of the same
hours (:mod:`ce_nas.forecast.ridge`), with their latest errors fading. Errors are in spreads of the last week. So
neither the level of a zone nor how lively it is need be learned, and a zone never seen can be forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ce_nas.forecast.features import standardised
from ce_nas.forecast.residual_correction import fading
from ce_nas.forecast.ridge import BEFORE_DAYS, Learned, Member

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.forecast.hourly import Slots

__all__ = ["CONTEXT_DAYS", "GROUND", "Columns", "Grounds", "Window", "Windows"]

#: days of the past in a window
CONTEXT_DAYS = 7
#: the regressions whose mean is the ground
GROUND = (Member(400, 20), Member(60, 20))
#: the least spread of a window's level, so that a flat one can be told from nothing
LEAST_SPREAD = 1e-6
#: columns that begin each row: error of the ground in the past, the ground, how far its members are apart, the error
#: at the same time on the last day and over the week, whether the slot is coming
LED = 6
#: columns of the calendar: time of day twice, day of the week, weekend
CALENDAR = 8
SATURDAY, SUNDAY = 5, 6


@dataclass(frozen=True, slots=True)
class Columns:
    """Which inputs a model was trained on, and their scales."""

    #: sources of the generation mix
    sources: tuple[str, ...]
    #: input that is known ahead to its mean and spread in training
    known: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, records: Sequence[Slots]) -> Columns:
        """All inputs that any record has."""
        known: dict[str, tuple[float, float]] = {}
        for name in sorted({name for slots in records for name in slots.known}):
            values = np.concatenate([slots.known[name] for slots in records if name in slots.known])
            known[name] = (float(np.nanmean(values)), float(np.nanstd(values)) or 1.0)
        return cls(tuple(sorted({source for slots in records for source in slots.shares})), known)

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Columns:
        """From plain JSON.

        :raises KeyError, TypeError, ValueError: if it is something else.
        """
        known = {name: (float(middle), float(spread)) for name, (middle, spread) in content["known"].items()}
        return cls(tuple(content["sources"]), known)

    @property
    def count(self) -> int:
        """Columns of a row."""
        return LED + CALENDAR + len(self.sources) + 1 + len(self.known) + 1

    @property
    def mix(self) -> slice:
        """The columns of the mix, the last one says whether it is there."""
        return slice(LED + CALENDAR, LED + CALENDAR + len(self.sources) + 1)

    @property
    def ahead(self) -> slice:
        """The columns of what is known ahead, the last one says whether it is there."""
        return slice(self.mix.stop, self.count)

    def rows(self, slots: Slots) -> np.ndarray:
        """The rows of all slots, the leading columns left zero, shape ``(slots + ahead, columns)``, float32."""
        rows = np.zeros((len(slots) + slots.ahead, self.count), dtype=np.float32)
        rows[:, LED : self.mix.start] = _calendar(slots)
        for place, source in enumerate(self.sources, self.mix.start):
            if source in slots.shares:
                rows[: len(slots), place] = np.nan_to_num(slots.shares[source])
        rows[: len(slots), self.mix.stop - 1] = bool(slots.shares)
        for place, (name, (middle, spread)) in enumerate(self.known.items(), self.ahead.start):
            if name in slots.known:
                rows[:, place] = np.nan_to_num((slots.known[name] - middle) / spread)
        given = [np.isfinite(slots.known[name]) for name in self.known if name in slots.known]
        rows[:, self.ahead.stop - 1] = np.all(given, axis=0) if given else 0.0
        return rows


def _calendar(slots: Slots) -> np.ndarray:
    day, week = 2 * np.pi * slots.day_share, 2 * np.pi * (slots.weekday + slots.day_share) / 7
    cycles = [np.sin(day), np.cos(day), np.sin(2 * day), np.cos(2 * day), np.sin(week), np.cos(week)]
    return np.stack([*cycles, slots.weekday == SATURDAY, slots.weekday == SUNDAY], axis=1)


class Grounds:
    """The grounds of one record: by what is known ahead, and by the calendar alone."""

    def __init__(self, ahead_days: int) -> None:
        self._ahead_days = ahead_days
        self._calendar, self._known = Learned(), Learned()

    def said(self, slots: Slots, days: range) -> tuple[np.ndarray, np.ndarray]:
        """What both say around the midnights before ``days``, shape ``(members, days, slots)`` each; NaN if unknown."""
        plain = self._said(self._calendar, slots.reaching(0), days)
        known = slots.known_ahead if slots.ahead else len(slots.known)
        if not known:
            return plain, np.full_like(plain, np.nan)
        seen = slots.reaching(known) if slots.ahead else slots
        return plain, self._said(self._known, standardised(seen), days)

    def _said(self, learned: Learned, slots: Slots, days: range) -> np.ndarray:
        refits = learned.upto(slots, GROUND, self._ahead_days)
        return np.stack([one.said(slots, days).reshape(len(days), -1) for one in refits])


class Window(NamedTuple):
    """Windows as the network takes them, and what its output is counted from."""

    #: shape (windows, context + ahead, columns), float32
    rows: np.ndarray
    #: where each forecast starts from, logarithm, shape (windows, ahead)
    ground: np.ndarray
    #: what its differences from there are counted in, logarithm, shape (windows, 1)
    spread: np.ndarray


class Windows:
    """The windows of one record.

    :param said: of :meth:`Grounds.said`, for ``days``.
    """

    def __init__(self, slots: Slots, columns: Columns, said: tuple[np.ndarray, np.ndarray], days: range) -> None:
        self._rows = columns.rows(slots)
        self._level = slots.level
        self._plain, self._known = said
        self._first_day = days.start
        self._columns = columns
        self._day = slots.a_day
        self._context = CONTEXT_DAYS * self._day
        self._ahead = self._plain.shape[2] - (BEFORE_DAYS + 1) * self._day

    def cut(self, issues: np.ndarray, known_ahead: np.ndarray) -> Window:
        """The windows before the slots of these numbers.

        :param known_ahead: for how many coming slots what is known ahead is used, shape ``(windows,)``.
        """
        ground, apart = self._grounds(issues, known_ahead)
        at = issues[:, None] + np.arange(-self._context, self._ahead)
        rows = self._rows[at]
        past = self._level[at[:, : self._context]]
        spread = past.std(axis=1, keepdims=True) / 2 + LEAST_SPREAD
        errors = past - ground[:, : self._context]
        coming = np.arange(-self._context, self._ahead) >= 0
        rows[:, coming, self._columns.mix] = 0.0
        unknown = coming & (np.arange(-self._context, self._ahead) >= known_ahead[:, None])
        rows[:, :, self._columns.ahead] *= ~unknown[:, :, None] & (known_ahead > 0)[:, None, None]
        rows[:, ~coming, 0] = errors / spread
        rows[:, :, 1] = (ground - past.mean(axis=1, keepdims=True)) / spread / 2
        rows[:, :, 2] = apart / spread
        rows[:, coming, 3] = self._repeated(errors[:, -self._day :]) / spread
        week = errors.reshape(len(issues), CONTEXT_DAYS, self._day).mean(axis=1)
        rows[:, coming, 4] = self._repeated(week) / spread
        rows[:, :, 5] = coming
        return Window(rows, ground[:, self._context :] + fading(errors, self._day, self._ahead), spread)

    def truth(self, issues: np.ndarray) -> np.ndarray:
        """The level that came after each issue, shape ``(issues, ahead)``."""
        came: np.ndarray = self._level[issues[:, None] + np.arange(self._ahead)]
        return came

    def _grounds(self, issues: np.ndarray, known_ahead: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The ground over each window, and how far its members are apart, shape ``(windows, context + ahead)``."""
        days = issues // self._day - self._first_day
        first = (BEFORE_DAYS - CONTEXT_DAYS) * self._day + issues % self._day
        at = first[:, None] + np.arange(self._context + self._ahead)
        plain, known = (said[:, days[:, None], at] for said in (self._plain, self._known))
        used = np.arange(-self._context, self._ahead) < np.where(known_ahead > 0, known_ahead, -self._context)[:, None]
        members = np.where(used, known, plain)
        return members.mean(axis=0), members[0] - members[-1]

    def _repeated(self, day: np.ndarray) -> np.ndarray:
        return np.tile(day, (1, self._ahead // self._day))
