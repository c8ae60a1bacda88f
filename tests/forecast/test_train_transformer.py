from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("torch", reason="the transformer needs torch")

from ce_nas.core.errors import SettingsError
from ce_nas.forecast.dataset import Span
from ce_nas.forecast.train_transformer import FitSettings, fit_transformer

SMALL = FitSettings(width=16, layers=1, batch=16, steps=8, looks=3)


@pytest.fixture(scope="module")
def spans(start):
    return Span(start, start + timedelta(days=62)), Span(start + timedelta(days=62), start + timedelta(days=70))


def recorded(grid, seen=None):
    """A record; of all but the first ``seen`` hours of it something else than what came."""
    first = np.arange(len(grid.intensity)) < (seen or len(grid.intensity))
    known = {name: np.where(first, values, values / 2) for name, values in grid.known.items()}
    return grid.record(np.where(first, grid.intensity, 999.0), known, grid.mix)


def weights(model):
    return {f"{place}.{name}": values for place, one in enumerate(model.weights) for name, values in one.items()}


def test_the_same_seed_gives_the_same_weights_and_nothing_later_than_validation_is_seen(grid, spans):
    looks = []
    first = weights(fit_transformer([recorded(grid)], *spans, SMALL, looks.append))
    again = weights(fit_transformer([recorded(grid, seen=70 * 24)], *spans, SMALL))
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert [look.look for look in looks] == [0, 1, 2]
    other = weights(fit_transformer([recorded(grid)], *spans, replace(SMALL, seed=1)))
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_several_zones_and_networks_are_fitted_at_once(grid, windy_grid, spans):
    other = windy_grid(80, 3)
    records = [recorded(grid), other.record(zone="elsewhere")]
    looks = []
    model = fit_transformer(records, *spans, replace(SMALL, networks=2, looks=1), looks.append)
    assert model.fitted.zones == ("zone", "elsewhere")
    assert [look.network for look in looks] == [0, 1]
    assert len(model.weights) == 2
    assert model.fitted.training["validate"][1] == "2021-05-10 00:00 UTC"


def test_training_stops_when_validation_gains_no_more(grid, spans):
    looks = []
    settings = replace(SMALL, learning_rate=0.3, patience=1, looks=8, steps=3)
    fit_transformer([recorded(grid)], *spans, settings, looks.append)
    losses = [look.validation_loss for look in looks]
    assert len(looks) < 8
    assert losses[-1] >= min(losses[:-1])


def test_a_record_too_short_for_a_span_is_refused(grid, spans, start):
    late = Span(start + timedelta(days=70), start + timedelta(days=73))
    with pytest.raises(SettingsError, match=r"zone 'zone'.*both spans"):
        fit_transformer([recorded(grid)], spans[0], late, SMALL)
    with pytest.raises(SettingsError, match="in steps of an hour"):
        fit_transformer([grid.record()], spans[0], Span(start - timedelta(days=9), start - timedelta(days=2)), SMALL)
