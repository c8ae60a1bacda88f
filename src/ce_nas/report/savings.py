"""The section of a report on savings: the run compared with the same work under other policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.formatting import format_carbon, format_duration, format_energy
from ce_nas.core.units import G_PER_KG
from ce_nas.report.page import ReportSection, ReportTable
from ce_nas.report.plotting.chart import Chart, ChartCurve
from ce_nas.report.plotting.palette import BLUE, ORANGE

if TYPE_CHECKING:
    from ce_nas.analysis.counterfactual import Counterfactual, CounterfactualRow
    from ce_nas.report.i18n.translator import Translator

__all__ = ["missing_savings_section", "savings_section", "savings_sentences"]

#: a smaller difference is reported as none
EQUALITY_TOLERANCE = 0.005


def savings_section(counterfactual: Counterfactual, translate: Translator) -> ReportSection:
    """Build the section on what the run saved, and what it could have saved."""
    work, oracle = counterfactual.workload, counterfactual.row("oracle")
    paragraphs = [
        translate(
            "saved.work",
            time=format_duration(work.device_s),
            power=f"{work.power_w:,.3g}",
            gpus=work.devices,
            deadline=format_duration(work.deadline_s),
        ),
        *savings_sentences(counterfactual, translate),
        translate("saved.oracle", carbon=format_carbon(oracle.carbon_g), share=f"{oracle.saved_share:.1%}"),
    ]
    header = ("saved.way", "co2eq", "energy.pue", "saved.done", "saved.own_start", "saved.all_starts")
    rows = [_format_row(row, translate) for row in counterfactual.rows]
    caption = translate("saved.caption", starts=counterfactual.n_starts)
    return ReportSection(
        "saved",
        translate("section.saved"),
        paragraphs=paragraphs,
        charts=[_savings_chart(counterfactual, translate)],
        tables=[ReportTable(caption, tuple(translate(key) for key in header), rows)],
        notes=[
            translate("saved.how", forecaster=counterfactual.forecaster),
            translate("saved.not_in"),
            translate("saved.fixed"),
        ],
    )


def savings_sentences(counterfactual: Counterfactual, translate: Translator) -> list[str]:
    """Compare the run with an immediate start, and with the best policy that uses a forecast."""
    immediate, best = counterfactual.row("at-once"), counterfactual.best_forecast_policy()
    return [_comparison_sentence(counterfactual, other, translate) for other in (immediate, best)]


def missing_savings_section(reason: str | None, translate: Translator) -> ReportSection:
    """Build the placeholder section if savings are unavailable; without a reason they are not computed yet."""
    text = translate("saved.later") if reason is None else translate("saved.unknown", reason=reason)
    return ReportSection("saved", translate("section.saved"), paragraphs=[text])


def _comparison_sentence(counterfactual: Counterfactual, other: CounterfactualRow, translate: Translator) -> str:
    """Say that the run emitted less than a policy, more, or about the same."""
    share = counterfactual.saving_over(other.policy)
    key = "saved.alike" if abs(share) < EQUALITY_TOLERANCE else "saved.less" if share > 0 else "saved.more"
    return translate(
        key,
        way=translate(f"rule.{other.policy}"),
        run=format_carbon(counterfactual.row("run").carbon_g),
        other=format_carbon(other.carbon_g),
        share=f"{abs(share):.1%}",
    )


def _format_row(row: CounterfactualRow, translate: Translator) -> tuple[str, ...]:
    name = translate(f"rule.{row.policy}")
    amounts = (format_carbon(row.carbon_g), format_energy(row.energy_j), format_duration(row.end_s))
    if row.policy == "at-once":
        return (name, *amounts, "", "")
    return (
        f"**{name}**" if row.policy == "run" else name,
        *amounts,
        f"{row.saved_share:+.1%}",
        f"{row.spread.median:+.1%} [{row.spread.low:+.1%}, {row.spread.high:+.1%}]",
    )


def _savings_chart(counterfactual: Counterfactual, translate: Translator) -> Chart:
    names = tuple(translate(f"rule.{row.policy}") for row in counterfactual.rows)
    tooltips = tuple(
        f"{name}: {format_carbon(row.carbon_g)} CO2eq" for name, row in zip(names, counterfactual.rows, strict=True)
    )
    unit, unit_g = ("kg", G_PER_KG) if counterfactual.row("run").carbon_g >= G_PER_KG else ("g", 1.0)
    lengths = tuple(row.carbon_g / unit_g for row in counterfactual.rows)
    positions = tuple(float(index) for index in range(len(names)))
    title = translate("chart.saved")
    return Chart(
        "saved",
        title,
        f"{title}: {'; '.join(tooltips)}",
        f"{unit} CO2eq",
        "",
        (
            ChartCurve("", "bars", positions, lengths, BLUE, tooltips=tooltips),
            ChartCurve("", "bars", positions[:1], lengths[:1], ORANGE),
        ),
        categories=names,
    )
