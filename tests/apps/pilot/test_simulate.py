"""A simulated pilot: equal quality, counterfactuals, and conditions changed one at a time."""

import pytest

from ce_nas.apps.pilot.questionnaire import PilotInputs
from ce_nas.apps.pilot.simulate import run_pilot
from ce_nas.core.errors import CeNasError
from ce_nas.core.units import J_PER_KWH

pytestmark = pytest.mark.long  # a whole pilot, twelve searches and their baselines


def costs(method):
    return [cost for row in method.costs for cost in row]


def test_baseline_is_charged_until_its_quality_and_to_its_end(result, inputs):
    for reached, full in zip(costs(result.baseline), costs(result.full_baseline), strict=True):
        assert reached.energy_j <= full.energy_j
        assert reached.carbon_g <= full.carbon_g
        assert reached.end_s <= full.end_s
        assert full.trainings == inputs.trainings
    assert len({cost.energy_j for cost in result.baseline.costs[0]}) == 1  # it ignores the grid
    assert len({cost.carbon_g for cost in result.baseline.costs[0]}) == 2


def test_shifting_keeps_the_energy_and_the_oracle_is_the_bound(result, inputs):
    triples = zip(costs(result.baseline), costs(result.shifted), costs(result.oracle_shifted), strict=True)
    training_w = inputs.pue * inputs.gpu_power_w
    for baseline, shifted, oracle in triples:
        assert shifted.energy_j == pytest.approx(baseline.energy_j, rel=0.05)
        assert shifted.device_s == pytest.approx(shifted.energy_j / training_w)
        assert oracle.carbon_g <= min(shifted.carbon_g, baseline.carbon_g * 1.01)
        assert shifted.end_s <= inputs.effective_deadline_s + 1.0
        assert shifted.trainings == baseline.trainings


def test_ce_nas_reaches_the_quality_by_the_deadline_or_reports_failure(result, inputs):
    assert 0 < result.ce_nas.reached_share <= 1
    for cost in costs(result.ce_nas):
        assert not cost.has_reached_target or cost.end_s <= inputs.effective_deadline_s
    assert {condition.axis for condition in result.conditions} == {"zone", "season", "deadline", "scores"}
    (own,) = [condition for condition in result.conditions_on("zone") if condition.is_own]
    assert own.name == "wind"
    assert costs(own.ce_nas) == costs(result.ce_nas)  # quick: the same searches
    (own_deadline,) = [condition for condition in result.conditions_on("deadline") if condition.is_own]
    assert own_deadline.name == "40"
    assert result.conditions_on("season")
    baseline_costs = costs(result.baseline)
    mean = sum(cost.carbon_g for cost in baseline_costs) / sum(cost.energy_j for cost in baseline_costs) * J_PER_KWH
    assert own.intensity_g_per_kwh == pytest.approx(mean)


def test_yearly_saving_and_payback(result, inputs):
    per_year = result.saving_per_year("money").median
    assert result.adoption_cost == 40 * 80.0
    assert result.payback_searches == pytest.approx(result.adoption_cost / (per_year / inputs.searches_per_year))
    assert result.break_even_engineer_price == pytest.approx(per_year / 40)
    content = result.to_dict()
    assert content["per_search"]["baseline"]["carbon"]["low"] <= content["per_search"]["baseline"]["carbon"]["high"]
    assert content["inputs"]["given_names"] == sorted(inputs.given_names)
    assert content["saving_per_year"]["money"]["median"] == pytest.approx(per_year)


def test_invalid_inputs_fail_before_any_search():
    with pytest.raises(CeNasError, match="atlantis"):
        run_pilot(PilotInputs(zone="atlantis"))
    with pytest.raises(CeNasError, match="effort"):
        run_pilot(PilotInputs(), "lazy")
