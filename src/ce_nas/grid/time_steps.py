"""The step of a series of times, also of times that jitter, or that have steps of several lengths.

Times and lengths are whole microseconds since 1970, arrays of shape ``(rows,)`` and type int64, in ascending order.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "MAX_JITTER_SHARE",
    "MONTH_US",
    "US_PER_S",
    "complete_steps",
    "find_calendar_spans",
    "find_coarser",
    "find_held_times",
    "find_offsets",
    "hold_values",
    "round_step",
    "snap",
]

US_PER_S = 1_000_000
#: times may be off their step by this share of it, as loggers write them
MAX_JITTER_SHARE = 0.02
#: this many like differences in a row are a step of their own rather than gaps
_MIN_RUN = 8
#: rows are finer than the values where at least this share of them is blank
_MIN_BLANK_SHARE = 0.4
#: steps of days, months and years differ in length: a twelfth of them is no gap
_CALENDAR_STEP_US = 23 * 3600 * 1_000_000
#: mean length of a month of the Gregorian calendar
MONTH_US = 2_629_746 * US_PER_S
_USUAL_STEPS_US = tuple(minutes * 60 * US_PER_S for minutes in (1, 5, 10, 15, 20, 30, 60, 120, 180, 360, 720, 1440))


def find_coarser(times_us: np.ndarray, has_value: np.ndarray) -> np.ndarray | None:
    """Which rows are on the longer step of those with a value, where every row between them is blank; else None.

    A year of RTE has a row a quarter of an hour, with values every half hour.
    """
    if len(times_us) < 2 * _MIN_RUN or 1 - has_value.mean() < _MIN_BLANK_SHARE or has_value.sum() < 2:
        return None  # one value has no step
    step_us, own_us = (int(np.median(np.diff(which))) for which in (times_us[has_value], times_us))
    if step_us <= own_us or step_us % own_us:
        return None
    on_step = (times_us - times_us[has_value][0]) % step_us == 0
    return on_step if (on_step | ~has_value).all() else None


def complete_steps(times_us: np.ndarray) -> tuple[np.ndarray, bool]:
    """Times of a step's last second or minute, such as 00:59:59, moved to its end; and whether they were that."""
    if len(times_us) < _MIN_RUN:
        return times_us, False
    differences = np.diff(times_us)
    step_us = int(np.sort(differences)[len(differences) // 2])
    for short_us in (US_PER_S, 60 * US_PER_S):
        if step_us >= 5 * 60 * US_PER_S and ((times_us + short_us) % step_us == 0).all():
            return times_us + short_us, True
    return times_us, False


def round_step(step_us: int) -> int:
    """The usual step that a median difference of jittering times is meant to be; else the difference itself."""
    near = [usual for usual in _USUAL_STEPS_US if abs(step_us - usual) <= MAX_JITTER_SHARE * usual]
    return near[0] if near else step_us


def find_offsets(times_us: np.ndarray, step_us: int) -> np.ndarray:
    """How far each time is from the grid of ``step_us`` that fits most of them, microseconds."""
    phases, counts = np.unique(times_us % step_us, return_counts=True)
    phase = phases[counts.argmax()]
    if min(phase, step_us - phase) <= MAX_JITTER_SHARE * step_us and len(phases) > 1:
        phase = 0  # jitter around the full step
    return np.asarray((times_us - phase + step_us // 2) % step_us - step_us // 2)


def snap(times_us: np.ndarray, step_us: int) -> np.ndarray:
    """The times moved to their step; those on it already stay."""
    return np.asarray(times_us - find_offsets(times_us, step_us))


def find_held_times(differences: np.ndarray, median: int) -> np.ndarray:
    """How long each row's value holds, microseconds, shape (rows,): to the next row, and no longer than its own step.

    A run of like differences is a step; days, months and years are alike though they differ in length. A difference of
    its own is a gap, in which the shorter of the steps around it holds.
    """
    tolerance = np.where(differences >= _CALENDAR_STEP_US, 0.12, MAX_JITTER_SHARE) * differences
    breaks = np.abs(np.diff(differences)) > np.minimum(tolerance[:-1], tolerance[1:])
    run_of = np.concatenate([[0], np.cumsum(breaks)])
    in_run = np.bincount(run_of)[run_of] >= _MIN_RUN
    if not in_run.any():
        return np.full(len(differences) + 1, median)
    steps = np.where(in_run, differences, 0)
    rows = np.arange(len(differences))
    before = np.maximum.accumulate(np.where(in_run, rows, -1))
    after = np.minimum.accumulate(np.where(in_run, rows, len(rows))[::-1])[::-1]
    before_us = np.where(before >= 0, steps[before], np.iinfo(np.int64).max)
    after_us = np.where(after < len(rows), steps[np.minimum(after, len(rows) - 1)], np.iinfo(np.int64).max)
    own = np.where(in_run, differences, np.minimum(before_us, after_us))
    return np.asarray(np.minimum(np.append(own, own[-1]), np.append(differences, own[-1])))


def find_calendar_spans(times_us: np.ndarray) -> np.ndarray | None:
    """Of times that all are first days of months, or of years: how long each step is, microseconds, shape (rows,)."""
    months = times_us.astype("datetime64[us]").astype("datetime64[M]")
    if (months.astype("datetime64[us]").astype(np.int64) != times_us).any():
        return None
    unit = int(np.gcd.reduce(np.diff(months.astype(np.int64))))
    return np.asarray((months + unit).astype("datetime64[us]").astype(np.int64) - times_us)


def hold_values(values: np.ndarray, first: np.ndarray, spans: np.ndarray, steps: int) -> np.ndarray:
    """Each value on the steps it holds for, NaN elsewhere; not to be written to."""
    regular = np.full(steps, np.nan)
    if (spans == 1).all():
        regular[first] = values
    else:
        at = np.repeat(first, spans) + np.arange(int(spans.sum())) - np.repeat(np.cumsum(spans) - spans, spans)
        regular[at] = np.repeat(values, spans)
    regular.flags.writeable = False
    return regular
