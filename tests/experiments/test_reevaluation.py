from dataclasses import replace

import pytest

from ce_nas.analysis.trajectory import build_trajectory
from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.engine.inputs import RunInputs
from ce_nas.experiments.comparison import compare_with_reference
from ce_nas.experiments.reevaluation import reevaluate_front
from ce_nas.experiments.trials import with_reevaluation


@pytest.fixture(scope="module")
def run():
    settings = settings_from_flags(hours=4, gpus=2, searcher="random", policy="vanilla", zone="gas")
    inputs = RunInputs(settings)
    return inputs, Search.from_settings(settings, inputs=inputs).run()


def test_reevaluation_by_own_objectives_equals_the_run(run):
    inputs, result = run
    front = reevaluate_front(("accuracy", "latency"), inputs, result.entries)
    assert front.hypervolume == pytest.approx(build_trajectory(result.entries).hypervolume)
    assert front.hypervolume_max == pytest.approx(inputs.hypervolume_max)


def test_reevaluation_by_other_objectives(run):
    inputs, result = run
    front = reevaluate_front(("accuracy", "params"), inputs, result.entries)
    assert len(front.hypervolume) == len(build_trajectory(result.entries).hypervolume)
    assert 0 < front.hypervolume[-1] < front.hypervolume_max


def test_reevaluation_replaces_the_hypervolume(make_result):
    results = [
        make_result(name, seed, [point])
        for name, point in (("ce-nas", (99.5, 5, 200, 10)), ("vanilla-lamoo", (99, 40, 300, 80)))
        for seed in (0, 1)
    ]
    reevaluated = with_reevaluation(
        [
            replace(one, reevaluated_hypervolume={"test": [7.0]}, reevaluated_hypervolume_max={"test": 10.0})
            for one in results
        ],
        "test",
    )
    assert [one.trajectory.final_hypervolume for one in reevaluated] == [7.0] * 4
    assert reevaluated[0].hypervolume_max == 10.0
    assert compare_with_reference("", reevaluated).decomposition.carbon_ratio.median == pytest.approx(
        12
    )  # the same level and carbon
