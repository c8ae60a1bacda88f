"""The power limit period by period, and a site's cap over time, in whole searches."""

import itertools
import math

import numpy as np
import pytest

from ce_nas.api import Search
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Allocation, Forecast
from ce_nas.energy.mixed_lever import MeasuredTypes
from ce_nas.energy.power_lever import PowerCapSchedule, PowerLever
from ce_nas.energy.power_profile import PowerLimit, PowerProfile
from ce_nas.engine.power_plan import PowerPlan, later_intensity


def plan(caps=None, *, has_lever=False, no_limit=""):
    lever = PowerLever(PowerProfile.builtin("rtx6000"), 0.05, 0.6)
    cap = PowerCapSchedule(*zip(*caps, strict=True)) if caps else None
    power = {"working_w": 400.0, "idle_w": 50.0, "notice_s": 120.0}
    return PowerPlan(lever, has_lever=has_lever, cap=cap, no_limit=no_limit, **power)


def test_under_a_cap_devices_are_slowed_first_and_suspended_next():
    power = plan([(0.0, 3200.0), (3600.0, 2700.0), (7200.0, 1500.0), (10800.0, 0.0)])
    asked = Allocation(sampling=2, evaluating=6)
    unchanged, slowed, suspended, none = (power.decide(asked, 8, at_s) for at_s in (0.0, 3600.0, 7200.0, 10800.0))
    assert (unchanged.limit, unchanged.allocation) == (power.lever.unlimited, asked)
    assert slowed.allocation == asked
    assert 8 * 400.0 * slowed.limit.power_factor <= 2700.0
    faster = power.lever.limits[power.lever.limits.index(slowed.limit) - 1]
    assert 8 * 400.0 * faster.power_factor > 2700.0  # no slower than it must be
    assert suspended.limit == power.lever.most_efficient
    assert suspended.allocation == Allocation(0, 4, released=4)
    assert none.allocation == Allocation(0, 0, released=8)


def test_a_lower_cap_is_followed_the_notice_ahead_and_a_higher_one_when_it_begins():
    power = plan([(0.0, math.inf), (3600.0, 800.0), (7200.0, math.inf)])
    asked = Allocation(0, 4)
    working = {at_s: power.decide(asked, 4, at_s).allocation.evaluating for at_s in (3479.0, 3480.0, 7199.0, 7200.0)}
    assert working == {3479.0: 4, 3480.0: 2, 7199.0: 2, 7200.0: 4}
    assert power.check_times_s(0.0, 3600.0) == [120.0, 3480.0]
    assert power.check_times_s(3600.0, 7200.0) == [3720.0, 7080.0]


def test_tasks_that_are_being_suspended_still_draw():
    power = plan([(0.0, 1300.0)])
    assert power.decide(Allocation(0, 2, released=2), 4, 0.0).limit.power_factor <= 1300.0 / 1600.0
    assert power.decide(Allocation(0, 2, released=2), 2, 0.0).limit == power.lever.unlimited


def test_later_work_is_expected_in_the_clean_hours_before_the_deadline():
    forecast = Forecast("flat", 0.0, 0.0, 3600.0, np.array([300.0, 100.0, 200.0, 400.0, 50.0, 60.0]))
    assert later_intensity(forecast, 0.0, 3 * 3600.0) == 100.0
    assert later_intensity(forecast, 0.0, 6 * 3600.0) == 55.0
    assert later_intensity(None, 0.0, 3600.0) is None


MEASURED = PowerProfile([PowerLimit(400.0, 1.0, 1.0), PowerLimit(300.0, 1.02, 0.7)], "Tesla", "Tesla: measured")


def measuring_plan(*found, no_limit=""):
    answers = iter(found)
    lever = PowerLever(PowerProfile.builtin("rtx6000"), 0.05, 0.6)
    return PowerPlan(
        lever, has_lever=True, working_w=400.0, idle_w=50.0, no_limit=no_limit, measured=lambda: next(answers)
    )


def limits_of(power, periods):
    decisions = []
    for _ in range(periods):
        power.begin_period(300.0, 300.0)
        decisions.append(power.decide(Allocation(0, 2), 2, 0.0))
    return decisions


def test_the_default_limit_stays_until_the_profile_is_measured():
    first, second, third = limits_of(measuring_plan(None, MEASURED), 3)
    assert (first.limit.limit_w, first.limit.time_factor) == (260.0, 1.0)
    assert "is being measured" in first.reason
    assert (second.limit.limit_w, third.limit.limit_w) == (300.0, 300.0)
    assert "By the profile of Tesla: measured." in third.reason


