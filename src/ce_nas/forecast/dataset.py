"""What a model is trained on: the windows of records, split into a span to learn from and a later one to judge by."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.units import DAY_S, as_time
from ce_nas.forecast.hourly import Slots
from ce_nas.forecast.ridge import BEFORE_DAYS
from ce_nas.forecast.sequence_windows import Columns, Grounds, Windows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ce_nas.forecast.history import History

__all__ = ["AHEAD_DAYS", "HOURS_A_DAY", "Lessons", "Span", "lessons_of"]

#: days that models foretell; a longer horizon repeats the last one
AHEAD_DAYS = 4
#: models think in hours
HOURS_A_DAY = 24
#: days of a record before its first window: the ground needs some to be worth anything
WARM_UP_DAYS = 42
#: longer than any record
EVER_S = 1e12


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, its end left out, UTC."""

    begin: datetime
    end: datetime

    def content(self) -> list[str]:
        """Both ends as text."""
        return [as_time(self.begin), as_time(self.end)]


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """One record's windows, and when forecasts are issued in training and in validation."""

    windows: Windows
    #: numbers of the slots before which forecasts are issued
    train: np.ndarray
    validate: np.ndarray
    #: for how many coming slots anything is known
    known_ahead: int

    @classmethod
    def of(cls, zone: str, slots: Slots, columns: Columns, spans: tuple[Span, Span]) -> Lessons:
        """The windows of a record that lie in both spans.

        :raises SettingsError: if there are none in one of them.
        """
        days = range(BEFORE_DAYS, len(slots) // slots.a_day - AHEAD_DAYS)
        windows = Windows(slots, columns, Grounds(AHEAD_DAYS).said(slots, days), days)
        every = np.arange(max(WARM_UP_DAYS, BEFORE_DAYS) * slots.a_day, days.stop * slots.a_day)
        train, validate = (every[_inside(slots, every, span)] for span in spans)
        validate = validate[validate % slots.a_day == 0]
        if not len(train) or not len(validate):
            message = (
                f"Expected zone {zone!r} to have forecasts of {AHEAD_DAYS} days to learn from in both spans, after "
                f"{WARM_UP_DAYS} days to begin with; its record covers {as_time(slots.begin)} on, {len(slots)} hours "
                f"without a gap. Choose other spans, or a longer record."
            )
            raise SettingsError(message)
        return cls(windows, train, validate, AHEAD_DAYS * slots.a_day if slots.known else 0)


def lessons_of(records: Sequence[History], train: Span, validate: Span) -> tuple[Columns, list[Lessons]]:
    """The columns of the records as they were in ``train``, and the lessons of each; nothing later is looked at.

    :raises SettingsError: if a record has no window in one of the spans, or its steps make up no hours.
    """
    parts = [_slots(history, validate.end) for history in records]
    columns = Columns.of([_ended(slots, train.end) for slots in parts])
    spans = (train, validate)
    return columns, [Lessons.of(one.zone, slots, columns, spans) for one, slots in zip(records, parts, strict=True)]


def _slots(history: History, end: datetime) -> Slots:
    """The hours of a record up to ``end``, as far back as there is no gap."""
    until_s = (end - history.intensity.zero).total_seconds()
    past = history.past(until_s, EVER_S)
    slots = Slots.of(past, 0.0, EVER_S) if past else None
    if slots is None or slots.a_day != HOURS_A_DAY:
        message = (
            f"Expected a record of zone {history.zone!r} before {as_time(end)} in steps of an hour or a part of one, "
            f"got steps of {history.step_s:g} s. Choose another file."
        )
        raise SettingsError(message)
    return slots


def _ended(slots: Slots, end: datetime) -> Slots:
    """The days before ``end``."""
    return slots.days(0, max(math.floor((end - slots.begin).total_seconds() / DAY_S), 1))


def _inside(slots: Slots, issues: np.ndarray, span: Span) -> np.ndarray:
    """Whether the forecasts issued before these slots begin and end in a span."""
    first_s, last_s = ((moment - slots.begin).total_seconds() for moment in (span.begin, span.end))
    at_s = issues * slots.slot_s
    inside: np.ndarray = (first_s <= at_s) & (at_s + AHEAD_DAYS * DAY_S <= last_s)
    return inside
