"""What an allocator sees of the grid does not depend on who forecasts it."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.records import Allocation, Forecast, View
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.engine.build import build
from ce_nas.engine.inputs import Materials
from ce_nas.engine.state_builder import AHEAD, noted
from ce_nas.forecast.baselines import Persistence, SeasonalNaive
from ce_nas.policies.base import Allocator, Decision
from ce_nas.store.journal import NullJournal


@pytest.fixture
def view():
    """A view at the third hour, ten hours before the end, with a forecast that grows by 10 an hour from 100 on."""
    mean = 100.0 + 10.0 * np.arange(48)
    quantiles = {0.9: mean + 20.0, 0.1: mean - 20.0}
    empty = dict.fromkeys(View.__dataclass_fields__, 0)
    known = {**empty, "now_s": 10800.0, "period_s": 3600.0, "time_left_s": 36000.0}
    return View(**{**known, "forecast": Forecast("made", 10800.0, 10800.0, 3600.0, mean, quantiles)})


def test_the_coming_period_and_those_after_it_are_kept(view):
    kept = noted(view)
    assert kept["forecast_g_per_kwh"] == pytest.approx(100.0)
    assert kept["quantiles_g_per_kwh"] == {"0.1": 80.0, "0.9": 120.0}
    assert kept["ahead_g_per_kwh"] == [100.0 + 10.0 * hour for hour in range(10)]
    assert len(noted(replace(view, time_left_s=1e6))["ahead_g_per_kwh"]) == AHEAD


def test_what_is_not_known_is_left_out(view):
    assert noted(replace(view, forecast=None)) == {
        "forecast_g_per_kwh": None, "quantiles_g_per_kwh": {}, "ahead_g_per_kwh": [],
    }  # fmt: skip


def test_the_journal_holds_it(small_study):
    entries = small_study(forecaster="persistence").run().entries
    decided = [entry.content for entry in entries if entry.kind == "decided"]
    assert all(content["ahead_g_per_kwh"][0] == round(content["forecast_g_per_kwh"], 1) for content in decided)


class Watching(Allocator):
    """Keeps the views that it is shown."""

    name = "watching"

    def __init__(self):
        self.views = []

    def decide(self, view):
        self.views.append(view)
        return Decision(Allocation(0, view.devices, 0), "to see")


class Long(SeasonalNaive):
    """Looks back for months, and keeps what it was shown."""

    lookback_s = 100 * DAY_S

    def predict(self, past, horizon_s):
        self.shown = past
        return super().predict(past, horizon_s)


@pytest.mark.parametrize("forecaster", [Persistence(), Long()])
def test_an_allocator_sees_two_weeks_and_a_forecaster_what_it_looks_back_on(forecaster):
    watching = Watching()
    materials = Materials(settings_from_flags(hours=2, gpus=1, searcher="uniform"))
    build(materials, NullJournal(), allocator=watching, forecaster=forecaster).run()
    assert [len(view.past_g_per_kwh) for view in watching.views] == [14 * 24] * len(watching.views)
    last = watching.views[-1]
    assert last.past_g_per_kwh[-1] == materials.intensity.at(last.now_s - 1.0)
    if isinstance(forecaster, Long):
        assert len(forecaster.shown.intensity_g_per_kwh) == 100 * 24


def seen(**settings):
    """The views of a small search."""
    watching = Watching()
    build(
        Materials(settings_from_flags(hours=6, gpus=1, searcher="uniform", **settings)),
        NullJournal(),
        allocator=watching,
    ).run()
    return watching.views


def test_time_in_training_is_told_in_the_runs_own_seconds():
    """Books charge real seconds; a planner reckons in those of the run, however fast it passes."""
    plain, fast = seen(), seen(time_scale=60.0)
    assert plain[-1].trained_s > 3 * HOUR_S
    assert [view.trained_s for view in fast] == pytest.approx([view.trained_s for view in plain])
    assert fast[-1].energy_spent_j == pytest.approx(plain[-1].energy_spent_j)