def test_without_a_measured_profile_the_built_in_one_is_used_and_the_reason_given():
    (decision,) = limits_of(measuring_plan("too few steps."), 1)
    assert decision.limit.limit_w == 180.0
    assert decision.reason.endswith("By the built-in profile rtx6000: too few steps.")
    (decision,) = limits_of(measuring_plan(no_limit="it may not be set."), 1)  # nobody is asked
    assert decision.limit.limit_w == 260.0


def test_types_with_profiles_of_their_own_have_limits_of_their_own_and_keep_a_cap():
    other = PowerProfile([PowerLimit(200.0, 1.0, 1.0), PowerLimit(100.0, 1.04, 0.5)], "Volta", "Volta: measured")
    types = MeasuredTypes(((MEASURED, 1), (other, 1)))
    (decision,) = limits_of(measuring_plan(types), 1)
    assert [(each.name, each.limit_w) for each in decision.limit.of_types] == [("Tesla", 300.0), ("Volta", 100.0)]
    assert decision.reason.startswith("Tesla 300 W, Volta 100 W: ")
    assert decision.reason.endswith("By the profile of Tesla: measured; Volta: measured.")
    capped = measuring_plan(types)
    capped.cap = PowerCapSchedule((0.0,), (700.0,))
    (decision,) = limits_of(capped, 1)
    largest = max(each.power_factor for each in decision.limit.of_types)
    assert decision.allocation.evaluating * 400.0 * largest <= 700.0


def test_only_a_live_search_has_a_gpu_to_measure(small_search):
    with pytest.raises(SettingsError, match="no GPU to measure"):
        small_search(power_lever=True, power_profile="measured").run()


def entries(result, kind):
    return [entry for entry in result.entries if entry.kind == kind]


LEVER = {"policy": "vanilla", "evaluations": 60, "hours": 40, "stop": "never"}


def test_the_lever_saves_energy_and_the_durations_follow_it(small_search):
    plain, slowed = small_search(**LEVER).run(), small_search(power_lever=True, **LEVER).run()
    assert plain.summary.evaluations == slowed.summary.evaluations == 60
    limits = entries(slowed, "power_limited")
    assert not entries(plain, "power_limited")
    assert {limit.content["limit_w"] for limit in limits} <= {float(watts) for watts in range(175, 265, 5)}
    assert 0.88 < slowed.summary.energy_j / plain.summary.energy_j < 0.93
    hours = [sum(result.summary.device_hours_by_activity.values()) for result in (plain, slowed)]
    assert 1.03 < hours[1] / hours[0] <= 1.05
    assert [entry.content["architecture"] for entry in entries(plain, "evaluated")][:3] == [
        entry.content["architecture"] for entry in entries(slowed, "evaluated")
    ][:3]


def test_a_resumed_run_has_the_same_limits(small_search, tmp_path):
    from ce_nas.api import resume

    class Stop(Exception):  # noqa: N818
        pass

    def interrupt(period):
        if period["period"] == 2:
            raise Stop

    cap = tmp_path / "cap.csv"
    cap.write_text("time_s,cap_w\n5000,700\n9000,\n")
    flags = {"power_lever": True, "power_cap": cap, "policy": "vanilla"}
    whole = small_search(**flags).run(tmp_path / "whole")
    with pytest.raises(Stop):
        small_search(**flags).run(tmp_path / "part", observer=interrupt)
    resumed = resume(tmp_path / "part")
    assert [(e.kind, e.at_s, e.content) for e in entries(resumed, "power_limited")] == [
        (e.kind, e.at_s, e.content) for e in entries(whole, "power_limited")
    ]
    assert len(entries(whole, "power_limited")) > 3
    assert resumed.summary.carbon_g == whole.summary.carbon_g


