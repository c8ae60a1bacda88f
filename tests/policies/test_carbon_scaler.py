from ce_nas.core.records import Allocation
from ce_nas.policies.carbon_scaler import CarbonScalerPolicy
from ce_nas.testing import make_state

HOUR_S = 3600.0


def decide(forecast, **fields):
    """The decision in a search that is close to its target: little work is left."""
    by_evaluation = (4000.0,) * 37 + (4980.0,) * 100 + (4990.0,) * 13
    known = {"target_hypervolume": 5000.0, "evaluations": 150, "trained_s": 75e3, "hypervolume": 4990.0}
    known["hypervolume_by_evaluation"] = by_evaluation
    return CarbonScalerPolicy(warmup_scores=0).decide(make_state(forecast=forecast, **known | fields))


def test_cheapest_hours_are_filled_first():
    assert decide([100.0] * 4 + [300.0] * 36).allocation == Allocation(0, 8)
    assert decide([300.0] * 4 + [100.0] * 36).allocation == Allocation(0, 0, released=8)


def test_marginal_loss_spreads_work_over_equal_hours():
    allocation = decide([200.0] * 40).allocation
    assert 0 < allocation.evaluating < 8


def test_all_devices_work_when_time_is_short():
    assert decide([200.0] * 40, time_left_s=2 * HOUR_S).allocation == Allocation(0, 8)


def test_higher_confidence_plans_more_work():
    initial = {"evaluations": 0, "hypervolume_by_evaluation": (), "hypervolume": 0.0, "trained_s": 0.0}
    state = make_state(forecast=[150.0] * 20 + [100.0] * 20, target_hypervolume=5000.0, **initial)
    assert CarbonScalerPolicy(warmup_scores=0, confidence=0.5).decide(state).allocation == Allocation(0, 0, released=8)
    assert CarbonScalerPolicy(warmup_scores=0, confidence=0.95).decide(state).allocation == Allocation(0, 8)
