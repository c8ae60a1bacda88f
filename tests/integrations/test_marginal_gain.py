import numpy as np
import pytest

from ce_nas.integrations.marginal_gain import MarginalGainRule


def flat_after(count, trials):
    return np.array([[1.0 / (1 + min(number, count))] for number in range(trials)])


def test_a_study_that_still_gains_goes_on():
    values = np.array([[100.0 - number] for number in range(40)])
    assert MarginalGainRule(0.1).why_stop(values, np.full(40, 100.0)) is None


@pytest.mark.parametrize("threshold", [0.1, "auto"])
def test_a_study_that_gains_nothing_stops_with_its_figures(threshold):
    reason = MarginalGainRule(threshold).why_stop(flat_after(10, 40), np.full(40, 100.0))
    assert reason.startswith("After 40 trials, 13 more, about 1.30 kg of CO2eq, are expected to bring 0.000 %")


def test_grams_decide_what_a_gain_is_worth():
    values = np.array([[1.0 - 0.0001 * number] for number in range(60)])
    values[:30] += 1.0
    assert MarginalGainRule(1.0).why_stop(values, np.full(60, 1.0)) is None  # a little for a few grams
    assert MarginalGainRule(1.0).why_stop(values, np.full(60, 10_000.0)) is not None  # the same for 200 kg


def test_too_few_trials_and_no_rule_never_stop():
    assert MarginalGainRule(0.1).why_stop(flat_after(2, 19), np.full(19, 100.0)) is None
    assert MarginalGainRule("never").why_stop(flat_after(2, 60), np.full(60, 100.0)) is None


def test_several_objectives_count_by_their_hypervolume():
    rng = np.random.default_rng(0)
    values = rng.random((60, 2)) + 1.0
    values[5] = (0.0, 0.0)  # found early; nothing later is as good
    assert MarginalGainRule(0.1).why_stop(values, np.full(60, 50.0)) is not None
    values[[5, 55]] = values[[55, 5]]  # found late
    assert MarginalGainRule(0.1).why_stop(values, np.full(60, 50.0)) is None


def test_failed_trials_do_not_count():
    values = flat_after(10, 40)
    values[20:] = np.inf
    assert MarginalGainRule(0.1).why_stop(values, np.full(40, 100.0)) is not None
    values[15:] = np.nan
    assert MarginalGainRule(0.1).why_stop(values, np.full(40, 100.0)) is None
