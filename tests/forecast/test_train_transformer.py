from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("torch", reason="the transformer needs torch")

from ce_nas.core.errors import SettingsError
from ce_nas.forecast.dataset import Span
from ce_nas.forecast.train_transformer import TransformerFitSettings, fit_transformer

SMALL = TransformerFitSettings(width=16, layers=1, batch_size=16, steps_per_validation=8, max_validations=3)


@pytest.fixture(scope="module")
def spans(start):
    return Span(start, start + timedelta(days=62)), Span(start + timedelta(days=62), start + timedelta(days=70))


def record_of(grid, hours=None):
    """A record with other values after the first ``hours``."""
    first = np.arange(len(grid.intensity)) < (hours or len(grid.intensity))
    known = {name: np.where(first, values, values / 2) for name, values in grid.known.items()}
    return grid.record(np.where(first, grid.intensity, 999.0), known, grid.mix)


def weights(model):
    return {f"{number}.{name}": values for number, net in enumerate(model.weights) for name, values in net.items()}


def test_seed_determines_weights_and_validation_ends_the_data(grid, spans):
    reports = []
    first = weights(fit_transformer([record_of(grid)], *spans, SMALL, reports.append))
    again = weights(fit_transformer([record_of(grid, hours=70 * 24)], *spans, SMALL))
    assert first.keys() == again.keys()
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert [report.validation_index for report in reports] == [0, 1, 2]
    other = weights(fit_transformer([record_of(grid)], *spans, replace(SMALL, seed=1)))
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_several_zones_and_networks(grid, windy_grid, spans):
    other = windy_grid(80, 3)
    records = [record_of(grid), other.record(zone="elsewhere")]
    reports = []
    model = fit_transformer(records, *spans, replace(SMALL, n_networks=2, max_validations=1), reports.append)
    assert model.spec.zones == ("zone", "elsewhere")
    assert [report.network_index for report in reports] == [0, 1]
    assert len(model.weights) == 2
    assert model.spec.training["validate"][1] == "2021-05-10 00:00 UTC"


def test_early_stopping(grid, spans):
    reports = []
    settings = replace(SMALL, learning_rate=0.3, patience=1, max_validations=8, steps_per_validation=3)
    fit_transformer([record_of(grid)], *spans, settings, reports.append)
    losses = [report.validation_loss for report in reports]
    assert len(reports) < 8
    assert losses[-1] >= min(losses[:-1])


def test_short_record_is_rejected(grid, spans, start):
    late = Span(start + timedelta(days=70), start + timedelta(days=73))
    with pytest.raises(SettingsError, match=r"zone 'zone'.*both spans"):
        fit_transformer([record_of(grid)], spans[0], late, SMALL)
    with pytest.raises(SettingsError, match="in steps of an hour"):
        fit_transformer([grid.record()], spans[0], Span(start - timedelta(days=9), start - timedelta(days=2)), SMALL)
