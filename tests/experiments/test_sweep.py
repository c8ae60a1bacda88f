import pytest

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.experiments.strategies import combine
from ce_nas.experiments.sweep import run_sweep, sweep_page
from ce_nas.report.html import render_html
from ce_nas.report.i18n.translator import Translator

SHARED = {"hours": 4, "gpus": 2}
STRATEGIES = [combine("vanilla", "random"), combine("suspend-resume", "random")]


@pytest.mark.long
def test_sweep_rows_are_medians_and_ratios_refer_to_the_first():
    runs = []
    sweep = run_sweep(STRATEGIES, ["solar", "gas"], range(3), SHARED, processes=1, on_run_finished=runs.append)
    assert len(runs) == 2 * 2 * 3
    assert sweep.reference == "vanilla + random"
    assert [(row.zone, row.strategy) for row in sweep.rows] == [
        (zone, strategy.title) for zone in ("solar", "gas") for strategy in STRATEGIES
    ]
    first = sweep.rows[0]
    carbon_kg = sorted(run.summary.carbon_g["full"] / 1000 for run in runs[:3])
    assert first.carbon_kg.median == pytest.approx(carbon_kg[1])
    assert (first.carbon_ratio.median, first.reached_share) == (1.0, 1.0)  # against itself


def test_sweep_is_the_same_in_parallel_processes():
    sequential = run_sweep(STRATEGIES, ["solar"], range(2), SHARED, processes=1)
    parallel = run_sweep(STRATEGIES, ["solar"], range(2), SHARED, processes=2)
    assert sequential == parallel


def test_strategy_that_does_not_reach_the_reference_has_ratio_zero():
    runs = []
    sweep = run_sweep(
        [combine("vanilla", "random"), combine("fixed", "random")],
        ["solar"], [0], {**SHARED, "proxy_scores": "none", "hours": 2}, processes=1, on_run_finished=runs.append,
    )  # fmt: skip
    vanilla, half = runs
    assert half.summary.hypervolume < vanilla.summary.hypervolume
    assert (sweep.rows[1].carbon_ratio.median, sweep.rows[1].reached_share) == (0.0, 0.0)


def test_invalid_settings_are_refused_before_any_run():
    runs = []
    with pytest.raises(SettingsError, match="policy 'vanila'"):
        run_sweep(
            [*STRATEGIES, combine("vanila", "random")],
            [None],
            [0],
            SHARED,
            processes=1,
            on_run_finished=runs.append,
        )
    with pytest.raises(TraceError):
        run_sweep(STRATEGIES, ["solar", "lunar"], [0], SHARED, processes=1, on_run_finished=runs.append)
    with pytest.raises(SettingsError):
        run_sweep([], ["solar"], [0], SHARED, processes=1)
    assert runs == []


@pytest.fixture(scope="module")
def sweep():
    strategies = [combine("vanilla", "random"), combine("fixed", "random")]
    return run_sweep(strategies, ["solar", "gas"], [0], {"hours": 2, "gpus": 2}, processes=1)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_sweep_page_has_a_section_per_zone(sweep, language):
    page = sweep_page(sweep, Translator(language))
    assert [section.name for section in page.sections] == ["zone-0", "zone-1", "basis"]
    text = render_html(page)
    for row in sweep.rows:
        assert f"{row.carbon_kg.median:,.4g} [{row.carbon_kg.low:,.4g}, {row.carbon_kg.high:,.4g}]" in text
    assert text.count("<svg") == 2
    assert "http" not in text.replace("http-equiv", "").replace("http://www.w3.org/2000/svg", "")
