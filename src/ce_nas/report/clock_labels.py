"""Times of a run whose clock is faster than real time: each is said to be of the grid or real."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.formatting import format_duration, format_elapsed_hours
from ce_nas.core.units import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.analysis.summary import RunSummary
    from ce_nas.report.i18n.translator import Translator

__all__ = ["format_run_hours", "label_grid_time", "label_real_time"]


def format_run_hours(
    summary: RunSummary, translate: Translator, format_hours: Callable[[float], str] = format_elapsed_hours
) -> str:
    """The length of a run; where its clock is faster, the grid's time and the real one.

    :param format_hours: formats hours.
    """
    text = format_hours(summary.simulated_hours)
    if summary.time_scale == 1.0:
        return text
    return translate(
        "clock.run", time=text, real=format_duration(summary.simulated_hours * HOUR_S / summary.time_scale)
    )


def label_grid_time(text: str, summary: RunSummary, translate: Translator) -> str:
    """The text, said to be of the grid's time where real time differs."""
    return text if summary.time_scale == 1.0 else translate("clock.grid", what=text)


def label_real_time(text: str, summary: RunSummary, translate: Translator) -> str:
    """The text, said to be of real time where the grid's differs."""
    return text if summary.time_scale == 1.0 else translate("clock.real", what=text)
