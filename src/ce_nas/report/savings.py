"""The ledger of savings as a section of a report: the run beside what the same work would have cost otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.units import G_PER_KG, as_carbon, as_duration, as_energy
from ce_nas.report.page import Section, Table
from ce_nas.report.plotting.chart import Chart, Curve

if TYPE_CHECKING:
    from ce_nas.analysis.counterfactual import Counterfactual, Row
    from ce_nas.report.i18n.words import Words

__all__ = ["saved_section", "saved_sentences", "unsaved_section"]

RUN, RULE = "#b34700", "#0072b2"
#: a difference smaller than this share is none
ALIKE = 0.005


def saved_section(found: Counterfactual, words: Words) -> Section:
    """What the run saved, and what it could have saved."""
    work = found.work
    paragraphs = [
        words(
            "saved.work", time=as_duration(work.device_s), power=f"{work.power_w:,.3g}", gpus=work.devices,
            deadline=as_duration(work.deadline_s),
        ),
        *saved_sentences(found, words),
        words("saved.oracle", carbon=as_carbon(found.row("oracle").carbon_g), share=f"{found.row('oracle').saved:.1%}"),
    ]  # fmt: skip
    head = ("saved.way", "co2eq", "energy.pue", "saved.done", "saved.own_start", "saved.all_starts")
    rows = [_row(row, words) for row in found.rows]
    caption = words("saved.caption", starts=found.starts)
    return Section(
        "saved",
        words("section.saved"),
        paragraphs=paragraphs,
        charts=[_chart(found, words)],
        tables=[Table(caption, tuple(words(name) for name in head), rows)],
        notes=[words("saved.how", forecaster=found.forecaster), words("saved.not_in"), words("saved.fixed")],
    )


def saved_sentences(found: Counterfactual, words: Words) -> list[str]:
    """The run beside starting at once, and beside the best of the simple rules."""
    run = found.row("run")
    best = min((found.row(name) for name in ("threshold", "heuristic", "look-ahead")), key=lambda row: row.carbon_g)
    return [_against(run, found.row("at-once"), words), _against(run, best, words)]


def unsaved_section(reason: str | None, words: Words) -> Section:
    """Why it cannot be said what was saved; None: nobody has worked it out yet."""
    text = words("saved.later") if reason is None else words("saved.unknown", reason=reason)
    return Section("saved", words("section.saved"), paragraphs=[text])


def _against(run: Row, other: Row, words: Words) -> str:
    """The run beside another way: less, more, or about the same."""
    share = 1.0 - run.carbon_g / other.carbon_g
    key = "saved.alike" if abs(share) < ALIKE else "saved.less" if share > 0 else "saved.more"
    return words(
        key, way=words(f"rule.{other.rule}"), run=as_carbon(run.carbon_g), other=as_carbon(other.carbon_g),
        share=f"{abs(share):.1%}",
    )  # fmt: skip


def _row(row: Row, words: Words) -> tuple[str, ...]:
    way = words(f"rule.{row.rule}")
    if row.rule == "at-once":
        return (way, as_carbon(row.carbon_g), as_energy(row.energy_j), as_duration(row.end_s), "", "")
    return (
        f"**{way}**" if row.rule == "run" else way,
        as_carbon(row.carbon_g),
        as_energy(row.energy_j),
        as_duration(row.end_s),
        f"{row.saved:+.1%}",
        f"{row.spread.median:+.1%} [{row.spread.low:+.1%}, {row.spread.high:+.1%}]",
    )


def _chart(found: Counterfactual, words: Words) -> Chart:
    names = tuple(words(f"rule.{row.rule}") for row in found.rows)
    hints = tuple(f"{name}: {as_carbon(row.carbon_g)} CO2eq" for name, row in zip(names, found.rows, strict=True))
    unit, size = ("kg", G_PER_KG) if found.row("run").carbon_g >= G_PER_KG else ("g", 1.0)
    grams = [row.carbon_g / size for row in found.rows]
    places = tuple(float(place) for place in range(len(names)))
    curves = (
        Curve("", "bars", places, tuple(grams), RULE, hints=hints),
        Curve("", "bars", places[:1], tuple(grams[:1]), RUN),
    )
    return Chart(
        "saved", words("chart.saved"), words("chart.saved") + ": " + "; ".join(hints), f"{unit} CO2eq", "", curves,
        categories=names,
    )  # fmt: skip
