from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra rl")

from ce_nas.policies.learned.actions import MENU
from ce_nas.policies.learned.features import FEATURES
from ce_nas.rl.behavior_cloning import imitate
from ce_nas.rl.evaluate import MISSED
from ce_nas.rl.expert import EVALUATE, REST, SAMPLE, Hindsight, demonstrate, together
from ce_nas.rl.scenarios import Range, Scenarios, engine_of


@pytest.fixture(scope="module")
def shown(records):
    """Of searches with time to spare, and of some that have none."""
    ample, short = (
        demonstrate(Scenarios(0, "test", records, Range(zones=("solar",), gpus=(8,), hours=(hours,))), range(n), 0)
        for hours, n in ((120.0, 6), (30.0, 3))
    )
    return together(ample, short)


def test_a_demonstration_holds_what_was_seen_and_what_was_right(shown):
    assert shown.observations.shape == (len(shown.choices), len(FEATURES))
    assert shown.masks.shape == (len(shown.choices), len(MENU))
    assert {REST, EVALUATE, SAMPLE} == set(shown.choices.tolist())
    assert shown.masks[np.arange(len(shown.choices)), shown.choices].all()
    assert (shown.weights >= 0).all()


def test_it_was_right_to_work_in_clean_hours_and_to_rest_in_dirty_ones(shown):
    cleaner = shown.observations[:, FEATURES.index("cleaner_within_24")]
    may_rest = shown.masks[:, REST]
    rests = shown.choices == REST
    assert cleaner[may_rest & rests].mean() > cleaner[may_rest & ~rests].mean() + 0.1


def test_scores_come_first(shown):
    can_sample = shown.observations[:, FEATURES.index("can_sample")] > 0
    none_yet = shown.observations[:, FEATURES.index("samples")] == 0
    assert not (can_sample & none_yet & (shown.choices == EVALUATE)).any()
    assert not (~can_sample & (shown.choices == SAMPLE)).any()


def test_the_same_seed_gives_the_same_demonstrations(scenarios):
    one, other = demonstrate(scenarios, range(3), 5), demonstrate(scenarios, range(3), 5)
    assert np.array_equal(one.observations, other.observations)
    assert np.array_equal(one.choices, other.choices)


def test_later_rounds_are_of_where_a_policy_gets_to(scenarios, shown):
    policy = imitate(shown, 0)
    found = demonstrate(scenarios, range(3), 5, policy)
    assert not np.array_equal(found.observations, demonstrate(scenarios, range(3), 5).observations)
    both = together(shown, found)
    assert len(both.choices) == len(both.observations) == len(shown.choices) + len(found.choices)
    assert np.array_equal(both.weights[-len(found.weights) :], found.weights)


def test_what_is_to_come_in_hindsight_falls_with_the_work_and_rises_with_every_clean_hour_let_go(records):
    scenario = next(one for one in (Scenarios(0, "test", records)[at] for at in range(9)) if one.trainings)
    engine = engine_of(scenario, None)
    begin = engine.view()
    hindsight = Hindsight(scenario, begin.period_s)
    assert hindsight.needed(begin) == pytest.approx(scenario.trainings / scenario.most_trainings * scenario.hours)
    idle, works = (replace(begin, now_s=3600.0, trained_s=trained_s) for trained_s in (0.0, scenario.gpus * 3600.0))
    assert hindsight.to_come_g(works) < hindsight.to_come_g(idle)
    assert hindsight.to_come_g(begin) <= hindsight.to_come_g(idle)
    late = replace(begin, now_s=(scenario.hours - 1) * 3600.0)
    assert hindsight.to_come_g(late) > MISSED * scenario.work_g
    assert hindsight.to_come_g(replace(late, hypervolume=scenario.target)) == 0.0
