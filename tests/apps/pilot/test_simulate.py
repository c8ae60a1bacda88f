"""A simulated pilot: equal quality, honest counterfactuals, and conditions changed one at a time."""

import pytest

from ce_nas.apps.pilot.inputs import PilotFigures
from ce_nas.apps.pilot.simulate import run_pilot
from ce_nas.core.errors import CeNasError
from ce_nas.core.units import J_PER_KWH


def cells(way):
    return [one for row in way.outlays for one in row]


def test_todays_way_is_charged_until_its_quality_and_billed_to_its_end(result, figures):
    for until, whole in zip(cells(result.today), cells(result.billed), strict=True):
        assert until.energy_j <= whole.energy_j
        assert until.carbon_g <= whole.carbon_g
        assert until.end_s <= whole.end_s
        assert whole.trainings == figures.trainings
    assert len({one.energy_j for one in result.today.outlays[0]}) == 1  # it does not look at the grid
    assert len({one.carbon_g for one in result.today.outlays[0]}) == 2


def test_the_same_work_at_other_hours_draws_no_less_and_the_oracle_is_the_bound(result, figures):
    triples = zip(cells(result.today), cells(result.good_hours), cells(result.best_hours), strict=True)
    training_w = figures.pue * figures.gpu_power_w
    for today, good, best in triples:
        assert good.energy_j == pytest.approx(today.energy_j, rel=0.05)
        assert good.device_s == pytest.approx(good.energy_j / training_w)
        assert best.carbon_g <= min(good.carbon_g, today.carbon_g * 1.01)
        assert good.end_s <= figures.limit_s + 1.0
        assert good.trainings == today.trainings


def test_ce_nas_reaches_the_same_quality_within_the_deadline_or_is_said_not_to(result, figures):
    assert 0 < result.ce_nas.reached <= 1
    for one in cells(result.ce_nas):
        assert not one.reached or one.end_s <= figures.limit_s
    assert {one.axis for one in result.places} == {"zone", "season", "deadline", "scores"}
    (own,) = [one for one in result.on("zone") if one.own]
    assert own.name == "wind"
    assert cells(own.ce_nas) == cells(result.ce_nas)  # quick: the very same searches
    (own_limit,) = [one for one in result.on("deadline") if one.own]
    assert own_limit.name == "40"
    assert result.on("season")
    every = cells(result.today)
    mean = sum(one.carbon_g for one in every) / sum(one.energy_j for one in every) * J_PER_KWH
    assert own.intensity_g_per_kwh == pytest.approx(mean)


def test_what_a_year_saves_and_when_it_pays_back(result, figures):
    per_year = result.saved_per_year("money").median
    assert result.adoption_cost == 40 * 80.0
    assert result.payback_searches == pytest.approx(result.adoption_cost / (per_year / figures.searches_per_year))
    assert result.even_price == pytest.approx(per_year / 40)
    content = result.to_dict()
    assert content["per_search"]["today"]["carbon"]["low"] <= content["per_search"]["today"]["carbon"]["high"]
    assert content["figures"]["stated"] == sorted(figures.stated)
    assert content["saved_per_year"]["money"]["median"] == pytest.approx(per_year)


def test_what_is_of_no_use_is_said_before_anything_runs():
    with pytest.raises(CeNasError, match="atlantis"):
        run_pilot(PilotFigures(zone="atlantis"))
    with pytest.raises(CeNasError, match="effort"):
        run_pilot(PilotFigures(), "lazy")
