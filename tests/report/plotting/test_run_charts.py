import math
from itertools import pairwise

import pytest

from ce_nas.analysis.trajectory import track
from ce_nas.api import Study
from ce_nas.report.i18n.words import Words
from ce_nas.report.plotting import run_charts as charts


@pytest.fixture(scope="module")
def periods(result):
    return [entry.content for entry in result.entries if entry.kind == "period"]


def test_the_grid_is_that_of_the_journal(result, periods):
    chart = charts.grid_chart(result.entries, Words("en"))
    forecast, true = chart.curves
    assert true.y == tuple(period["intensity_g_per_kwh"] for period in periods)
    ends = [entry.at_s / 3600 for entry in result.entries if entry.kind == "period"]
    assert list(true.x) == [*map(float, range(9)), ends[-1]]
    assert len(forecast.y) == len(true.y) == len(true.hints)
    assert f"{max(true.y):.0f} g CO2eq/kWh" in chart.alt


def test_bands_are_those_of_the_forecaster():
    entries = Study.of(hours=3, gpus=1, searcher="uniform", policy="fixed", forecaster="adaptive").run().entries
    chart = charts.grid_chart(entries, Words("en"))
    bands = [curve for curve in chart.curves if curve.kind == "band"]
    assert bands
    decided = [entry.content for entry in entries if entry.kind == "decided"]
    levels = sorted(decided[0]["quantiles_g_per_kwh"], key=float)
    assert bands[0].low[0] == decided[0]["quantiles_g_per_kwh"][levels[0]]
    assert bands[0].y[0] == decided[0]["quantiles_g_per_kwh"][levels[-1]]
    assert all(low <= high or math.isnan(low) for band in bands for low, high in zip(band.low, band.y, strict=True))


def test_the_division_adds_up_to_all_gpus(result):
    chart = charts.division_chart(result.entries, Words("en"))
    assert [curve.name for curve in chart.curves] == ["evaluating", "sampling", "idle", "released"]
    assert set(chart.curves[-1].y) == {3.0}
    evaluating = chart.curves[0]
    hours = [end - begin for begin, end in pairwise(evaluating.x)]
    assert f"evaluating {sum(map(math.prod, zip(hours, evaluating.y, strict=True))):,.0f}" in chart.alt


def test_the_activities_are_in_order_of_their_grams(result):
    chart = charts.activity_chart(result.summary, Words("en"))
    (bars,) = chart.curves
    assert list(bars.y) == sorted(bars.y, reverse=True)
    assert sum(bars.y) * (1000 if chart.x_label.startswith("kg") else 1) == pytest.approx(
        result.summary.carbon_g["full"]
    )
    assert chart.categories[0] == "training"


def test_the_course_rises_to_what_was_found_by_both_books(result):
    by_hours, by_grams = charts.track_charts(result.entries, result.summary, Words("en"))
    course = track(result.entries)
    assert by_hours.curves[0].y[-1] == course.final == result.summary.hypervolume
    paper, full, top = by_grams.curves
    assert full.x[-1] * 1000 == pytest.approx(result.summary.carbon_g["full"])
    assert paper.x[-1] * 1000 == pytest.approx(result.summary.carbon_g["paper"])
    assert top.y[0] >= full.y[-1]


def test_the_front_is_all_there_with_what_is_taken_apart(result):
    front = result.summary.front
    chart = charts.front_chart(result.summary, Words("en"), front[0].architecture)
    others, taken = chart.curves
    assert taken.hints[0].startswith(front[0].architecture)
    assert len(others.x) + 1 == len(front)
