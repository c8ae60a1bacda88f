"""A past on the slots that the learning forecasters think in: hours, or the past's own steps where these are longer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.units import DAY_S, HOUR_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ce_nas.forecast.base import Past

__all__ = ["WEEK_DAYS", "Slots"]

WEEK_DAYS = 7
#: a window that slides begins anew every so many days of the calendar, so that it can be gone on with in between
ANCHOR_DAYS = 28
#: intensities below this one, g CO2eq/kWh, count as this much: a share of nothing cannot be told
FLOOR_G_PER_KWH = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Slots:
    """Slots that have ended, and of what is known ahead the coming ones too."""

    #: logarithm of the intensity, shape (slots,)
    level: np.ndarray
    #: source to its share of the generation, shape (slots,), NaN where missing
    shares: Mapping[str, np.ndarray]
    #: input to its values, shape (slots + ahead,), NaN where missing
    known: Mapping[str, np.ndarray]
    #: start of the first slot, UTC
    begin: datetime
    slot_s: float
    #: how many of the past's steps make a slot
    steps: int
    #: how many slots the forecast reaches
    ahead: int

    @classmethod
    def of(cls, past: Past, horizon_s: float, lookback_s: float) -> Slots | None:
        """The slots of the last ``lookback_s``; None where no whole number of slots makes a day.

        The slots end with the past and begin with a day. Of a past that is longer than ``lookback_s`` they begin at
        one of the calendar's anchors, so that the same slots are seen again while the end moves on.
        """
        slot_s = max(past.step_s, HOUR_S)
        steps = round(slot_s / past.step_s)
        if not math.isclose(steps * past.step_s, slot_s) or DAY_S % slot_s:
            return None
        count = len(past.intensity_g_per_kwh) // steps
        count = _anchored(past.end, count, round(lookback_s / slot_s), slot_s)
        count -= _before_midnight(past.end - timedelta(seconds=count * slot_s), count, slot_s)
        first = len(past.intensity_g_per_kwh) - count * steps
        ahead = math.ceil(horizon_s / slot_s)
        mix = {source: _means(values[first:], steps, count) for source, values in past.mix_mw.items()}
        total = np.nansum(list(mix.values()), axis=0) if mix else np.zeros(count)
        return cls(
            level=np.log(np.maximum(_means(past.intensity_g_per_kwh[first:], steps, count), FLOOR_G_PER_KWH)),
            shares={source: values / np.where(total > 0, total, np.nan) for source, values in mix.items()},
            known={name: _means(values[first:], steps, count + ahead) for name, values in past.known.items()},
            begin=past.end - timedelta(seconds=count * slot_s),
            slot_s=slot_s,
            steps=steps,
            ahead=ahead,
        )

    def __len__(self) -> int:
        return len(self.level)

    @property
    def a_day(self) -> int:
        """Slots that make a day."""
        return round(DAY_S / self.slot_s)

    @property
    def day_share(self) -> np.ndarray:
        """How much of its day has passed at the middle of each slot, 0 to 1, shape (slots + ahead,)."""
        share: np.ndarray = (self._since_midnight_s + self.slot_s / 2) / DAY_S % 1.0
        return share

    @property
    def place_in_day(self) -> np.ndarray:
        """The number of each slot in its day, from 0, shape (slots + ahead,)."""
        place: np.ndarray = np.floor(self._since_midnight_s % DAY_S / self.slot_s).astype(np.int64)
        return place

    @property
    def weekday(self) -> np.ndarray:
        """The day of the week of each slot, Monday is 0, shape (slots + ahead,)."""
        weekday: np.ndarray = (self.begin.weekday() + self._since_midnight_s // DAY_S).astype(np.int64) % WEEK_DAYS
        return weekday

    @property
    def known_ahead(self) -> int:
        """How many of the coming slots all inputs are known for, those left aside that are not known ahead at all."""
        coming = [values[len(self) :] for values in self.useful.values()]
        missing = ~np.isfinite(coming).all(axis=0) if coming else np.ones(1, dtype=bool)
        return int(np.argmax(missing)) if missing.any() else self.ahead

    @property
    def useful(self) -> Mapping[str, np.ndarray]:
        """The inputs that are known for the next slot at least."""
        return {name: values for name, values in self.known.items() if np.isfinite(values[len(self)])}

    def reaching(self, ahead: int) -> Slots:
        """The same with the useful inputs alone, cut ``ahead`` slots after the last that has ended."""
        known = {name: values[: len(self) + ahead] for name, values in self.useful.items()} if ahead else {}
        return replace(self, known=known, ahead=ahead or self.ahead)

    def days(self, begin: int, end: int) -> Slots:
        """Only the days of these numbers, of slots that begin with a day; what is coming of them counts as ahead."""
        first, last = begin * self.a_day, min(end * self.a_day, len(self) + self.ahead)
        ended = slice(first, min(last, len(self)))
        count = max(ended.stop - first, 0)
        return replace(
            self,
            level=self.level[ended],
            shares={source: values[ended] for source, values in self.shares.items()},
            known={name: values[first:last] for name, values in self.known.items()},
            begin=self.begin + timedelta(seconds=first * self.slot_s),
            ahead=max(last - first, 0) - count,
        )

    def in_steps(self, values: np.ndarray, horizon_s: float) -> np.ndarray:
        """Values of the coming slots, ``(ahead,)``, on the past's steps."""
        step_s = self.slot_s / self.steps
        return np.repeat(values, self.steps)[: max(math.ceil(horizon_s / step_s), 1)]

    @property
    def _since_midnight_s(self) -> np.ndarray:
        """Seconds from the midnight before the first slot to the start of each slot."""
        at = self.begin
        midnight_s = at.hour * HOUR_S + at.minute * 60 + at.second + at.microsecond / 1e6
        seconds: np.ndarray = midnight_s + self.slot_s * np.arange(len(self) + self.ahead)
        return seconds


def _anchored(end: datetime, count: int, limit: int, slot_s: float) -> int:
    """How many of ``count`` slots up to ``end`` to look at: all if fewer than ``limit``, else back to an anchor."""
    if count < limit:
        return count
    begin_s = end.timestamp() - limit * slot_s
    anchor_s = math.ceil(begin_s / (ANCHOR_DAYS * DAY_S)) * ANCHOR_DAYS * DAY_S
    return min(max(math.floor((end.timestamp() - anchor_s) / slot_s), 1), limit)


def _before_midnight(begin: datetime, count: int, slot_s: float) -> int:
    """How many slots begin before the first midnight; none if there is no other."""
    passed_s = (begin - begin.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    before = math.ceil((DAY_S - passed_s) / slot_s) if passed_s >= slot_s else 0
    return before if before < count else 0


def _means(values: np.ndarray, steps: int, count: int) -> np.ndarray:
    """The mean over each slot, NaN where there is none; ``(count,)``, filled up with NaN."""
    whole = len(values) // steps
    means = values[: whole * steps].reshape(whole, steps).mean(axis=1)[:count]
    return np.concatenate([means, np.full(count - len(means), np.nan)])
