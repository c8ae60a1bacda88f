import math
from dataclasses import replace
from itertools import pairwise

import pytest

from ce_nas.analysis.summary import FrontMember
from ce_nas.analysis.trajectory import build_trajectory
from ce_nas.api import Search
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.plotting import run_charts as charts


@pytest.fixture(scope="module")
def periods(finished_run):
    return [entry.content for entry in finished_run.entries if entry.kind == "period"]


def test_intensity_chart_matches_the_journal(finished_run, periods):
    chart = charts.intensity_chart(finished_run.entries, Translator("en"))
    *_, forecast, true = chart.curves
    assert true.y == tuple(period["intensity_g_per_kwh"] for period in periods)
    ends = [entry.at_s / 3600 for entry in finished_run.entries if entry.kind == "period"]
    assert list(true.x) == [*map(float, range(9)), ends[-1]]
    assert len(forecast.y) == len(true.y) == len(true.tooltips)
    assert f"{max(true.y):.0f} g CO2eq/kWh" in chart.alt


def test_forecast_intervals_match_the_journal():
    entries = Search(hours=3, gpus=1, searcher="random", policy="fixed", forecaster="adaptive").run().entries
    chart = charts.intensity_chart(entries, Translator("en"))
    bands = [curve for curve in chart.curves if curve.kind == "band"]
    assert bands
    decided = [entry.content for entry in entries if entry.kind == "decided"]
    levels = sorted(decided[0]["quantiles_g_per_kwh"], key=float)
    assert bands[0].lower[0] == decided[0]["quantiles_g_per_kwh"][levels[0]]
    assert bands[0].y[0] == decided[0]["quantiles_g_per_kwh"][levels[-1]]
    assert all(low <= high or math.isnan(low) for band in bands for low, high in zip(band.lower, band.y, strict=True))


def test_allocation_chart_adds_up_to_all_gpus(finished_run):
    chart = charts.allocation_chart(finished_run.entries, Translator("en"))
    assert [curve.name for curve in chart.curves] == ["evaluating", "sampling", "idle", "released"]
    assert set(chart.curves[-1].y) == {3.0}
    evaluating = chart.curves[0]
    hours = [end - begin for begin, end in pairwise(evaluating.x)]
    assert f"evaluating {sum(map(math.prod, zip(hours, evaluating.y, strict=True))):,.0f}" in chart.alt


def test_activities_are_sorted_by_carbon(finished_run):
    chart = charts.carbon_by_activity_chart(finished_run.summary, Translator("en"))
    (bars,) = chart.curves
    assert list(bars.y) == sorted(bars.y, reverse=True)
    assert sum(bars.y) * (1000 if chart.x_label.startswith("kg") else 1) == pytest.approx(
        finished_run.summary.carbon_g["full"]
    )
    assert chart.categories[0] == "training"


def test_trajectory_charts_end_at_the_summary(finished_run):
    by_hours, by_grams = charts.trajectory_charts(finished_run.entries, finished_run.summary, Translator("en"))
    trajectory = build_trajectory(finished_run.entries)
    assert by_hours.curves[0].y[-1] == trajectory.final_hypervolume == finished_run.summary.hypervolume
    full, maximum = by_grams.curves
    assert full.x[-1] * 1000 == pytest.approx(finished_run.summary.carbon_g["full"])
    assert maximum.y[0] >= full.y[-1]


def test_front_chart_separates_the_recommended_architecture(finished_run):
    front = finished_run.summary.front
    chart = charts.front_chart(finished_run.summary, Translator("en"), front[0].architecture)
    others, recommended = chart.curves
    assert recommended.tooltips[0].startswith(front[0].architecture)
    assert len(others.x) + 1 == len(front)


def test_the_front_is_cut_where_its_poor_end_would_set_the_axis(finished_run):
    points = [(91.4, 21.0), (90.9, 14.0), (89.2, 11.5), (84.3, 8.3), (82.9, 8.1), (39.8, 7.9)]
    front = [FrontMember(f"n{at}", {"accuracy": y, "latency": x}) for at, (y, x) in enumerate(points)]
    chart = charts.front_chart(replace(finished_run.summary, front=front), Translator("en"), "n2")
    assert sorted(value for curve in chart.curves for value in curve.y) == [82.9, 84.3, 89.2, 90.9, 91.4]
    assert "1 more" in chart.title
    assert "6 architectures" in chart.alt
