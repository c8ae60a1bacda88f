"""What an allocator sees of the grid does not depend on who forecasts it."""

import pytest

from ce_nas.allocate.allocator import Allocator, Decision
from ce_nas.core.records import Allocation
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.engine.build import build
from ce_nas.engine.materials import Materials
from ce_nas.engine.settings import settings_from_flags
from ce_nas.forecast.naive import Persistence, SeasonalNaive
from ce_nas.store.journal import NullJournal


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
