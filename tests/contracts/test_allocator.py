"""What every allocator keeps, whatever it decides."""

import copy
import math
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.config.registry import POLICIES
from ce_nas.core.records import Forecast, View
from ce_nas.forecast.base import Past
from ce_nas.forecast.baselines import DampedProfile
from ce_nas.grid.trace import Series
from ce_nas.policies.baselines import AllEvaluation, AllSampling, FixedShare, Heuristic, SuspendResume, Threshold
from ce_nas.policies.carbon_scaler import Marginal
from ce_nas.policies.learned.features import FEATURES
from ce_nas.policies.learned.network import PolicyNetwork
from ce_nas.policies.learned.policy import Learned
from ce_nas.policies.lookahead import LookAhead


def continuous():
    """A network that was never trained, and puts out shares."""
    rng = np.random.default_rng(0)
    return PolicyNetwork([rng.normal(size=(len(FEATURES), 2))], [np.zeros(2)], discrete=False)


ALLOCATORS = {
    "all-evaluation": AllEvaluation,
    "all-sampling": AllSampling,
    "all-sampling-none": lambda: AllSampling(trainings=0),
    "fixed": FixedShare,
    "fixed-0": lambda: FixedShare(0.0),
    "fixed-1": lambda: FixedShare(1.0),
    "fixed-third": lambda: FixedShare(1 / 3),
    "heuristic": Heuristic,
    "learned": Learned,
    "learned-continuous": lambda: Learned(continuous()),
    "look-ahead": LookAhead,
    "look-ahead-by-money": lambda: LookAhead(money=0.5, scored=0),
    "marginal": Marginal,
    "suspend-resume": SuspendResume,
    "suspend-resume-0": lambda: SuspendResume(0.0),
    "threshold": Threshold,
    "threshold-1": lambda: Threshold(1.0),
}
HOUR_S = 3600.0
DAY = 300 + 100 * np.sin(np.arange(24) / 24 * 2 * np.pi)


def view_of(past=(), coming=None, step_s=HOUR_S, devices=8, **rest):
    forecast = None if coming is None else Forecast("test", 0.0, 0.0, step_s, np.asarray(coming, dtype=float))
    known = {
        "now_s": 0.0,
        "period_s": HOUR_S,
        "devices": devices,
        "past_g_per_kwh": np.asarray(past, dtype=float),
        "past_step_s": step_s,
        "forecast": forecast,
        "evaluations": 20,
        "samples": 200,
        "hypervolume": 4000.0,
        "hypervolume_history": (3900.0, 4000.0),
        "front_size": 7,
        "backlog": 5,
        "backlog_capacity": 10,
        "backlog_front": 2,
        "running": 3,
        "suspended": 1,
        "can_sample": True,
        "trained_s": 20 * 1500.0,
        "carbon_spent_g": 9000.0,
        "energy_spent_j": 30e6,
        "cost_spent": 0.0,
        "time_left_s": 40 * HOUR_S,
        "carbon_left_g": math.inf,
        "energy_left_j": math.inf,
        "cost_left": math.inf,
        "evaluations_left": math.inf,
        "course": (4000.0,) * 60,
    }
    return View(**known | rest)


INTENSITIES = st.floats(0, 2000)


@st.composite
def views(draw):
    past = draw(st.lists(INTENSITIES, max_size=40))
    coming = draw(st.none() | st.lists(INTENSITIES, min_size=1, max_size=6)) if past else None
    return view_of(
        past,
        coming,
        step_s=draw(st.sampled_from([300.0, 900.0, 1800.0, HOUR_S, 3 * HOUR_S, 40 * 24 * HOUR_S])),
        period_s=draw(st.sampled_from([600.0, HOUR_S, 5400.0, 6 * HOUR_S])),
        now_s=draw(st.floats(0, 3 * HOUR_S)),
        devices=draw(st.integers(1, 70)),
        evaluations=draw(st.integers(0, 60)),
        can_sample=draw(st.booleans()),
        time_left_s=draw(st.floats(0, 80 * HOUR_S)),
    )


@pytest.fixture(params=ALLOCATORS)
def make(request):
    return ALLOCATORS[request.param]


def parts(decision):
    allocation = decision.allocation
    return tuple(allocation.counts().values())


@pytest.mark.parametrize("name", ALLOCATORS)
@settings(max_examples=40)
@given(view=views())
def test_every_device_has_one_part(name, view):
    decision = ALLOCATORS[name]().decide(view)
    assert decision.allocation.devices == sum(parts(decision)) == view.devices
    assert min(parts(decision)) >= 0
    assert all(type(part) is int for part in parts(decision))


@pytest.mark.parametrize("name", ALLOCATORS)
@settings(max_examples=40)
@given(view=views())
def test_nothing_is_sampled_where_nothing_is_left_to_sample(name, view):
    assert ALLOCATORS[name]().decide(replace(view, can_sample=False)).allocation.sampling == 0


@pytest.mark.parametrize("name", ALLOCATORS)
@settings(max_examples=40)
@given(view=views(), others=st.lists(views(), max_size=3))
def test_the_view_alone_decides(name, view, others):
    allocator = ALLOCATORS[name]()
    first = allocator.decide(view)
    for other in others:
        allocator.decide(other)
    assert allocator.decide(view) == ALLOCATORS[name]().decide(view) == first


@pytest.mark.parametrize("name", ALLOCATORS)
@settings(max_examples=40)
@given(view=views())
def test_the_view_is_never_changed(name, view):
    before = copy.deepcopy(view)
    ALLOCATORS[name]().decide(view)
    for field in fields(View):
        then, now = getattr(before, field.name), getattr(view, field.name)
        if field.name == "forecast":
            assert (then is None) == (now is None)
            assert then is None or np.array_equal(then.mean_g_per_kwh, now.mean_g_per_kwh)
        else:
            assert np.array_equal(then, now)


@settings(max_examples=40)
@given(view=views())
@pytest.mark.parametrize("name", ALLOCATORS)
def test_the_reason_is_of_sentences(name, view):
    reason = ALLOCATORS[name]().decide(view).reason
    assert reason[0].isupper() or reason[0].isdigit()
    assert reason.endswith(".")
    assert "\n" not in reason
    assert "nan" not in reason


def test_what_the_future_brings_changes_nothing_today(make):
    start = datetime(2021, 7, 2, tzinfo=UTC)
    known = np.tile(DAY, 10)
    decided = set()
    for future in (np.full(240, 1.0), np.full(240, 1500.0), np.full(240, np.nan)):
        series = Series(start, HOUR_S, np.concatenate([known, future])).since(start + timedelta(days=10))
        past = series.past(0.0, 24 * 14)
        forecast = DampedProfile().predict(Past(past, HOUR_S, 0.0, series.zero, "zone"), 48 * HOUR_S)
        decided.add(make().decide(view_of(past, forecast.mean_g_per_kwh)))
    assert len(decided) == 1


@pytest.mark.parametrize("level", [0.0, 0.1, 300.1, 1e-9])
def test_a_flat_grid_never_stops_the_search(make, level):
    past = np.full(24 * 7, level)
    coming = DampedProfile().predict(Past(past, HOUR_S, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "zone"), 24 * HOUR_S)
    allocator = make()
    sampling, evaluating, idle, released = parts(allocator.decide(view_of(past, coming.mean_g_per_kwh)))
    assert idle == 0
    assert sampling + evaluating > 0
    assert released == 0 or allocator.name == "marginal"  # spreads the work over hours that are alike


def test_the_name_is_the_one_it_is_chosen_by(make):
    assert make().name in POLICIES
