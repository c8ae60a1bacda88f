"""The stand-in benchmark, stretched to a team's own GPU-hours."""

import pytest

from ce_nas.analysis.trajectory import track
from ce_nas.api import Study
from ce_nas.apps.pilot.proxy_benchmark import StandIn, power_settings
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.units import HOUR_S
from ce_nas.engine.inputs import Materials


@pytest.fixture(scope="module")
def stand_in(figures):
    return StandIn(figures, (0, 1))


def test_todays_searches_take_the_teams_own_gpu_hours(stand_in, figures):
    ends_s = sorted(course.end_s for course in stand_in.courses)
    assert ends_s[0] <= figures.at_once_s * (1 + 1e-9)
    assert figures.at_once_s <= ends_s[1] * (1 + 1e-9)
    for course in stand_in.courses:
        assert 0 < course.trainings <= figures.trainings
        assert course.reached_s <= course.end_s
        assert course.training_s <= figures.gpus * course.end_s


def test_stretching_a_course_is_the_same_as_searching_the_stretched_benchmark(stand_in, figures):
    course = stand_in.courses[0]
    settings = settings_from_flags(
        {"cluster": power_settings(figures)},
        policy="vanilla",
        searcher="lamoo",
        cheap_scores="none",
        gpus=figures.gpus,
        pue=figures.pue,
        evaluations=figures.trainings,
        hours=60,
        zone="coal",
        seed=course.seed,
    )
    result = Study(settings, materials=stand_in.materials(settings, Materials(settings).trace)).run()
    found = track(result.entries)
    first = found.to_reach(course.hypervolume)
    assert found.final == course.hypervolume
    assert first.hours * HOUR_S == pytest.approx(course.reached_s)
    assert first.evaluations == course.trainings
    assert result.summary.simulated_hours * HOUR_S == pytest.approx(course.end_s)
    idle_s = figures.gpus * course.end_s - course.training_s
    energy_j = figures.pue * (figures.gpu_power_w * course.training_s + figures.idle_w * idle_s)
    assert result.summary.energy_j == pytest.approx(energy_j)


def test_cheap_scores_are_stretched_too(stand_in, figures):
    settings = settings_from_flags(gpus=figures.gpus)
    plain = Materials(settings)
    stretched = stand_in.materials(settings, plain.trace)
    assert stretched.cheap_scores.score_s == pytest.approx(plain.cheap_scores.score_s * stand_in.factor)
    assert stand_in.materials(settings_from_flags(cheap_scores="none"), plain.trace).cheap_scores is None
