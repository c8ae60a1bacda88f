"""The figures of the README and of docs/concepts.md, as SVG: `python scripts/docs_figures.py [FOLDER]`.

Every figure but one is of the package's own output: a search, a forecast, a partition, the table of docs/protocol.md.
The example of average and marginal intensity is a day of a small, made-up grid, and says so. A figure follows the
reader's light or dark theme.
"""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import ce_nas
from ce_nas.core.units import HOUR_S
from ce_nas.forecast.forecaster_selection import create_forecaster
from ce_nas.forecast.history import RecordedHistory
from ce_nas.grid.synthetic import synthetic_trace
from ce_nas.search.lamoo.partition_tree import PartitionSettings, PartitionTree, path_contains

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

ROOT = Path(__file__).parents[1]
#: colours that change with the theme: as drawn, and what they become on a dark page
PAPER, INK, FAINT = "#fefefe", "#24292e", "#d9dde1"
DARK = {PAPER: "#16191c", INK: "#e3e6e8", FAINT: "#3a4046"}
GREEN, ORANGE, BLUE, GREY, RED = "#2f9e6e", "#d9822b", "#3b82c4", "#8b949e", "#b5483a"
STYLE = {
    "axes.edgecolor": FAINT,
    "axes.facecolor": PAPER,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "figure.facecolor": PAPER,
    "font.size": 11,
    "grid.color": FAINT,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "ce-nas",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
#: of the README's picture: the strategy of the protocol's table, and its words
STRATEGIES = {
    "vanilla LaMOO": "Today's way:\nLaMOO, all GPUs, all hours",
    "surrogate, all hours, scores": "All hours: half of the GPUs\nscore first, our searcher",
    "look-ahead + surrogate": "CE-NAS:\nlook-ahead, our searcher",
}


def main(folder: Path) -> None:
    """Write all figures into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        for name, draw in FIGURES.items():
            figure = Figure(layout="constrained")
            description = draw(figure)
            write(figure, folder / f"{name}.svg", description)
            print(folder / f"{name}.svg")


def write(figure: Figure, path: Path, description: str) -> None:
    """Write an SVG whose theme follows the page's, with ``description`` for those who cannot see it."""
    figure.savefig(path, metadata={"Date": None, "Creator": None, "Title": path.stem, "Description": description})
    rules = "".join(
        f'[style*="{role}: {light}"]{{{role}:{dark}!important}}'
        for light, dark in DARK.items()
        for role in ("fill", "stroke")
    )
    text = re.sub(r"[ \t]+$", "", path.read_text(), flags=re.MULTILINE)
    style = f"<style>@media (prefers-color-scheme: dark){{{rules}}}</style>"
    path.write_text(re.sub(r"(<svg [^>]*>)", rf"\1{style}", text, count=1))


def protocol_rows(share: str) -> dict[str, tuple[str, float]]:
    """Arrival and kg of each strategy of the picture at a share of the largest hypervolume, from docs/protocol.md."""
    rows: dict[str, tuple[str, float]] = {}
    strategy = ""
    table = (ROOT / "docs/protocol.md").read_text().split("## Test half")[1]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        strategy = cells[0] if cells and cells[0] else strategy
        if len(cells) > 4 and cells[1] == share and strategy in STRATEGIES:
            rows[strategy] = (cells[2], float(cells[4]))
    return rows


def draw_grams(figure: Figure) -> str:
    """Grams to equal quality: today's way, a simple rule, CE-NAS."""
    figure.set_size_inches(7.0, 2.6)
    rows = protocol_rows("0.99")
    axes = figure.add_subplot()
    names = list(STRATEGIES)[::-1]
    kilograms = [rows[name][1] for name in names]
    axes.barh(range(len(names)), kilograms, height=0.6, color=[GREEN, BLUE, ORANGE])
    for place, (name, mass) in enumerate(zip(names, kilograms, strict=True)):
        missed = "" if rows[name][0] == "100 %" else f"   ({rows[name][0]} reach it)"
        axes.text(mass + 0.4, place, f"{mass:.3g} kg{missed}", va="center", fontweight="bold" if not place else None)
    axes.set_yticks(range(len(names)), [STRATEGIES[name] for name in names])
    axes.set_xlim(0, max(kilograms) * 1.62)
    axes.set_xlabel("kg CO₂eq to 99 % of the largest hypervolume (median)")
    axes.tick_params(axis="y", length=0)
    return "; ".join(f"{name}: {mass:.3g} kg" for name, mass in zip(names[::-1], kilograms[::-1], strict=True))


def waterfall_rows() -> list[tuple[str, float, float, float]]:
    """Each part of the protocol's waterfall: times fewer grams with all parts up to it, and the interval of that."""
    table = (ROOT / "docs/protocol.md").read_text().split("**The waterfall**, to 0.998")[1]
    lines = itertools.takewhile(lambda line: line.startswith("|"), table.strip().splitlines()[2:])
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    parts = []
    for part, total, *_ in cells[2:]:
        median, low, high = (float(one.replace("∞", "inf")) for one in re.findall(r"[\d.]+|∞", total))
        parts.append((part, median, low, high))
    return parts


def draw_waterfall(figure: Figure) -> str:
    """What each part adds to the times fewer grams than vanilla LaMOO, in turn."""
    figure.set_size_inches(7.0, 2.4)
    axes, rows, edge, reached = figure.add_subplot(), waterfall_rows(), 20.0, 1.0
    for place, (_, median, low, high) in enumerate(rows):
        axes.barh(place, median - reached, left=reached, height=0.6, color=GREEN if place else BLUE)
        axes.plot([low, min(high, edge)], [place, place], color=INK, linewidth=1.2)
        axes.text(edge * 1.05, place, f"{median:.3g} times fewer", va="center")
        reached = median
    axes.set_yticks(range(len(rows)), [part for part, *_ in rows])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(1, edge)
    axes.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
    axes.minorticks_off()
    axes.set_xlabel("times fewer grams than vanilla LaMOO to 99.8 %, with all parts so far")
    axes.tick_params(axis="y", length=0)
    return "; ".join(f"{part}: {median:.3g} times" for part, median, *_ in rows)


def draw_week(figure: Figure) -> str:
    """A search of two GPUs on a sunny grid: intensity, and what the GPUs do."""
    figure.set_size_inches(8.4, 4.2)
    result = ce_nas.run(grid="solar", gpus=2, hours=120, seed=0)
    periods = [entry.content for entry in result.entries if entry.kind == "period"]
    hours = np.array([period["start_s"] / HOUR_S for period in periods])
    intensity = [period["intensity_g_per_kwh"] for period in periods]
    top, below = figure.subplots(2, sharex=True, height_ratios=[2, 1])
    top.step(hours, intensity, where="post", color=INK, linewidth=1.6)
    top.set_ylim(0)
    top.set_ylabel("g CO₂eq/kWh")
    top.set_title("Carbon intensity of the grid; shaded: hours in which GPUs work")
    work = [[period["allocation"][role] for period in periods] for role in ("sampling", "evaluating")]
    below.bar(hours, work[0], 1.0, align="edge", color=BLUE, label="sampling")
    below.bar(hours, work[1], 1.0, align="edge", bottom=work[0], color=GREEN, label="training")
    below.set_yticks([0, 1, 2])
    below.set_ylabel("GPUs")
    below.set_xlabel("hours since the start")
    below.legend(ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.0)
    busy = np.array(work).sum(axis=0) > 0
    for start in hours[busy]:
        top.axvspan(start, start + 1, color=GREEN, alpha=0.18, linewidth=0)
    mean, spent = float(np.mean(intensity)), float(np.array(intensity)[busy].mean())
    return f"Mean intensity of all hours {mean:.0f} g/kWh, of the hours with work {spent:.0f} g/kWh"


def draw_books(figure: Figure) -> str:
    """The same search in both books, by activity."""
    figure.set_size_inches(8.4, 2.5)
    summary = ce_nas.run(grid="solar", gpus=8, hours=80, seed=0).summary
    axes = figure.add_subplot()
    colours = {"training": GREEN, "sampling": BLUE, "idle": GREY, "startup": ORANGE, "checkpoint": INK, "restore": RED}
    at = 0.0
    for name, grams in sorted(summary.carbon_g_by_activity.items(), key=lambda item: -item[1]):
        axes.barh(1, grams / 1000, left=at, color=colours.get(name, INK), label=f"{name} {grams / 1000:.2f} kg")
        at += grams / 1000
    paper = summary.carbon_g["paper"] / 1000
    axes.barh(0, paper, color=GREY, label=f"paper: 1 kW a training GPU, {paper:.2f} kg")
    axes.set_yticks([0, 1], ["paper", "full"])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("kg CO₂eq of one search (the default: 8 GPUs, zone solar)")
    figure.legend(loc="outside upper left", ncols=3)
    return f"full {at:.2f} kg, paper {paper:.2f} kg"


def draw_average_marginal(figure: Figure) -> str:
    """A made-up day: who generates, and the average and marginal intensity that follow."""
    figure.set_size_inches(8.4, 4.2)
    hours = np.arange(25)
    demand = 60 + 12 * np.sin((hours - 9) / 24 * 2 * np.pi) + 8 * np.exp(-(((hours - 19) / 3) ** 2))
    sun = np.clip(np.sin((hours - 6) / 12 * np.pi), 0, None) * 58
    coal = np.full(25, 22.0)
    gas = np.clip(demand - sun - coal, 0, None)
    coal = np.minimum(coal, demand - sun)
    per_kwh = {"sun": 0.0, "coal": 950.0, "gas": 450.0}
    average = (coal * per_kwh["coal"] + gas * per_kwh["gas"]) / demand
    marginal = np.where(gas > 0, per_kwh["gas"], per_kwh["coal"])
    top, below = figure.subplots(2, sharex=True)
    top.stackplot(hours, coal, gas, sun, labels=["coal", "gas", "sun"], colors=[GREY, BLUE, ORANGE], step="post")
    top.set_ylabel("GW")
    top.set_title("A made-up grid: generation")
    top.legend(ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
    below.step(hours, average, where="post", color=GREEN, linewidth=2, label="average: all plants")
    below.step(
        hours, marginal, where="post", color=INK, linewidth=1.5, linestyle="--", label="marginal: the next plant"
    )
    below.set_ylim(0, 1100)
    below.set_xlim(0, 24)
    below.set_xticks(range(0, 25, 4))
    below.set_ylabel("g CO₂eq/kWh")
    below.set_xlabel("hour of the day")
    below.legend(ncols=2, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.0)
    spans = [f"{series.min():.0f} to {series.max():.0f}" for series in (average, marginal)]
    return f"average {spans[0]} g/kWh, marginal {spans[1]}"


def draw_forecast(figure: Figure) -> str:
    """The default forecast of four days on a windy grid, and what came."""
    figure.set_size_inches(8.4, 3.2)
    history = RecordedHistory.from_trace(synthetic_trace("wind", year=2023))
    now_s, horizon_s = 200 * 24 * HOUR_S, 96 * HOUR_S
    forecaster = create_forecaster("online-ensemble")
    inputs = history.inputs_at(now_s, forecaster.lookback_s, horizon_s)
    forecast = forecaster.predict(inputs, horizon_s)
    hours = np.arange(len(forecast.mean_g_per_kwh))
    truth = history.truth(now_s, len(hours))
    axes = figure.add_subplot()
    quantiles = forecast.quantiles_g_per_kwh
    axes.fill_between(hours, quantiles[0.025], quantiles[0.975], color=BLUE, alpha=0.15, linewidth=0, label="95 %")
    axes.fill_between(hours, quantiles[0.1], quantiles[0.9], color=BLUE, alpha=0.3, linewidth=0, label="80 %")
    axes.plot(hours, forecast.mean_g_per_kwh, color=BLUE, linewidth=2, label="forecast")
    axes.plot(hours, truth, color=INK, linewidth=1.4, label="what came")
    axes.set_ylim(0)
    axes.set_xlim(0, 95)
    axes.set_xticks(range(0, 96, 12))
    axes.set_ylabel("g CO₂eq/kWh")
    axes.set_xlabel("hours ahead")
    axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.0)
    error = 100 * float(np.mean(np.abs(forecast.mean_g_per_kwh - truth) / truth))
    return f"mean absolute percentage error {error:.1f} % over four days"


def draw_lamoo(figure: Figure) -> str:
    """A partition of a two-dimensional space by [LaMOO], and the objectives of its samples."""
    figure.set_size_inches(8.4, 3.6)
    rng = np.random.default_rng(4)
    points = rng.random((120, 2))
    tree = PartitionTree(points, two_objectives(points), np.array([1.4, 1.4]), PartitionSettings(leaf_size=15))
    chosen = tree.select_leaf()
    left, right = figure.subplots(1, 2)
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 240), np.linspace(0, 1, 240)), axis=-1).reshape(-1, 2)
    leaves = list(tree.root.leaves())
    region = np.zeros(len(grid))
    for number, leaf in enumerate(leaves):
        region[path_contains(leaf.path, grid)] = number
    shape = (240, 240)
    left.contour(
        grid[:, 0].reshape(shape), grid[:, 1].reshape(shape), region.reshape(shape),
        levels=np.arange(len(leaves)) + 0.5, colors=[GREY], linewidths=1,
    )  # fmt: skip
    inside = path_contains(chosen.path, grid).reshape(shape).astype(float)
    left.contourf(
        grid[:, 0].reshape(shape), grid[:, 1].reshape(shape), inside, levels=[0.5, 1.5], colors=[GREEN], alpha=0.25
    )
    scatter(left, points, chosen.rows)
    left.set_title("space: regions, the chosen one shaded")
    left.set_xlabel("first variable")
    left.set_ylabel("second variable")
    scatter(right, two_objectives(points), chosen.rows)
    right.set_title("objectives of the same samples")
    right.set_xlabel("error (smaller is better)")
    right.set_ylabel("cost (smaller is better)")
    return f"{len(leaves)} regions of {len(points)} samples, {len(chosen.rows)} of them in the chosen region"


def two_objectives(points: np.ndarray) -> np.ndarray:
    """Distances to two points of the space, shape ``(n, 2)``: the front is the line between them."""
    ends = np.array([[0.25, 0.3], [0.7, 0.75]])
    return np.linalg.norm(points[:, None] - ends, axis=2)


def scatter(axes: Axes, points: np.ndarray, chosen: np.ndarray) -> None:
    """All samples, those of the chosen region in colour."""
    axes.scatter(*points.T, s=14, color=GREY)
    axes.scatter(*points[chosen].T, s=22, color=GREEN)


FIGURES: dict[str, Callable[[Figure], str]] = {
    "grams": draw_grams,
    "waterfall": draw_waterfall,
    "week": draw_week,
    "books": draw_books,
    "average-marginal": draw_average_marginal,
    "forecast": draw_forecast,
    "lamoo": draw_lamoo,
}

if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/figures")
