"""Limits of GPUs of several types: each has its own, within the bound of each."""

import pytest

from ce_nas.energy.mixed_lever import MeasuredTypes, MixedLever, replace_profile
from ce_nas.energy.power_lever import PowerLever
from ce_nas.energy.power_profile import PowerLimit, PowerProfile

STEEP = PowerProfile([PowerLimit(400.0, 1.0, 1.0), PowerLimit(300.0, 1.3, 0.8)], "Steep", "Steep: measured")
FLAT = PowerProfile([PowerLimit(200.0, 1.0, 1.0), PowerLimit(100.0, 1.04, 0.6)], "Flat", "Flat: measured")
LEVERS = {profile.name: PowerLever(profile, 0.05, 0.6) for profile in (STEEP, FLAT)}


@pytest.fixture
def mixed():
    single = PowerLever(PowerProfile.builtin("rtx6000"), 0.05, 0.6)
    return replace_profile(single, MeasuredTypes(((STEEP, 1), (FLAT, 3))))


@pytest.mark.parametrize(("now_g", "later_g"), [(500.0, 100.0), (300.0, 300.0), (50.0, 500.0)])
def test_each_type_has_the_limit_that_is_best_for_it_alone(mixed, now_g, later_g):
    chosen = mixed.choose(now_g, later_g)
    alone = [lever.choose(now_g, later_g) for lever in LEVERS.values()]
    assert [each.limit_w for each in chosen.of_types] == [limit.limit_w for limit in alone]
    assert [each.share for each in chosen.of_types] == [alone[0].limit_w / 400.0, alone[1].limit_w / 200.0]
    assert chosen.time_factor == max(limit.time_factor for limit in alone) <= 1.05
    assert chosen.limit_w == pytest.approx((alone[0].limit_w + 3 * alone[1].limit_w) / 4)
    assert chosen.power_factor == pytest.approx((alone[0].power_factor + 3 * alone[1].power_factor) / 4)
    assert chosen.largest_power_factor == max(limit.power_factor for limit in alone)


def test_the_types_go_down_together_from_the_default_to_the_lowest(mixed):
    assert isinstance(mixed, MixedLever)
    first, last = mixed.limits[0], mixed.limits[-1]
    assert [each.limit_w for each in first.of_types] == [400.0, 200.0]
    assert [each.limit_w for each in last.of_types] == [300.0, 100.0]
    assert first == mixed.unlimited
    assert (first.time_factor, first.largest_power_factor) == (1.0, 1.0)
    means = [limit.limit_w for limit in mixed.limits]
    assert means == sorted(means, reverse=True)
    assert [each.limit_w for each in mixed.slowest.of_types] == [LEVERS["Steep"].slowest.limit_w, 100.0]
    assert [each.limit_w for each in mixed.most_efficient.of_types] == [
        lever.most_efficient.limit_w for lever in LEVERS.values()
    ]
