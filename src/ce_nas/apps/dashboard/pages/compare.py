"""Runs beside one another: what each cost and found, and how many times less than the first one that was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from ce_nas.analysis.trajectory import track
from ce_nas.apps.dashboard.layout import Frame, page
from ce_nas.core.errors import SettingsError
from ce_nas.core.units import as_carbon, as_energy
from ce_nas.experiments.compare import Run, Strategy, side_by_side
from ce_nas.experiments.output import comparison_page
from ce_nas.report.page import Section, Table
from ce_nas.report.plotting.comparison import DRAWN, Beside, fronts_chart, grams_chart, tracks_charts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ce_nas.analysis.summary import Summary
    from ce_nas.apps.dashboard.run_folders import Run as Followed
    from ce_nas.report.i18n.words import Words

__all__ = ["MOST", "beside", "choice_page", "comparing_page", "label_of"]

#: how many runs are compared at most
MOST = 60
#: seconds after which the page asks for news of runs that have not ended
EVERY_S = 5.0
SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def label_of(summary: Summary) -> str:
    """What tells a run from others, shortly."""
    return f"{summary.policy} + {summary.searcher}, {summary.grid['zone']}"


def beside(runs: Sequence[Followed]) -> list[Beside]:
    """The chosen runs in their order.

    :raises SettingsError: if they are too many.
    :raises StoreError: if one cannot be read.
    """
    if len(runs) > MOST:
        message = f"Expected {MOST} runs at most to compare, got {len(runs)}; choose fewer."
        raise SettingsError(message)
    found = []
    for at, run in enumerate(runs):
        summary = run.standing().summary
        sign = SIGNS[at % len(SIGNS)] + (str(at // len(SIGNS)) if at >= len(SIGNS) else "")
        found.append(Beside(sign, label_of(summary), summary, track(run.entries())))
    return found


def choice_page(known: Sequence[tuple[str, str]], words: Words) -> str:
    """The page before any run is chosen.

    :param known: name of each run, and what tells it from others.
    """
    frame = Frame(words("board.compare.title"), words("board.compare.choose"), "compare", "/compare")
    return page("compare.html", frame, words, sections=[], known=known, chosen=())


def comparing_page(names: Sequence[str], runs: Sequence[Beside], known: Sequence[tuple[str, str]], words: Words) -> str:
    """The page of the chosen runs; the first is what the others are held against."""
    alike = all(_asked(run.summary) == _asked(runs[0].summary) for run in runs)
    sections = [_table(names, runs, words, alike=alike), _figures(runs, words, alike=alike)]
    sections += _medians(runs, words) if alike else []
    sections.append(Section("basis", words("section.basis"), notes=list(_notes(runs, words, alike=alike))))
    address = f"/compare?{urlencode([('run', name) for name in names])}"
    every_s = EVERY_S if any(run.summary.stop == "unfinished" for run in runs) else 0.0
    frame = Frame(words("board.compare.title"), words("board.compare.lead"), "compare", address, every_s)
    return page("compare.html", frame, words, sections=sections, known=known, chosen=tuple(names))


def _asked(summary: Summary) -> tuple[object, ...]:
    """What a hypervolume refers to."""
    return (
        summary.benchmark["sha256"],
        tuple((item["name"], item["maximise"], item["reference"]) for item in summary.objectives),
    )


def _table(names: Sequence[str], runs: Sequence[Beside], words: Words, *, alike: bool) -> Section:
    labels = [f"**{run.sign}** {name.replace('~', '/')}" for name, run in zip(names, runs, strict=True)]
    cost = [
        (
            label,
            f"{run.summary.policy} + {run.summary.searcher}",
            run.summary.grid["zone"],
            str(run.summary.seed),
            f"{run.summary.simulated_hours:,.1f}",
            as_carbon(run.summary.carbon_g["full"]),
            as_carbon(run.summary.carbon_g["paper"]),
            as_energy(run.summary.energy_j),
        )
        for label, run in zip(labels, runs, strict=True)
    ]
    found = [
        (
            label,
            f"{run.summary.evaluations:,}",
            f"{len(run.summary.front):,}",
            _found(run.summary),
            *(_against(run, runs[0], words) if alike else (words("board.compare.unlike"),) * 2),
        )
        for label, run in zip(labels, runs, strict=True)
    ]
    sign = runs[0].sign
    cost_head = (
        words("board.run"), words("board.strategy"), words("board.zone"), words("seed"), words("board.compare.hours"),
        words("co2eq"), words("book.paper"), words("energy.pue"),
    )  # fmt: skip
    found_head = (
        words("board.run"), words("trainings"), words("chart.front"), words("hypervolume"),
        words("board.compare.to_reach", reference=sign), words("many.times_less"),
    )  # fmt: skip
    tables = [
        Table(words("board.compare.cost"), cost_head, cost, copies=True, words=3),
        Table(words("board.compare.found", reference=sign), found_head, found, copies=True),
    ]
    return Section("runs", words("board.compare.table"), tables=tables)


def _found(summary: Summary) -> str:
    share = summary.hypervolume_share
    return f"{summary.hypervolume:,.6g}" if share is None else f"{summary.hypervolume:,.6g} ({share:.2%})"


def _against(run: Beside, reference: Beside, words: Words) -> tuple[str, str]:
    """Grams to the reference's final hypervolume, and how many times less than the reference needed to it."""
    level = reference.track.final
    mine, theirs = run.track.to_reach(level), reference.track.to_reach(level)
    if not level or mine is None or theirs is None:
        return words("board.compare.not_reached"), ""
    times = f"{theirs.carbon_g / mine.carbon_g:.2f}" if mine.carbon_g else ""
    return as_carbon(mine.carbon_g), times


