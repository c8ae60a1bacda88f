"""How many candidates a search scored, and of how many it measured a cost alone, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from ce_nas.analysis.summary import RunSummary
    from ce_nas.report.i18n.translator import Translator

__all__ = ["count_samples", "describe_samples"]


def count_samples(samples: int, measured: int) -> dict[str, int]:
    """The candidates that were ``scored``, and those ``measured`` alone; none of the latter is left out.

    Example:
        >>> count_samples(12, 0), count_samples(12, 12)
        ({'scored': 12}, {'measured': 12})

    :param samples: candidates of both kinds.
    :param measured: those measured alone.
    """
    scored = samples - measured
    return {**({"scored": scored} if scored or not measured else {}), **({"measured": measured} if measured else {})}


def describe_samples(summary: RunSummary, translate: Translator, form: Literal["short", "long"]) -> str:
    """The candidates that a run scored and measured, as a part of a sentence."""
    counts = count_samples(summary.samples, summary.measured_samples)
    return translate.join(translate(f"samples.{kind}.{form}", count=f"{count:,}") for kind, count in counts.items())
