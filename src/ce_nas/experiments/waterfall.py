"""The waterfall: what each part of CE-NAS adds to the times fewer grams than vanilla LaMOO, in turn and by itself.

The parts are added in the order of :data:`STEPS`; each is also left out of the whole, which is the same as adding it
last. A part pays where both intervals lie above 1.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.formatting import format_interval, format_percentage
from ce_nas.experiments.figures import create_panels
from ce_nas.report.page import ReportTable
from ce_nas.report.plotting.palette import strategy_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from ce_nas.experiments.clustered_ratio import ClusteredRatio
    from ce_nas.report.i18n.translator import Translator

    RatioOf = Callable[[str, str], ClusteredRatio | None]

__all__ = ["WaterfallStep", "build_waterfall", "draw_waterfall", "waterfall_content", "waterfall_table"]

#: the least ratio that is drawn
_FLOOR = 0.1
BASELINE, WHOLE = "vanilla-lamoo", "look-ahead-surrogate"
#: name of a part; the strategy with it and all before; the whole without it, None where it is no part of the whole
STEPS = (
    ("searcher", "vanilla-surrogate", "look-ahead-lamoo"),
    ("scores", "scored-surrogate", "look-ahead-unscored"),
    ("hours", WHOLE, "scored-surrogate"),
    ("short", "short-surrogate", None),
    ("power", "power-surrogate", None),
)


@dataclass(frozen=True, slots=True)
class WaterfallStep:
    """What one part is worth."""

    part: str
    #: times fewer grams than vanilla LaMOO with all parts up to this one; a part beyond the whole is added to it alone
    total: ClusteredRatio
    #: grams without the part over grams with it, all earlier parts in place; None where the part before was not run
    added: ClusteredRatio | None
    #: the same in the whole; None where it was not run
    left_out: ClusteredRatio | None


def build_waterfall(ratio: RatioOf) -> list[WaterfallStep]:
    """The steps whose strategies were run.

    :param ratio: the grams of the second strategy over those of the first, None where one of them was not run.
    """
    steps, before = [], BASELINE
    for part, with_it, without in STEPS:
        if total := ratio(with_it, BASELINE):
            last = ratio(WHOLE, without) if without else ratio(with_it, WHOLE)
            steps.append(WaterfallStep(part, total, ratio(with_it, before), last))
        before = with_it if without else before
    return steps


def waterfall_content(steps: Sequence[WaterfallStep]) -> list[dict[str, Any]]:
    """The steps as plain containers."""
    return [asdict(step) for step in steps]


def waterfall_table(steps: Sequence[WaterfallStep], level: float, translate: Translator) -> ReportTable:
    """A row per part."""
    rows = [
        (
            translate(f"exp.suite.part.{step.part}"),
            format_interval(step.total.ratio),
            format_interval(step.added.ratio) if step.added else "",
            format_interval(step.left_out.ratio) if step.left_out else "",
            format_percentage(step.total.arrival),
        )
        for step in steps
    ]
    header = tuple(translate(f"exp.suite.{name}") for name in ("factor", "vanilla", "added", "left_out", "arrival"))
    return ReportTable(translate("exp.suite.waterfall", level=f"{level:g}"), header, rows, copyable=True)


def draw_waterfall(steps: Sequence[WaterfallStep], level: float, translate: Translator) -> Figure:
    """A bar per part, from what all before it reach to what it reaches with them, with its interval.

    Infinite bounds, and those of searches that did not arrive, are drawn at the edges.
    """
    finite = [bound for step in steps for bound in asdict(step.total.ratio).values() if bound < float("inf")]
    edge = 1.1 * max([2.0, *finite])
    figure, (axes,) = create_panels(1, width=7.0, height=1.4 + 0.42 * len(steps))
    reached, whole = 1.0, {part for part, _, without in STEPS if without}
    for position, step in enumerate(steps):
        ratio = step.total.ratio
        median, low, high = (min(max(bound, _FLOOR), edge) for bound in (ratio.median, ratio.low, ratio.high))
        colour = strategy_colour(BASELINE if median < reached else WHOLE)
        axes.barh(position, median - reached, left=reached, color=colour, alpha=0.8)
        axes.plot([low, high], [position, position], color="black", linewidth=1.0)
        reached = median if step.part in whole else reached
    axes.axvline(1.0, color="grey", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(steps)), [translate(f"exp.suite.part.{step.part}") for step in steps])
    axes.invert_yaxis()
    axes.set_xscale("log")  # equal factors are equally long
    ticks = [tick for tick in (0.5, 1, 2, 5, 10, 20, 50, 100, 200) if tick <= edge]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set(xlabel=translate("exp.suite.vanilla"), title=translate("exp.suite.to_level", level=f"{level:g}"))
    return figure
