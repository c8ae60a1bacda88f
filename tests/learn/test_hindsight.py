import numpy as np
import pytest

from ce_nas.allocate.menu import MENU
from ce_nas.allocate.observation import FEATURES
from ce_nas.learn.hindsight import BOTH, EVALUATE, REST, demonstrate


@pytest.fixture(scope="module")
def shown(records):
    from ce_nas.learn.scenario import Range, Scenarios

    drawn = Scenarios(0, "test", records, Range(zones=("solar",), gpus=(4,), hours=(30.0,)))
    return demonstrate(drawn, range(12), 0)


def test_a_demonstration_holds_what_was_seen_and_what_was_right(shown):
    assert shown.observations.shape == (len(shown.choices), len(FEATURES))
    assert shown.masks.shape == (len(shown.choices), len(MENU))
    assert {REST, BOTH} <= set(shown.choices.tolist()) <= {REST, EVALUATE, BOTH}
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
    assert not (~can_sample & (shown.choices == BOTH)).any()


def test_the_same_seed_gives_the_same_demonstrations(scenarios):
    one, other = demonstrate(scenarios, range(3), 5), demonstrate(scenarios, range(3), 5)
    assert np.array_equal(one.observations, other.observations)
    assert np.array_equal(one.choices, other.choices)
