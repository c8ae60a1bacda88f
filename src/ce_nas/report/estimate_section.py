"""The estimate that was made before a run next to its outcome, as a sentence and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.formatting import format_carbon, format_energy
from ce_nas.report.page import ReportSection, ReportTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.analysis.estimate_outcome import EstimateOutcome
    from ce_nas.report.i18n.translator import Translator

__all__ = ["estimate_section", "estimate_sentence"]

#: quantity to the key of its name, and how its values are written
_FORMS: dict[str, tuple[str, Callable[[float], str]]] = {
    "carbon_g": ("estimate.carbon", format_carbon),
    "energy_j": ("estimate.energy", format_energy),
    "cost": ("estimate.money", lambda value: f"{value:,.2f}"),
    "hours": ("estimate.hours", lambda value: f"{value:,.1f}"),
    "trainings": ("estimate.trainings", lambda value: f"{value:,.0f}"),
}


def estimate_sentence(outcomes: Sequence[EstimateOutcome], translate: Translator) -> str:
    """The carbon that was estimated, what it was, and whether that is within the interval."""
    carbon = next(one for one in outcomes if one.quantity == "carbon_g")
    key = "expected.inside" if carbon.is_inside else "expected.outside"
    return translate(key, estimate=_format_estimate(carbon, translate), actual=format_carbon(carbon.actual))


def estimate_section(outcomes: Sequence[EstimateOutcome], translate: Translator) -> ReportSection:
    """Every estimated quantity next to its outcome."""
    rows = [
        (
            translate(_FORMS[one.quantity][0]),
            _format_estimate(one, translate),
            _FORMS[one.quantity][1](one.actual),
            translate("expected.yes" if one.is_inside else "expected.no"),
        )
        for one in outcomes
    ]
    header = tuple(translate(f"expected.{name}") for name in ("quantity", "before", "after", "held"))
    return ReportSection(
        "expected",
        translate("section.expected"),
        paragraphs=[estimate_sentence(outcomes, translate)],
        tables=[ReportTable(translate("expected.caption"), header, rows)],
    )


def _format_estimate(outcome: EstimateOutcome, translate: Translator) -> str:
    form = _FORMS[outcome.quantity][1]
    bounds = translate("range", low=form(outcome.estimate.low), high=form(outcome.estimate.high))
    return f"{form(outcome.estimate.median)} [{bounds}]"
