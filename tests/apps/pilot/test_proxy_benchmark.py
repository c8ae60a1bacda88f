"""The proxy benchmark, stretched to a team's GPU-hours."""

import pytest

from ce_nas.analysis.trajectory import build_trajectory
from ce_nas.api import Search
from ce_nas.apps.pilot.proxy_benchmark import ProxyBenchmark, build_power_settings
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.units import HOUR_S
from ce_nas.engine.inputs import RunInputs


@pytest.fixture(scope="module")
def benchmark(inputs):
    return ProxyBenchmark(inputs, (0, 1))


def test_baseline_takes_the_given_gpu_hours(benchmark, inputs):
    ends_s = sorted(baseline.end_s for baseline in benchmark.baselines)
    assert ends_s[0] <= inputs.baseline_duration_s * (1 + 1e-9)
    assert inputs.baseline_duration_s <= ends_s[1] * (1 + 1e-9)
    for baseline in benchmark.baselines:
        assert 0 < baseline.trainings <= inputs.trainings
        assert baseline.reached_s <= baseline.end_s
        assert baseline.training_s <= inputs.gpus * baseline.end_s


def test_stretching_equals_searching_the_stretched_benchmark(benchmark, inputs):
    baseline = benchmark.baselines[0]
    settings = settings_from_flags(
        {"cluster": build_power_settings(inputs)},
        policy="vanilla",
        searcher="lamoo",
        proxy_scores="none",
        gpus=inputs.gpus,
        pue=inputs.pue,
        evaluations=inputs.trainings,
        hours=60,
        zone="coal",
        seed=baseline.seed,
    )
    result = Search.from_settings(
        settings, inputs=benchmark.build_run_inputs(settings, RunInputs(settings).trace)
    ).run()
    trajectory = build_trajectory(result.entries)
    usage = trajectory.usage_at_hypervolume(baseline.hypervolume)
    assert trajectory.final_hypervolume == baseline.hypervolume
    assert usage.hours * HOUR_S == pytest.approx(baseline.reached_s)
    assert usage.evaluations == baseline.trainings
    assert result.summary.simulated_hours * HOUR_S == pytest.approx(baseline.end_s)
    idle_s = inputs.gpus * baseline.end_s - baseline.training_s
    energy_j = inputs.pue * (inputs.gpu_power_w * baseline.training_s + inputs.effective_idle_power_w * idle_s)
    assert result.summary.energy_j == pytest.approx(energy_j)


def test_proxy_scores_are_stretched_too(benchmark, inputs):
    settings = settings_from_flags(gpus=inputs.gpus)
    unstretched = RunInputs(settings)
    stretched = benchmark.build_run_inputs(settings, unstretched.trace)
    assert stretched.proxy_scores.scoring_time_s == pytest.approx(
        unstretched.proxy_scores.scoring_time_s * benchmark.stretch_factor
    )
    assert benchmark.build_run_inputs(settings_from_flags(proxy_scores="none"), unstretched.trace).proxy_scores is None
