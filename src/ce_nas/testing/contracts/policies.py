"""The contract of policies."""

from __future__ import annotations

import copy
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ce_nas.core.units import HOUR_S
from ce_nas.forecast.base import ForecastInput
from ce_nas.forecast.simple_forecasters import DampedProfile
from ce_nas.grid.trace import Series
from ce_nas.testing.states import make_state, replace_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.core.records import State
    from ce_nas.policies.base import Decision, Policy

__all__ = ["PolicyContract"]

_DAILY_CYCLE = 300 + 100 * np.sin(np.arange(24) / 24 * 2 * np.pi)
_INTENSITIES = st.floats(0, 2000)
#: the fixtures return stateless factories, and the suite is meant to be inherited
_SETTINGS = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@st.composite
def _states(draw: st.DrawFn) -> State:
    past = draw(st.lists(_INTENSITIES, max_size=40))
    return make_state(
        past_g_per_kwh=past,
        forecast=draw(st.none() | st.lists(_INTENSITIES, min_size=1, max_size=6)) if past else None,
        past_step_s=draw(st.sampled_from([300.0, 900.0, 1800.0, HOUR_S, 3 * HOUR_S, 40 * 24 * HOUR_S])),
        period_s=draw(st.sampled_from([600.0, HOUR_S, 5400.0, 6 * HOUR_S])),
        now_s=draw(st.floats(0, 3 * HOUR_S)),
        devices=draw(st.integers(1, 70)),
        evaluations=draw(st.integers(0, 60)),
        hypervolume_history=(3900.0, 4000.0),
        hypervolume_by_evaluation=(4000.0,) * 60,
        can_sample=draw(st.booleans()),
        time_left_s=draw(st.floats(0, 80 * HOUR_S)),
    )


class PolicyContract:
    """A decision allocates every device once, depends on the state alone, and never on the future.

    Fixtures to override: ``make_policy``, a function without arguments that returns a new policy.
    """

    #: names of policies that may release devices on a flat grid, to spread the work over equal hours
    releases_on_flat_grid: tuple[str, ...] = ()

    @pytest.fixture
    def make_policy(self) -> Callable[[], Policy]:
        raise NotImplementedError

    @_SETTINGS
    @given(state=_states())
    def test_every_device_is_allocated_once(self, make_policy: Callable[[], Policy], state: State) -> None:
        decision = make_policy().decide(state)
        assert decision.allocation.devices == sum(_counts(decision)) == state.cluster.devices
        assert min(_counts(decision)) >= 0
        assert all(type(count) is int for count in _counts(decision))

    @_SETTINGS
    @given(state=_states())
    def test_nothing_samples_when_nothing_is_left_to_sample(
        self, make_policy: Callable[[], Policy], state: State
    ) -> None:
        assert make_policy().decide(replace_state(state, can_sample=False)).allocation.sampling == 0

    @_SETTINGS
    @given(state=_states(), others=st.lists(_states(), max_size=3))
    def test_decision_depends_on_the_state_alone(
        self, make_policy: Callable[[], Policy], state: State, others: list[State]
    ) -> None:
        policy = make_policy()
        first = policy.decide(state)
        for other in others:
            policy.decide(other)
        assert policy.decide(state) == make_policy().decide(state) == first

    @_SETTINGS
    @given(state=_states())
    def test_state_is_never_changed(self, make_policy: Callable[[], Policy], state: State) -> None:
        before = copy.deepcopy(state)
        make_policy().decide(state)
        assert _equal(before, state)

    @_SETTINGS
    @given(state=_states())
    def test_reason_consists_of_sentences(self, make_policy: Callable[[], Policy], state: State) -> None:
        reason = make_policy().decide(state).reason
        assert reason[0].isupper() or reason[0].isdigit()
        assert reason.endswith(".")
        assert "\n" not in reason
        assert "nan" not in reason

    def test_decision_does_not_depend_on_the_future(self, make_policy: Callable[[], Policy]) -> None:
        start = datetime(2021, 7, 2, tzinfo=UTC)
        known = np.tile(_DAILY_CYCLE, 10)
        decisions = set()
        for future in (np.full(240, 1.0), np.full(240, 1500.0), np.full(240, np.nan)):
            series = Series(start, HOUR_S, np.concatenate([known, future])).relative_to(start + timedelta(days=10))
            past = series.past(0.0, 24 * 14)
            inputs = ForecastInput(past, HOUR_S, 0.0, series.reference_time, "zone")
            forecast = DampedProfile().predict(inputs, 48 * HOUR_S)
            decisions.add(make_policy().decide(make_state(past_g_per_kwh=past, forecast=forecast.mean_g_per_kwh)))
        assert len(decisions) == 1

    def test_flat_grid_never_stops_the_search(self, make_policy: Callable[[], Policy]) -> None:
        for level in (0.0, 0.1, 300.1, 1e-9):
            past = np.full(24 * 7, level)
            inputs = ForecastInput(past, HOUR_S, 0.0, datetime(2021, 7, 2, tzinfo=UTC), "zone")
            forecast = DampedProfile().predict(inputs, 24 * HOUR_S)
            policy = make_policy()
            decision = policy.decide(make_state(past_g_per_kwh=past, forecast=forecast.mean_g_per_kwh))
            sampling, evaluating, idle, released = _counts(decision)
            assert idle == 0
            assert sampling + evaluating > 0
            assert released == 0 or policy.name in self.releases_on_flat_grid

    def test_policy_has_a_name(self, make_policy: Callable[[], Policy]) -> None:
        assert make_policy().name


def _counts(decision: Decision) -> tuple[int, ...]:
    return tuple(decision.allocation.counts().values())


def _equal(first: object, second: object) -> bool:
    """Whether two values are equal, including dataclasses and arrays in them."""
    if is_dataclass(first):
        return type(first) is type(second) and all(
            _equal(getattr(first, field.name), getattr(second, field.name)) for field in fields(first)
        )
    return np.array_equal(first, second)  # type: ignore[arg-type]