def _figures(runs: Sequence[Beside], words: Words, *, alike: bool) -> Section:
    drawn = runs[:DRAWN]
    found = [*tracks_charts(drawn, words), fronts_chart(drawn, words)] if alike else []
    more = [words("board.compare.first", count=DRAWN)] if len(runs) > DRAWN else []
    return Section("figures", words("many.figures"), paragraphs=more, charts=[*found, grams_chart(runs, words)])


def _medians(runs: Sequence[Beside], words: Words) -> list[Section]:
    """Medians over the seeds, where every strategy has the same two seeds or more in every zone."""
    found = [
        Run(Strategy(run.summary.policy, run.summary.searcher), run.summary.grid["zone"], run.summary.seed,
            run.summary, run.track)
        for run in runs
    ]  # fmt: skip
    strategies = list(dict.fromkeys(run.strategy for run in found))
    zones = list(dict.fromkeys(run.zone for run in found))
    cells = [
        sorted(r.seed for r in found if r.strategy == one and r.zone == zone) for one in strategies for zone in zones
    ]
    if len(cells[0]) < 2 or len(set(cells[0])) < len(cells[0]) or any(cell != cells[0] for cell in cells):
        return []
    return list(comparison_page(side_by_side(found, strategies, zones), words).sections[:-1])


def _notes(runs: Sequence[Beside], words: Words, *, alike: bool) -> Iterator[str]:
    if alike:
        yield words("board.compare.how", reference=runs[0].sign)
    else:
        yield words("board.compare.unlike.why")
    grids = {(run.summary.grid["zone"], run.summary.grid["sha256"]) for run in runs}
    if len(grids) > 1:
        yield words("board.compare.grids")
    if len({run.summary.seed for run in runs}) < len(runs) and len(grids) == 1:
        yield words("board.compare.seeds")
    if any(run.summary.stop == "unfinished" for run in runs):
        yield words("board.compare.unfinished")
    if any(run.summary.grid["synthetic"] for run in runs):
        yield words("basis.synthetic")
    yield words("many.books")
