"""The front of a run and the recommended network, as texts, tables and sections of a page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ce_nas.analysis.front_choice import recommend
from ce_nas.report.objective_scale import objective_scales, scale_unit
from ce_nas.report.page import ReportSection, ReportTable
from ce_nas.report.plotting import run_charts as charts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.analysis.front_choice import Recommendation
    from ce_nas.analysis.summary import FrontMember, RunSummary
    from ce_nas.report.i18n.translator import Translator

__all__ = [
    "abbreviate",
    "explain_choice",
    "format_objectives",
    "format_percent",
    "front_table",
    "is_cell",
    "recommendation_section",
    "recommendation_sentences",
]

#: operation of a NAS-Bench-201 cell to its letter; the edges of a node are written without a space between
CELL_LETTERS = {"nor_conv_3x3": "3", "nor_conv_1x1": "1", "avg_pool_3x3": "p", "skip_connect": "s", "none": "-"}
_CELL_EDGE = re.compile(r"\|?(\w+)~\d+\|")
_CELL = re.compile(r"(\|\w+~\d+)+\|(\+(\|\w+~\d+)+\|)+")


def abbreviate(architecture: str, width: int = 32) -> str:
    """An architecture's text in at most ``width`` characters: a cell by a letter an edge, others by their two ends.

    Example:
        >>> abbreviate("|none~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|")
        '- 3s sp3'
        >>> abbreviate("k3_e1|" * 20 + "skip", width=15)
        'k3_e1|k…e1|skip'
    """
    if is_cell(architecture):
        nodes = [_CELL_EDGE.findall(node) for node in architecture.split("+")]
        return " ".join("".join(CELL_LETTERS[name] for name in node) for node in nodes)
    if len(architecture) <= width:
        return architecture
    tail = (width - 1) // 2
    return f"{architecture[: width - 1 - tail]}…{architecture[-tail:]}"


def is_cell(architecture: str) -> bool:
    """Whether a text is a cell of NAS-Bench-201, which `abbreviate` writes by letters."""
    return bool(_CELL.fullmatch(architecture)) and set(_CELL_EDGE.findall(architecture)) <= set(CELL_LETTERS)


def format_percent(share: float) -> str:
    """A share in percent, to a whole number from 10 % on: ``"81 %"``, ``"3.1 %"``."""
    percent = 100.0 * abs(share)
    return f"{percent:.0f} %" if percent >= 9.95 else f"{percent:.1f} %"


def format_objectives(
    values: Mapping[str, float], objectives: Sequence[Mapping[str, Any]], translate: Translator
) -> str:
    """An architecture's objectives in words: ``"accuracy 90.9 %, latency 13.9 ms"``."""
    return translate.join(f"{one['name']} {format_metric(values[one['name']], one['unit'])}" for one in objectives)


def format_metric(value: float, unit: str) -> str:
    """A metric with its unit, to four digits."""
    factor, unit = scale_unit(unit, [value])
    return f"{factor * value:,.4g} {unit}".strip()


def recommendation_sentences(summary: RunSummary, translate: Translator) -> list[str]:
    """Name the recommended network; nothing before the first training has finished."""
    recommendation = recommend(summary)
    if recommendation is None:
        return []
    member = recommendation.member
    values = format_objectives(member.objectives, summary.objectives, translate)
    return [translate("pick.which", architecture=member.architecture, values=values)]


def explain_choice(choice: Recommendation, summary: RunSummary, translate: Translator) -> str:
    """Say why an architecture of the front was chosen, and which comes next."""
    objectives = [one for one in summary.objectives if one["name"] in choice.regrets]
    losses = translate.join(
        translate("pick.loss", name=name, share=format_percent(regret)) for name, regret in choice.regrets.items()
    )
    text = translate(
        f"pick.{choice.kind}",
        rule=choice.rule,
        count=choice.candidates,
        losses=losses,
        names=translate.join(one["name"] for one in objectives),
    )
    if choice.idle_bounds:
        text = f"{text} {translate('pick.idle', bounds=translate.join(choice.idle_bounds))}"
    if choice.runner_up is None:
        return text
    values = format_objectives(choice.runner_up.objectives, summary.objectives, translate)
    return f"{text} {translate('pick.next', architecture=choice.runner_up.architecture, values=values)}".strip()


def recommendation_section(summary: RunSummary, translate: Translator) -> ReportSection:
    """The recommended network with its reason, and the front it was chosen from."""
    recommendation = recommend(summary)
    if recommendation is None:
        return ReportSection("answer", translate("section.answer"), paragraphs=[translate("no_training")])
    return ReportSection(
        "answer",
        translate("section.answer"),
        paragraphs=[
            *recommendation_sentences(summary, translate),
            explain_choice(recommendation, summary, translate),
            *([translate("pick.other", example=_example_rule(summary))] if len(summary.front) > 1 else []),
        ],
        charts=[charts.front_chart(summary, translate, recommendation.member.architecture)],
        tables=[front_table(summary, translate)],
    )


def front_table(summary: RunSummary, translate: Translator) -> ReportTable:
    """List the architectures on the front with their objectives."""
    same = translate.format_unique_functions(len(summary.front), summary.unique_front_functions)
    scales = objective_scales(summary.objectives, summary.front)
    rows = [
        (f"`{member.architecture}`", *(f"{scale.value(member):,.6g}" for scale in scales)) for member in summary.front
    ]
    header = (translate("architecture"), *(scale.label for scale in scales))
    return ReportTable(translate("front.caption", count=len(rows), same=same), header, rows, copyable=True)


def _example_rule(summary: RunSummary) -> str:
    """A bound on the first objective that the upper half of the front keeps."""
    first = summary.objectives[0]
    member: FrontMember = summary.front[len(summary.front) // 3]
    sign = ">=" if first["maximise"] else "<="
    return f"{first['name']}{sign}{member.objectives[first['name']]:.3g}"
