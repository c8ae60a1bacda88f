"""A pilot as a decision paper of two pages: what it says, for :func:`~ce_nas.report.html.paper_html`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ce_nas.apps.pilot.costs import measure, percent, share_saved, times_less
from ce_nas.apps.pilot.second_page import plan_section, rests_on_section, sensitivity_section, unknown_section
from ce_nas.core.formatting import figure_text, interval_text
from ce_nas.core.units import HOUR_S, as_duration
from ce_nas.report.html import paper_html
from ce_nas.report.page import Fact, Page, Section, Table
from ce_nas.report.plotting.chart import Chart, Curve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ce_nas.apps.pilot.costs import Outlay
    from ce_nas.apps.pilot.result import PilotResult
    from ce_nas.report.i18n.words import Words

__all__ = ["decision_html", "decision_page"]

#: measured runs from which on a verdict is passed
FEWEST = 3
BLUE, ORANGE = "#0072b2", "#b34700"


def decision_page(result: PilotResult, words: Words) -> Page:
    """The paper: the decision, a search and a year on the first sheet; how sure it is and the plan on the second."""
    first = [_decision(result, words), _search(result, words), _year(result, words)]
    second = [
        sensitivity_section(result, words),
        unknown_section(result, words),
        plan_section(result, words),
        rests_on_section(result, words),
    ]
    return Page(words("pilot.title"), _lead(result, words), [*first, *second], words)


def decision_html(result: PilotResult, words: Words) -> str:
    """The paper as one HTML file that prints on exactly two sheets of A4."""
    footer = words("pilot.made_by", version=result.facts.version)
    return paper_html(decision_page(result, words), footer)


def _lead(result: PilotResult, words: Words) -> str:
    figures, facts = result.figures, result.facts
    shared = {
        "gpus": facts.gpus,
        "zone": facts.zone,
        "searches": f"{figures.searches_per_year:g}",
        "deadline": as_duration(facts.deadline_s),
    }
    if result.measured:
        few = words("pilot.few") if len(facts.seeds) == 1 else ""
        return words(
            "pilot.lead.measured", runs=facts.benchmark, count=len(facts.seeds), few=few,
            share=f"{result.metered:.0%}", **shared,
        )  # fmt: skip
    return words(
        "pilot.lead.simulated", gpu_hours=f"{figures.gpu_hours:,g}", trainings=figures.trainings,
        seeds=len(facts.seeds), starts=len(facts.starts), **shared,
    )  # fmt: skip


def _decision(result: PilotResult, words: Words) -> Section:
    return Section(
        "decision",
        words("pilot.section.decision"),
        facts=list(_facts(result, words)),
        paragraphs=[_verdict(result, words)],
    )


def _verdict(result: PilotResult, words: Words) -> str:
    today = share_saved(result.today, result.ce_nas, _carbon)
    hours = share_saved(result.good_hours, result.ce_nas, _carbon)
    if result.measured and len(result.facts.seeds) < FEWEST:
        return words("pilot.verdict.few", share=percent(today), hours=percent(hours), count=len(result.facts.seeds))
    if not math.isfinite(today.median):
        return words("pilot.verdict.late", reached=f"{result.ce_nas.reached:.0%}")
    if today.low <= 0:
        return words("pilot.verdict.unclear", share=percent(today))
    key = "pilot.verdict.go" if hours.low > 0 else "pilot.verdict.hours"
    verdict = words(key, share=percent(today), hours=percent(hours))
    without = [words("pilot.verdict.scores", without=percent(one.saved)) for one in result.on("scores")]
    return words("pilot.sentences", first=verdict, second=without[0]) if without else verdict


def _carbon(outlay: Outlay) -> float:
    return outlay.carbon_g


def _facts(result: PilotResult, words: Words) -> Iterator[Fact]:
    units = {"carbon": "kg CO2eq", "energy": "kWh", "money": result.figures.currency, "hours": "h"}
    labels = {name: words(name if name in {"carbon", "energy"} else f"pilot.{name}") for name in units}
    for name, unit in units.items():
        if name == "money" and not result.figures.priced:
            yield Fact(labels[name], "-", words("pilot.money.none"))
            continue
        amount = measure(name, result.figures)
        before, after = result.today.over(amount), result.ce_nas.over(amount)
        less = percent(share_saved(result.today, result.ce_nas, amount))
        note = words("pilot.a_search", before=f"{figure_text(before.median)} {unit}", share=less)
        yield Fact(labels[name], f"{figure_text(after.median)} {unit}", note)


def _search(result: PilotResult, words: Words) -> Section:
    figures = result.figures
    names = ["energy", "carbon", *(["money"] if figures.priced else []), "hours"]
    heads = {"energy": "kWh", "carbon": "kg CO2eq", "money": figures.currency, "hours": "h"}
    rows = []
    for way in result.ways:
        label = words(f"pilot.way.{way.name}")
        cells = [interval_text(way.over(measure(name, figures))) for name in names]
        device_h = figure_text(way.over(lambda one: one.device_s / HOUR_S).median)
        trainings = figure_text(way.over(lambda one: one.trainings).median)
        row = (f"**{label}**" if way is result.ce_nas else label, *cells)
        rows.append((*row, device_h, trainings, f"{way.reached:.0%}"))
    head = (
        words("pilot.way"), *(heads[name] for name in names), words("pilot.gpu_hours"), words("pilot.trainings"),
        words("pilot.reached"),
    )  # fmt: skip
    return Section(
        "search",
        words("pilot.section.search"),
        charts=[_chart(result, words)],
        tables=[Table(words("pilot.search.caption"), head, rows)],
        paragraphs=[_quality(result, words), _split(result, words)],
    )


def _quality(result: PilotResult, words: Words) -> str:
    if result.measured:
        return words("pilot.quality.paired" if result.paired else "pilot.quality.same_work")
    return words("pilot.quality.simulated", searcher=result.facts.searcher, policy=result.facts.policy)


def _split(result: PilotResult, words: Words) -> str:
    """The ratio of grams as that of energies times that of intensities."""
    fewer, better, ratio = (
        times_less(result.today, result.ce_nas, amount)
        for amount in (lambda one: one.energy_j, lambda one: one.carbon_g / one.energy_j, _carbon)
    )
    alone = percent(share_saved(result.today, result.good_hours, _carbon))
    bound = percent(share_saved(result.today, result.best_hours, _carbon))
    return words(
        "pilot.split", fewer=interval_text(fewer), better=interval_text(better), ratio=interval_text(ratio),
        alone=alone, bound=bound,
    )  # fmt: skip


def _chart(result: PilotResult, words: Words) -> Chart:
    """CE-NAS, and below it the others."""
    ways, amount = (result.ce_nas, *result.ways[:-1]), measure("carbon", result.figures)
    grams = [way.over(amount) for way in ways]
    names = tuple(words(f"pilot.way.{way.name}") for way in ways)
    lengths = [one.median if math.isfinite(one.median) else 0.0 for one in grams]
    hints = tuple(f"{name}: {interval_text(one)} kg CO2eq" for name, one in zip(names, grams, strict=True))
    places = tuple(float(place) for place in range(len(names)))
    bars = (
        Curve("", "bars", places, tuple(lengths), BLUE, hints=hints),
        Curve("", "bars", places[:1], tuple(lengths[:1]), ORANGE),
    )
    title = words("pilot.chart")
    return Chart("ways", title, f"{title}: {'; '.join(hints)}", "kg CO2eq", "", bars, categories=names)


def _year(result: PilotResult, words: Words) -> Section:
    figures = result.figures
    units = {"energy": "kWh", "carbon": "kg CO2eq", **({"money": figures.currency} if figures.priced else {})}
    times = figures.searches_per_year
    rows = [
        (
            words(f"pilot.way.{way.name}"),
            *(interval_text(way.over(measure(name, figures)).scaled(times)) for name in units),
        )
        for way in (result.today, result.good_hours, result.ce_nas)
    ]
    for key, before in (("pilot.year.saved", result.today), ("pilot.year.saved_hours", result.good_hours)):
        rows.append((f"**{words(key)}**", *(interval_text(result.saved_per_year(name, before)) for name in units)))
    caption = words("pilot.year.caption", searches=f"{times:g}")
    table = Table(caption, (words("pilot.way"), *units.values()), rows)
    return Section("year", words("pilot.section.year"), tables=[table], paragraphs=[_pays(result, words)])


def _pays(result: PilotResult, words: Words) -> str:
    figures, searches = result.figures, result.payback_searches
    hours = f"{figures.adoption_hours:g}"
    if not figures.priced:
        return words("pilot.pays.unknown", hours=hours)
    prices = words("pilot.prices", parts=words.listed(_prices(result, words)))
    if searches is None:
        price = "-" if result.even_price is None else f"{max(result.even_price, 0.0):,.2f} {figures.currency}"
        return f"{words('pilot.pays.even', hours=hours, price=price)} {prices}"
    cost = f"{result.adoption_cost:,.0f} {figures.currency}"
    if math.isinf(searches):
        return f"{words('pilot.pays.never', hours=hours, cost=cost)} {prices}"
    months = 12.0 * searches / figures.searches_per_year
    paid = words("pilot.pays.after", hours=hours, cost=cost, searches=f"{searches:,.0f}", months=f"{months:,.0f}")
    return f"{paid} {prices}"


def _prices(result: PilotResult, words: Words) -> Iterator[str]:
    figures = result.figures
    stated = {
        "electricity": figures.electricity_price,
        "gpus": figures.gpu_hour_price,
        "carbon": figures.carbon_price,
    }
    for name, price in stated.items():
        if price is not None:
            yield words(f"pilot.price.{name}", price=f"{price:g} {figures.currency}")
