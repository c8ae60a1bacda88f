"""What a run saved, in words, as a table and as a chart: against other ways, and against other policies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ce_nas.core.formatting import CARBON_UNITS, format_carbon, format_duration, format_energy, format_percentage
from ce_nas.core.units import G_PER_KG
from ce_nas.report.front import format_percent
from ce_nas.report.page import ReportSection, ReportTable
from ce_nas.report.plotting.chart import Chart, ChartCurve
from ce_nas.report.plotting.palette import BLUE, ORANGE

if TYPE_CHECKING:
    from ce_nas.analysis.counterfactual import Counterfactual, CounterfactualRow
    from ce_nas.analysis.savings import Saving, Savings
    from ce_nas.analysis.statistics import Interval
    from ce_nas.report.i18n.translator import Translator

__all__ = [
    "format_carbon_interval",
    "format_share",
    "replay_section",
    "savings_headline",
    "savings_rows",
    "savings_section",
    "savings_span",
]

#: a smaller difference is reported as none
EQUALITY_TOLERANCE = 0.005
#: the fewest searches for a 95 % interval of their median; that of fewer is their range
_MIN_SEARCHES = 6
#: ways that are taken to the run's quality; the others repeat its work
QUALITY_WAYS = frozenset({"vanilla-random", "vanilla-lamoo", "simple-policy"})


def savings_headline(saved: Savings, translate: Translator) -> str:
    """The first line of everything that shows a run: the share of the carbon that it saved, and against what."""
    used, row = format_carbon(saved.carbon_g), saved.headline
    if row is None:
        reason = next(iter(saved.unavailable.values()), "")
        return translate("headline.unknown", used=used, reason=reason).strip()
    way, share = _describe_way(row, translate), saved.saved_share(row).median
    if math.isinf(row.carbon_g.median):
        return translate("headline.unreached", used=used, way=way, reached=format_percent(row.reached_share))
    goal = translate("headline.goal") if row.way in QUALITY_WAYS else ""
    kind = "alike" if abs(share) < EQUALITY_TOLERANCE else "saved" if share > 0 else "more"
    words = format_percent(share) if share > -1.0 else translate("saved.times", factor=f"{1.0 - share:,.3g}")
    other = format_carbon_interval(row.carbon_g, translate, _describe_range(row, translate))
    kind = kind if share > -1.0 else "times"
    return translate(f"headline.{kind}", share=words, used=used, way=way, other=other, goal=goal)


def savings_span(saved: Savings, translate: Translator) -> str:
    """Name the way that the run gains least on next to that it gains most on; empty with fewer than two."""
    lowest, highest = saved.lowest, saved.highest
    if lowest is None or highest is None or lowest is highest:
        return ""
    return translate(
        "saved.span",
        highest=_describe_way(highest, translate),
        most=format_share(saved.saved_share(highest).median, translate),
        lowest=_describe_way(lowest, translate),
        least=format_share(saved.saved_share(lowest).median, translate),
    )


def savings_rows(saved: Savings, translate: Translator, *, short: bool = False) -> list[tuple[str, str, str, str]]:
    """One row per way, the most carbon first: its name, its grams, the run's share less or more, and the basis.

    :param short: name the ways in a word or two.
    """
    rows = sorted(saved.rows, key=lambda row: -row.carbon_g.median)
    return [
        (
            translate(f"bar.{row.way}") if short else _describe_way(row, translate),
            format_carbon_interval(row.carbon_g, translate),
            _format_share_interval(saved.saved_share(row), translate),
            _describe_basis(row, translate),
        )
        for row in rows
    ]


def savings_section(saved: Savings, translate: Translator) -> ReportSection:
    """The run against every other way that can be computed."""
    rows = savings_rows(saved, translate)
    own = (f"**{translate('way.run')}**", f"**{format_carbon(saved.carbon_g)}**", "", "")
    place = sum(row.carbon_g.median > saved.carbon_g for row in saved.rows)
    header = tuple(translate(f"saved.{name}") for name in ("against", "taken", "less", "basis"))
    table = ReportTable(translate("saved.caption"), header, [*rows[:place], own, *rows[place:]])
    reasons: dict[str, list[str]] = {}
    for way, reason in saved.unavailable.items():
        reasons.setdefault(reason, []).append(translate(f"way.{way}", policy="").strip())
    untold = [translate("saved.untold", ways=translate.join(ways), reason=reason) for reason, ways in reasons.items()]
    return ReportSection(
        "saved",
        translate("section.saved"),
        paragraphs=[savings_span(saved, translate) or savings_headline(saved, translate)],
        charts=[_savings_chart(saved, translate)] if rows else [],
        tables=[table] if rows else [],
        notes=[*([translate("saved.how")] if rows else []), *untold],
    )


def replay_section(counterfactual: Counterfactual, translate: Translator) -> ReportSection:
    """The same work under other policies, with a bound by a perfect forecast."""
    work, oracle = counterfactual.workload, counterfactual.row("oracle")
    header = ("replay.way", "co2eq", "energy.pue", "replay.done", "replay.own_start", "replay.all_starts")
    rows = [_format_replay(row, translate) for row in counterfactual.rows]
    return ReportSection(
        "replay",
        translate("section.replay"),
        paragraphs=[
            translate(
                "replay.work",
                time=format_duration(work.device_s),
                power=f"{work.power_w:,.3g}",
                gpus=work.devices,
                deadline=format_duration(work.deadline_s),
            ),
            translate("replay.oracle", carbon=format_carbon(oracle.carbon_g), share=format_percent(oracle.saved_share)),
        ],
        tables=[
            ReportTable(
                translate("replay.caption", starts=counterfactual.n_starts),
                tuple(translate(key) for key in header),
                rows,
                collapsed=True,
            )
        ],
        notes=[translate("replay.how", forecaster=counterfactual.forecaster), translate("replay.fixed")],
    )


def format_carbon_interval(interval: Interval, translate: Translator, kind: str = "") -> str:
    """Grams with their interval in one unit: ``"12.1 kg [10.2 to 14.0]"``; the median alone if it has no width.

    :param kind: what the interval is, added in the brackets.
    """
    if math.isinf(interval.median):
        return translate("saved.unreached")
    text, unit = format_carbon(interval.median).rsplit(" ", 1)
    scale = CARBON_UNITS[unit]
    digits = len(text.partition(".")[2])
    low, high = (
        translate("saved.unreached") if math.isinf(bound) else f"{bound / scale:,.{digits}f}"
        for bound in (interval.low, interval.high)
    )
    bounds = translate("range", low=low, high=high)
    return f"{text} {unit}" if low == high else f"{text} {unit} [{bounds}{'; ' if kind else ''}{kind}]"


def format_share(share: float, translate: Translator) -> str:
    """A share of carbon saved, in words: ``"81 % less"``, ``"3.1 % more"``, ``"the same"``."""
    if abs(share) < EQUALITY_TOLERANCE / 10:
        return translate("saved.same")
    if share <= -1.0:
        return translate("saved.times", factor=f"{1.0 - share:,.3g}")
    return translate("saved.by_less" if share > 0 else "saved.by_more", share=format_percent(share))


def _format_share_interval(share: Interval, translate: Translator) -> str:
    low, high = sorted((share.low, share.high))
    text = format_share(share.median, translate)
    if f"{low:.2f}" == f"{high:.2f}" or share.median <= -1.0:
        return text
    sign = -1.0 if share.median < 0 else 1.0
    bounds = sorted((sign * low, sign * high))
    low_text, high_text = (f"{round(100.0 * bound):d}" for bound in bounds)
    return f"{text} [{translate('range', low=low_text, high=high_text)}]"


def _describe_way(row: Saving, translate: Translator) -> str:
    return translate(f"way.{row.way}", policy=row.policy).strip()


def _describe_range(row: Saving, translate: Translator) -> str:
    """What an interval is: of how many searches or starts, and whether it is their range."""
    kind = "starts" if row.basis == "replayed" else "searches" if row.count >= _MIN_SEARCHES else "range"
    return translate(f"saved.range.{kind}", count=row.count)


def _describe_basis(row: Saving, translate: Translator) -> str:
    text = translate(f"rests.{row.basis}", count=row.count)
    if row.reached_share < 1.0:
        text += translate("rests.reached", share=format_percent(row.reached_share))
    return text


def _format_replay(row: CounterfactualRow, translate: Translator) -> tuple[str, ...]:
    name = translate(f"rule.{row.policy}")
    amounts = (format_carbon(row.carbon_g), format_energy(row.energy_j), format_duration(row.end_s))
    if row.policy == "at-once":
        return (name, *amounts, "", "")
    spread = row.spread
    shares = (row.saved_share, spread.median, spread.low, spread.high)
    saved, median, low, high = (format_percentage(share, 1, signed=True) for share in shares)
    return (f"**{name}**" if row.policy == "run" else name, *amounts, saved, f"{median} [{low}, {high}]")


def _savings_chart(saved: Savings, translate: Translator) -> Chart:
    """Bars of the grams of each way that reaches the quality, the run itself in another colour."""
    bars = [(translate(f"bar.{row.way}"), row.carbon_g.median) for row in saved.rows]
    bars = sorted((bar for bar in bars if math.isfinite(bar[1])), key=lambda bar: -bar[1])
    place = sum(grams > saved.carbon_g for _, grams in bars)
    bars.insert(place, (translate("way.run"), saved.carbon_g))
    unit = "kg" if bars[0][1] >= G_PER_KG else format_carbon(bars[0][1]).rsplit(" ", 1)[1]
    tooltips = tuple(f"{name}: {format_carbon(grams)} CO2eq" for name, grams in bars)
    lengths = tuple(grams / CARBON_UNITS[unit] for _, grams in bars)
    positions, title = tuple(map(float, range(len(bars)))), translate("chart.saved")
    own = tuple(length if index == place else 0.0 for index, length in enumerate(lengths))
    curves = (
        ChartCurve("", "bars", positions, lengths, BLUE, tooltips=tooltips),
        ChartCurve("", "bars", positions, own, ORANGE),
    )
    categories = tuple(name for name, _ in bars)
    return Chart("saved", title, f"{title}: {'; '.join(tooltips)}", f"{unit} CO2eq", "", curves, categories=categories)
