"""The decision paper of a pilot on two sheets of A4: result first, then its certainty and the plan."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ce_nas.apps.pilot.costs import cost_ratio, format_percent, get_measure, intensity_ratio, relative_saving
from ce_nas.apps.pilot.proxy_benchmark import BASELINE_SEARCHER
from ce_nas.core.formatting import format_duration, format_interval, format_number, format_percentage
from ce_nas.core.units import HOUR_S
from ce_nas.report.html import render_paper_html
from ce_nas.report.page import Fact, ReportPage, ReportSection, ReportTable
from ce_nas.report.plotting.chart import Chart, ChartCurve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.analysis.statistics import Interval
    from ce_nas.apps.pilot.costs import SearchCost, SearchMethod
    from ce_nas.apps.pilot.questionnaire import PilotInputs
    from ce_nas.apps.pilot.result import PilotCondition, PilotResult
    from ce_nas.report.i18n.translator import Translator

__all__ = ["decision_html", "decision_page"]

#: measured runs below which the paper gives no verdict
MIN_RUNS_FOR_VERDICT = 3
BLUE, ORANGE = "#0072b2", "#b34700"
#: inputs that the paper lists, in this order
REPORTED_INPUTS = (
    "gpus", "gpu_power_w", "idle_power_w", "pue", "zone", "trace", "gpu_hours", "trainings", "deadline_s",
    "searches_per_year", "electricity_price", "gpu_hour_price", "carbon_price", "adoption_hours", "engineer_price",
)  # fmt: skip
#: those that measured runs state themselves
INPUTS_TAKEN_FROM_RUNS = (
    "gpus", "gpu_power_w", "idle_power_w", "pue", "zone", "trace", "gpu_hours", "trainings", "deadline_s",
)  # fmt: skip


def decision_page(result: PilotResult, translate: Translator) -> ReportPage:
    """Build the paper: recommendation, one search and one year, then sensitivity, open questions, plan and inputs."""
    sections = [
        _decision_section(result, translate),
        _search_section(result, translate),
        _year_section(result, translate),
        _sensitivity_section(result, translate),
        _limitations_section(result, translate),
        _plan_section(result, translate),
        _inputs_section(result, translate),
    ]
    return ReportPage(translate("pilot.title"), _lead_text(result, translate), sections, translate)


def decision_html(result: PilotResult, translate: Translator) -> str:
    """Render the paper as one HTML file that prints on exactly two sheets of A4."""
    footer = translate("pilot.made_by", version=result.provenance.version)
    return render_paper_html(decision_page(result, translate), footer)


def _lead_text(result: PilotResult, translate: Translator) -> str:
    inputs, provenance = result.inputs, result.provenance
    shared = {
        "gpus": provenance.gpus,
        "zone": provenance.zone,
        "searches": f"{inputs.searches_per_year:g}",
        "deadline": format_duration(provenance.deadline_s),
    }
    bounds = translate("pilot.bounds.interval" if result.ce_nas.has_intervals else "pilot.bounds.range")
    if result.is_measured:
        return translate(
            "pilot.lead.measured", runs=provenance.benchmark, count=len(provenance.seeds), bounds=bounds,
            share=format_percentage(result.metered_share), **shared,
        )  # fmt: skip
    return translate(
        "pilot.lead.simulated", gpu_hours=f"{inputs.gpu_hours:,g}", trainings=inputs.trainings,
        seeds=len(provenance.seeds), starts=len(provenance.starts), bounds=bounds, **shared,
    )  # fmt: skip


def _decision_section(result: PilotResult, translate: Translator) -> ReportSection:
    few = [] if result.ce_nas.has_intervals or result.is_measured else [translate("pilot.quick")]
    return ReportSection(
        "decision",
        translate("pilot.section.decision"),
        facts=list(_headline_facts(result, translate)),
        paragraphs=[_verdict_text(result, translate), *few],
    )


def _verdict_text(result: PilotResult, translate: Translator) -> str:
    saving = relative_saving(result.baseline, result.ce_nas, _carbon_g)
    over_shifting = relative_saving(result.shifted, result.ce_nas, _carbon_g)
    shares = {"share": format_percent(saving), "hours": format_percent(over_shifting)}
    if result.is_measured and len(result.provenance.seeds) < MIN_RUNS_FOR_VERDICT:
        return translate("pilot.verdict.few", count=len(result.provenance.seeds), **shares)
    if not math.isfinite(saving.median):
        return translate("pilot.verdict.late", reached=format_percentage(result.ce_nas.reached_share))
    if saving.low <= 0:
        return translate("pilot.verdict.unclear", share=shares["share"])
    verdict = translate("pilot.verdict.go" if over_shifting.low > 0 else "pilot.verdict.hours", **shares)
    without_scores = result.conditions_on("scores")
    if not without_scores:
        return verdict
    caveat = translate("pilot.verdict.scores", without=format_percent(without_scores[0].saving))
    return translate("pilot.sentences", first=verdict, second=caveat)


def _carbon_g(cost: SearchCost) -> float:
    return cost.carbon_g


def _headline_facts(result: PilotResult, translate: Translator) -> Iterator[Fact]:
    units = {"carbon": "kg CO2eq", "energy": "kWh", "money": result.inputs.currency, "hours": "h"}
    labels = {name: translate(name if name in {"carbon", "energy"} else f"pilot.{name}") for name in units}
    for name, unit in units.items():
        if name == "money" and not result.inputs.has_prices:
            yield Fact(labels[name], "-", translate("pilot.money.none"))
            continue
        amount = get_measure(name, result.inputs)
        before, after = result.baseline.median_over(amount), result.ce_nas.median_over(amount)
        share = format_percent(relative_saving(result.baseline, result.ce_nas, amount))
        note = translate("pilot.a_search", before=f"{format_number(before.median)} {unit}", share=share)
        yield Fact(labels[name], f"{format_number(after.median)} {unit}", note)


def _search_section(result: PilotResult, translate: Translator) -> ReportSection:
    inputs = result.inputs
    units = {"energy": "kWh", "carbon": "kg CO2eq", "money": inputs.currency, "hours": "h"}
    names = [name for name in units if name != "money" or inputs.has_prices]
    rows = []
    for method in result.methods:
        label = translate(f"pilot.way.{method.name}")
        amounts = [format_interval(method.median_over(get_measure(name, inputs))) for name in names]
        device_h = format_number(method.median_over(lambda cost: cost.device_s / HOUR_S).median)
        trainings = format_number(method.median_over(lambda cost: cost.trainings).median)
        row = (f"**{label}**" if method is result.ce_nas else label, *amounts)
        rows.append((*row, device_h, trainings, format_percentage(method.reached_share)))
    header = (
        translate("pilot.way"), *(units[name] for name in names), translate("pilot.gpu_hours"),
        translate("pilot.trainings"), translate("pilot.reached"),
    )  # fmt: skip
    return ReportSection(
        "search",
        translate("pilot.section.search"),
        charts=[_carbon_chart(result, translate)],
        tables=[ReportTable(translate("pilot.search.caption"), header, rows)],
        paragraphs=[_quality_text(result, translate), _decomposition_text(result, translate)],
    )


def _quality_text(result: PilotResult, translate: Translator) -> str:
    if result.is_measured:
        return translate("pilot.quality.paired" if result.has_baseline_runs else "pilot.quality.same_work")
    return translate(
        "pilot.quality.simulated",
        baseline=BASELINE_SEARCHER,
        searcher=result.provenance.searcher,
        policy=result.provenance.policy,
    )


def _decomposition_text(result: PilotResult, translate: Translator) -> str:
    """The carbon ratio as the energy ratio times the intensity ratio."""
    energy_ratio = format_interval(cost_ratio(result.baseline, result.ce_nas, lambda cost: cost.energy_j))
    carbon_ratio = format_interval(cost_ratio(result.baseline, result.ce_nas, _carbon_g))
    cleaner = format_interval(intensity_ratio(result.baseline, result.ce_nas))
    by_shifting = format_percent(relative_saving(result.baseline, result.shifted, _carbon_g))
    bound = format_percent(relative_saving(result.baseline, result.oracle_shifted, _carbon_g))
    return translate(
        "pilot.split", fewer=energy_ratio, better=cleaner, ratio=carbon_ratio, alone=by_shifting, bound=bound
    )


def _carbon_chart(result: PilotResult, translate: Translator) -> Chart:
    """Bars of the carbon per search: CE-NAS above the other methods."""
    methods, amount = (result.ce_nas, *result.methods[:-1]), get_measure("carbon", result.inputs)
    medians_kg = [method.median_over(amount) for method in methods]
    names = tuple(translate(f"pilot.way.{method.name}") for method in methods)
    lengths = tuple(interval.median if math.isfinite(interval.median) else 0.0 for interval in medians_kg)
    tooltips = tuple(
        f"{name}: {format_interval(interval)} kg CO2eq" for name, interval in zip(names, medians_kg, strict=True)
    )
    positions = tuple(map(float, range(len(names))))
    bars = (
        ChartCurve("", "bars", positions, lengths, BLUE, tooltips=tooltips),
        ChartCurve("", "bars", positions, (lengths[0], *([0.0] * (len(lengths) - 1))), ORANGE),
    )
    title = translate("pilot.chart")
    return Chart("ways", title, f"{title}: {'; '.join(tooltips)}", "kg CO2eq", "", bars, categories=names)


def _year_section(result: PilotResult, translate: Translator) -> ReportSection:
    inputs = result.inputs
    units = {"energy": "kWh", "carbon": "kg CO2eq", **({"money": inputs.currency} if inputs.has_prices else {})}
    searches = inputs.searches_per_year
    names = [translate(f"pilot.way.{method.name}") for method in _compared(result)]
    names += [f"**{translate(key)}**" for key in ("pilot.year.saved", "pilot.year.saved_hours")]
    columns = [_year_column(result, unit) for unit in units]
    rows = list(zip(names, *columns, strict=True))
    caption = translate("pilot.year.caption", searches=f"{searches:g}")
    table = ReportTable(caption, (translate("pilot.way"), *units.values()), rows)
    return ReportSection(
        "year", translate("pilot.section.year"), tables=[table], paragraphs=[_payback_text(result, translate)]
    )


def _compared(result: PilotResult) -> tuple[SearchMethod, ...]:
    return result.baseline, result.shifted, result.ce_nas


def _year_column(result: PilotResult, unit: str) -> list[str]:
    """A year's amounts of the methods, and what CE-NAS saves of the first two.

    All have the same decimals, and the savings are the differences of the amounts as they are printed.
    """
    read_amount, searches = get_measure(unit, result.inputs), result.inputs.searches_per_year
    amounts = [method.median_over(read_amount).scaled(searches) for method in _compared(result)]
    medians = [abs(amount.median) for amount in amounts if amount.median and math.isfinite(amount.median)]
    sizes = [3 - len(str(int(median))) if median >= 1 else 2 - math.floor(math.log10(median)) for median in medians]
    decimals = max(min(max(sizes), min(sizes) + 1), 0) if sizes else 0
    printed = [round(amount.median, decimals) if math.isfinite(amount.median) else amount.median for amount in amounts]
    savings = [
        replace(result.saving_per_year(unit, before), median=median - printed[-1])
        for before, median in zip(_compared(result)[:2], printed[:2], strict=True)
    ]
    return [_format_to(interval, decimals) for interval in (*amounts, *savings)]


def _format_to(interval: Interval, decimals: int) -> str:
    median, low, high = (
        f"{value:,.{decimals}f}" if math.isfinite(value) else "-"
        for value in (interval.median, interval.low, interval.high)
    )
    return f"{median} [{low}, {high}]"


def _payback_text(result: PilotResult, translate: Translator) -> str:
    inputs, searches = result.inputs, result.payback_searches
    hours = f"{inputs.adoption_hours:g}"
    if not inputs.has_prices:
        return translate("pilot.pays.unknown", hours=hours)
    prices = translate("pilot.prices", parts=translate.join(_price_texts(inputs, translate)))
    if searches is None:
        even_price = result.break_even_engineer_price
        price = "-" if even_price is None else f"{max(even_price, 0.0):,.2f} {inputs.currency}"
        return f"{translate('pilot.pays.even', hours=hours, price=price)} {prices}"
    cost = f"{result.adoption_cost:,.0f} {inputs.currency}"
    if math.isinf(searches):
        return f"{translate('pilot.pays.never', hours=hours, cost=cost)} {prices}"
    months = 12.0 * searches / inputs.searches_per_year
    payback = translate(
        "pilot.pays.after", hours=hours, cost=cost, searches=f"{searches:,.0f}", months=f"{months:,.0f}"
    )
    return f"{payback} {prices}"


def _price_texts(inputs: PilotInputs, translate: Translator) -> Iterator[str]:
    prices = {
        "electricity": inputs.electricity_price,
        "gpus": inputs.gpu_hour_price,
        "carbon": inputs.carbon_price,
    }
    for name, price in prices.items():
        if price is not None:
            yield translate(f"pilot.price.{name}", price=f"{price:g} {inputs.currency}")


def _sensitivity_section(result: PilotResult, translate: Translator) -> ReportSection:
    """Sensitivity to zone, season, deadline and proxy scores; for measured runs, to other policies and days."""
    table = _rule_table(result, translate) if result.is_measured else _condition_table(result, translate)
    return ReportSection("sensitivity", translate("pilot.section.sensitivity"), tables=[table], page_break_before=True)


def _condition_table(result: PilotResult, translate: Translator) -> ReportTable:
    header = (
        translate("pilot.condition"), translate("pilot.intensity"), translate("pilot.today.kg"),
        translate("pilot.ce_nas.kg"), translate("pilot.saved"), translate("pilot.saved_by_hours"),
        translate("pilot.reached"),
    )  # fmt: skip
    amount = get_measure("carbon", result.inputs)
    rows = [
        (
            _condition_label(condition, translate),
            f"{condition.intensity_g_per_kwh:.0f}",
            format_interval(condition.baseline.median_over(amount)),
            format_interval(condition.ce_nas.median_over(amount)),
            format_percent(condition.saving),
            format_percent(condition.saving_by_shifting),
            format_percentage(condition.ce_nas.reached_share),
        )
        for condition in result.conditions
    ]
    costs = result.conditions_on("zone")[0].baseline.costs
    return ReportTable(translate("pilot.sensitivity.caption", seeds=len(costs), starts=len(costs[0])), header, rows)


def _condition_label(condition: PilotCondition, translate: Translator) -> str:
    if condition.axis == "season":
        return translate(f"pilot.place.season.{condition.name}")
    label = translate(f"pilot.place.{condition.axis}", name=condition.name)
    return translate("pilot.place.own", place=label) if condition.is_own else label


def _rule_table(result: PilotResult, translate: Translator) -> ReportTable:
    header = (translate("pilot.rule"), translate("pilot.rule.own_start"), translate("pilot.rule.other_days"))
    rows = []
    for rule in result.rules:
        median, low, high = rule.saving_on_other_days
        name = translate("pilot.rule.run" if rule.name == "run" else f"rule.{rule.name}")
        saving, *others = (format_percentage(value, 1, signed=True) for value in (rule.saving, median, low, high))
        rows.append((name, saving, f"{others[0]} [{others[1]}, {others[2]}]"))
    caption = translate("pilot.rules.paired" if result.has_baseline_runs else "pilot.rules.caption")
    return ReportTable(caption, header, rows)


def _limitations_section(result: PilotResult, translate: Translator) -> ReportSection:
    inputs, provenance = result.inputs, result.provenance
    synthetic = translate("pilot.unknown.synthetic") if provenance.synthetic else ""
    origin = f"{provenance.zone} ({provenance.grid_origin})"
    grid = translate("pilot.unknown.grid", origin=origin, synthetic=synthetic)
    released = translate("pilot.unknown.released", idle=f"{provenance.idle_w:.0f}")
    if result.is_measured:
        power = translate("pilot.unknown.metered", share=format_percentage(result.metered_share))
        notes = [power, translate("pilot.unknown.days"), released, grid]
    else:
        how = translate("pilot.as_stated" if "gpu_power_w" in inputs.given_names else "pilot.as_assumed")
        (without_scores,) = result.conditions_on("scores")
        notes = [
            translate(
                "pilot.unknown.stand_in", benchmark=provenance.benchmark, factor=f"{provenance.stretch_factor:.2g}",
                without=format_percent(without_scores.saving),
            ),
            translate("pilot.unknown.today"),
            translate("pilot.unknown.power", power=f"{inputs.gpu_power_w:g}", how=how),
            released,
            grid,
        ]  # fmt: skip
    return ReportSection("unknown", translate("pilot.section.unknown"), notes=notes)


def _plan_section(result: PilotResult, translate: Translator) -> ReportSection:
    """Three stages, pilot, one team, all teams, each with its criterion."""
    inputs = result.inputs
    lowest_saving = max(relative_saving(result.baseline, result.ce_nas, _carbon_g).low, 0.0)
    values = {
        "pilot.stage.1.gate": {"low": format_percentage(lowest_saving)},
        "pilot.stage.2.what": {"count": f"{max(round(inputs.searches_per_year / 4), 1):,}"},
        "pilot.stage.2.gate": {"hours": f"{inputs.adoption_hours:g}"},
    }
    rows = [
        tuple(translate(key, **values.get(key, {})) for key in (stage, f"{stage}.what", f"{stage}.gate"))
        for stage in ("pilot.stage.1", "pilot.stage.2", "pilot.stage.3")
    ]
    header = (translate("pilot.stage"), translate("pilot.what"), translate("pilot.gate"))
    table = ReportTable(translate("pilot.plan.caption"), header, rows, n_text_columns=3)
    return ReportSection("plan", translate("pilot.section.plan"), tables=[table])


def _inputs_section(result: PilotResult, translate: Translator) -> ReportSection:
    """The inputs, given and assumed, and what was run."""
    inputs, provenance = result.inputs, result.provenance
    excluded = {*(INPUTS_TAKEN_FROM_RUNS if result.is_measured else ()), *(() if inputs.trace else ("trace",))}
    names = [name for name in REPORTED_INPUTS if name not in excluded]
    given = [_input_text(name, inputs, translate) for name in names if name in inputs.given_names]
    assumed = [_input_text(name, inputs, translate) for name in names if name not in inputs.given_names]
    notes = [translate("pilot.stated", parts=translate.join(given))] if given else []
    if assumed:
        notes.append(translate("pilot.assumed", parts=translate.join(assumed)))
    starts, seeds = ", ".join(provenance.starts), ", ".join(map(str, provenance.seeds))
    if result.is_measured:
        notes.append(
            translate(
                "pilot.basis.measured", runs=provenance.benchmark, seeds=seeds, starts=starts,
                policy=provenance.policy, searcher=provenance.searcher, forecaster=provenance.forecaster,
            )
        )  # fmt: skip
    else:
        notes.append(translate("pilot.basis.runs", forecaster=provenance.forecaster, seeds=seeds, starts=starts))
        if result.ce_nas.has_intervals:
            notes.append(translate("pilot.basis.intervals"))
    return ReportSection("basis", translate("pilot.section.basis"), notes=notes)


def _input_text(name: str, inputs: PilotInputs, translate: Translator) -> str:
    return f"{translate(f'pilot.name.{name}')} {_format_input(name, inputs, translate)}"


def _format_input(name: str, inputs: PilotInputs, translate: Translator) -> str:
    value: Any = getattr(inputs, name)
    if name == "deadline_s":
        return format_duration(inputs.effective_deadline_s)
    if name in {"gpu_power_w", "idle_power_w"}:
        return f"{inputs.gpu_power_w if name == 'gpu_power_w' else inputs.effective_idle_power_w:,.0f} W"
    if name == "trace":
        return str(value.name)
    if name == "zone":
        return value or "solar"
    if value is None:
        return translate("pilot.no_price")
    unit = f" {inputs.currency}" if name.endswith("_price") else ""
    return f"{value:,g}{unit}"
