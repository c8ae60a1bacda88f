import pytest

from ce_nas.analysis.trajectory import build_trajectory
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.plotting.run_comparison import (
    MAX_RUNS,
    ChartedRun,
    compared_carbon_chart,
    compared_fronts_chart,
    compared_trajectory_charts,
)
from ce_nas.report.plotting.svg import render_svg


@pytest.fixture(scope="module")
def runs(finished_run, lamoo_run):
    return [
        ChartedRun(sign, f"run {sign}", one.summary, build_trajectory(one.entries))
        for sign, one in (("A", finished_run), ("B", lamoo_run))
    ]


def test_every_run_has_its_own_curve_and_colour(runs):
    for chart in (*compared_trajectory_charts(runs, Translator("en")), compared_fronts_chart(runs, Translator("ja"))):
        assert [curve.name for curve in chart.curves] == ["A: run A", "B: run B"]
        assert len({curve.colour for curve in chart.curves}) == 2
        assert "nan" not in render_svg(chart)


def test_compared_values_match_the_runs(runs):
    by_grams, by_hours = compared_trajectory_charts(runs, Translator("en"))
    for run, one, two in zip(runs, by_grams.curves, by_hours.curves, strict=True):
        assert one.y[-1] == two.y[-1] == run.trajectory.final_hypervolume
        assert one.x[-1] == pytest.approx(run.trajectory.carbon_g[-1] / 1000)
    assert compared_carbon_chart(runs, Translator("en")).curves[0].y == tuple(
        run.summary.carbon_g["full"] / 1000 for run in runs
    )
    assert len(compared_fronts_chart(runs, Translator("en")).curves[0].x) == len(runs[0].summary.front)


def test_what_the_fronts_of_several_runs_share_is_seen_of_each(runs):
    same = [runs[0], runs[0], runs[1]]
    chart = compared_fronts_chart(same, Translator("en"))
    radii = [curve.radius for curve in chart.curves]
    assert radii == sorted(set(radii), reverse=True)
    assert f'r="{radii[0]:g}" fill="{chart.curves[0].colour}"' in render_svg(chart)


def test_runs_beyond_the_maximum_are_left_out(runs):
    assert len(compared_trajectory_charts(runs * MAX_RUNS, Translator("en"))[0].curves) == MAX_RUNS
