import pytest

from ce_nas.analysis.trajectory import track
from ce_nas.report.i18n.words import Words
from ce_nas.report.plotting.comparison import DRAWN, Beside, fronts_chart, grams_chart, tracks_charts
from ce_nas.report.plotting.svg import svg


@pytest.fixture(scope="module")
def runs(result, lamoo):
    return [Beside(sign, f"run {sign}", one.summary, track(one.entries)) for sign, one in (("A", result), ("B", lamoo))]


def test_every_run_has_a_curve_of_its_own_colour_in_each_figure(runs):
    for chart in (*tracks_charts(runs, Words("en")), fronts_chart(runs, Words("ja"))):
        assert [curve.name for curve in chart.curves] == ["A: run A", "B: run B"]
        assert len({curve.colour for curve in chart.curves}) == 2
        assert "nan" not in svg(chart)


def test_the_figures_hold_what_the_runs_found_and_cost(runs):
    by_grams, by_hours = tracks_charts(runs, Words("en"))
    for run, one, two in zip(runs, by_grams.curves, by_hours.curves, strict=True):
        assert one.y[-1] == two.y[-1] == run.track.final
        assert one.x[-1] == pytest.approx(run.track.carbon_g[-1] / 1000)
    assert grams_chart(runs, Words("en")).curves[0].y == tuple(run.summary.carbon_g["full"] / 1000 for run in runs)
    assert len(fronts_chart(runs, Words("en")).curves[0].x) == len(runs[0].summary.front)


def test_more_runs_than_colours_are_left_out(runs):
    assert len(tracks_charts(runs * DRAWN, Words("en"))[0].curves) == DRAWN