def test_the_draw_keeps_a_cap_at_every_moment_and_tasks_lose_nothing(small_search, tmp_path):
    caps = [(0.0, 2000.0), (4000.0, 1100.0), (8000.0, 500.0), (12000.0, 0.0), (15000.0, 2000.0)]
    cap = tmp_path / "cap.csv"
    cap.write_text("time_s,cap_w\n" + "".join(f"{at_s:g},{watts:g}\n" for at_s, watts in caps))
    search = small_search({"prices": {"electricity_price": 0.1}}, power_cap=cap, policy="vanilla", stop="never")
    result, readings = run_with_readings(search)
    for at_s in [reading.start_s + 1e-6 for reading in readings]:
        drawn_w = sum(
            reading.energy_j / (reading.end_s - reading.start_s) * 1.56
            for reading in readings
            if reading.start_s <= at_s < reading.end_s
        )
        allowed_w = [watts for since_s, watts in caps if since_s <= at_s][-1]
        assert drawn_w <= allowed_w + 1e-6, at_s
    suspended = {entry.content["task"] for entry in entries(result, "task_suspended")}
    ended = {entry.content["task"] for entry in entries(result, "evaluated")}
    unfinished = set(entries(result, "run_ended")[0].content["unfinished_tasks"])
    assert suspended
    assert suspended <= ended | unfinished
    reasons = " ".join(entry.content["reason"] for entry in entries(result, "power_limited"))
    assert "slowed to" in reasons
    assert "suspended" in reasons


def run_with_readings(search):
    """The result, and the readings of its ledger: that with the most, since a start may be rehearsed first."""
    from ce_nas.energy.ledger import Ledger

    record, kept = Ledger.record, {}

    def spy(self, batch):
        batch = list(batch)
        kept.setdefault(id(self), []).extend(batch)
        record(self, batch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "record", spy)
        result = search.run()
    return result, max(kept.values(), key=len)


def test_budgets_hold_with_the_lever(small_search):
    result = small_search(power_lever=True, policy="vanilla", carbon_budget="600g", stop="never", hours=20).run()
    assert result.summary.carbon_g["full"] <= 600.0
    unfinished = small_search(power_lever=True, policy="vanilla", hours=3, stop="never").run()
    assert not entries(unfinished, "run_ended")[0].content["unfinished_tasks"]


def test_a_notice_shorter_than_a_checkpoint_is_refused(small_search, tmp_path):
    cap = tmp_path / "cap.csv"
    cap.write_text("time_s,cap_w\n0,700\n")
    with pytest.raises(SettingsError, match=r"power\.cap_notice of 20 s or more"):
        small_search({"power": {"cap_notice": "5s"}}, power_cap=cap).run()


@pytest.mark.parametrize(
    ("power", "name"), [({"profile": "v100"}, "power-profile"), ({"max_slowdown": 0.1}, "max_slowdown")]
)
def test_options_of_the_lever_need_it(small_search, power, name):
    with pytest.raises(SettingsError, match=f"{name}.*has no effect without the lever"):
        small_search({"power": power})


def test_check_times_of_a_period_are_in_order():
    power = plan([(0.0, 900.0), (1800.0, 500.0), (5400.0, 900.0)])
    times = power.check_times_s(0.0, 7200.0)
    assert all(first < second for first, second in itertools.pairwise(times))
    assert times == [120.0, 1680.0, 1800.0, 5280.0, 5400.0]


def test_without_permission_the_lever_is_off_and_a_cap_suspends_alone():
    power = plan([(0.0, 3000.0), (3600.0, 2700.0)], has_lever=True, no_limit="no permission.")
    power.begin_period(300.0, 300.0)
    asked = Allocation(0, 7, released=1)
    assert power.note == "The power limit of the GPUs is left alone: no permission."
    assert power.decide(asked, 7, 0.0).limit == power.lever.unlimited
    capped = power.decide(asked, 7, 3600.0)
    assert (capped.limit, capped.allocation) == (power.lever.unlimited, Allocation(0, 6, released=2))


def test_a_search_on_processors_says_once_that_they_have_no_limit(tmp_path, monkeypatch):
    own = tmp_path / "own.py"
    own.write_text(
        'SPACE = {"width": [1, 2, 3], "depth": [1, 2]}\nOBJECTIVES = ["quality:max:0", "size:min:20"]\n\n\n'
        'def evaluate(architecture):\n    return {"quality": architecture["width"], "size": architecture["depth"]}\n'
    )
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    search = Search(
        live=True, evaluate=own, gpus=1, hours=60, time_scale=2000.0, searcher="random", policy="vanilla",
        power_lever=True,
    )  # fmt: skip
    result = search.run(tmp_path / "run")
    notes = [entry.content["text"] for entry in entries(result, "note")]
    assert sum("only GPUs have one, got cpu" in note for note in notes) == 1
    assert not entries(result, "power_limited")
