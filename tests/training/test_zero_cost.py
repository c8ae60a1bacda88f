"""Zero-cost proxies are finite and repeatable, and the shipped table is what the script computes."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as hnp  # noqa: E402

from ce_nas.benchmarks.proxy_scores import load_zero_cost_table  # noqa: E402
from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.space.isomorphism import unique_rows  # noqa: E402
from ce_nas.space.nasbench201_cell import NasBench201Space  # noqa: E402
from ce_nas.training.zero_cost import (  # noqa: E402
    MEASURED_PROXIES,
    PROXIES,
    ZeroCostSettings,
    _build_initialised_network,
    _ForwardTrace,
    _naswot,
    _synflow,
    fill_missing_scores,
    measure_proxies,
    measure_size_proxies,
)

SMALL = ZeroCostSettings(batch=4, resolution=8, channels=2, cells=1)
DISCONNECTED = (4, 4, 4, 0, 0, 0)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def table_settings():
    recorded = load_zero_cost_table()[2]
    return ZeroCostSettings(**{name: recorded[name] for name in ZeroCostSettings.__dataclass_fields__})


#: float32 gradients through 20 layers depend on the summation order of the CPU's convolutions (up to 8e-3)
GRADIENT_PROXIES = ("jacob", "grad_norm", "snip", "fisher", "zen", "train")


@pytest.mark.long
def test_three_cells_of_the_shipped_table_are_reproduced():
    space = NasBench201Space()
    names, scores, _ = load_zero_cost_table()
    assert names == PROXIES
    representatives, inverse = unique_rows(space)
    for row in (7001, 9999, 13579):
        measured = measure_proxies(tuple(space.members[representatives[inverse[row]]].tolist()), table_settings())
        scores_again = [*measured, *measure_size_proxies(tuple(space.members[row].tolist()))]
        for name, score, score_again in zip(names, scores[row], scores_again, strict=True):
            tolerance = 2e-2 if name in GRADIENT_PROXIES else 1e-4
            assert score == pytest.approx(score_again, rel=tolerance, abs=tolerance), name


def test_scores_repeat_and_do_not_touch_the_global_generator():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = measure_proxies((4, 3, 1, 2, 0, 1), SMALL)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(8)
    assert np.array_equal(measure_proxies((4, 3, 1, 2, 0, 1), SMALL), first)
    assert np.isfinite(first).all()


def test_another_seed_gives_other_scores():
    other = ZeroCostSettings(seed=1, batch=4, resolution=8, channels=2, cells=1)
    differs = measure_proxies((4, 3, 1, 2, 0, 1), SMALL) != measure_proxies((4, 3, 1, 2, 0, 1), other)
    assert all(differ for name, differ in zip(MEASURED_PROXIES, differs, strict=True) if name != "swap")  # a count


def test_initialisations_are_averaged():
    def scores(inits):
        return measure_proxies((4, 3, 1, 2, 0, 1), ZeroCostSettings(0, 4, 8, 2, 1, inits))

    assert not np.allclose(scores(2), scores(1))


def test_a_disconnected_cell_has_no_score():
    assert (measure_proxies(DISCONNECTED, SMALL) == -math.inf).all()
    assert np.isfinite(measure_size_proxies(DISCONNECTED)).all()


@given(
    scores=hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.sampled_from([-2.0, 0.5, 3.0]))
    | hnp.arrays(
        float,
        hnp.array_shapes(min_dims=2, max_dims=2),
        elements=st.sampled_from([-math.inf, math.inf, math.nan, -2.0, 3.0]),
    )
)
def test_missing_scores_become_the_lowest_finite_score(scores):
    filled = fill_missing_scores(scores)
    finite = np.isfinite(scores)
    assert np.isfinite(filled).all()
    assert (filled[finite] == scores[finite]).all()
    for column, known, full in zip(scores.T, finite.T, filled.T, strict=True):
        assert (full[~known] == (column[known].min() if known.any() else 0.0)).all()


def test_naswot_is_the_log_determinant_of_the_agreements():
    network = _build_initialised_network((4, 0, 0, 1, 3, 0), SMALL, torch.Generator().manual_seed(3))
    trace = _ForwardTrace(network, torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(4)))
    codes = np.hstack([(active > 0).flatten(1).numpy() for active in trace.relu_outputs])
    agreements = [[(first == second).sum() for second in codes] for first in codes]
    assert _naswot(trace) == pytest.approx(np.linalg.slogdet(np.array(agreements, dtype=float))[1])


def test_synflow_of_a_linear_network_is_its_output_per_layer():
    """Without negative weights ReLU is the identity: w dR/dw summed over a layer on every path is R itself."""
    network = _build_initialised_network((0, 0, 0, 0, 0, 0), SMALL, torch.Generator().manual_seed(3))
    network.stages = torch.nn.Sequential(torch.nn.Conv2d(2, 8, 1, bias=False))
    classifier, middle, stem = (
        layer.weight.detach().abs() for layer in (network.classifier, network.stages[0], network.stem[0])
    )
    seen = torch.nn.functional.conv2d(torch.ones(1, 3, 8, 8), stem, padding=1).mean((0, 2, 3))
    output = float((classifier @ middle[:, :, 0, 0] @ seen).sum())
    assert _synflow(network, 8) == pytest.approx(math.log(3 * output), rel=1e-5)


def test_size_proxies_grow_with_convolutions():
    assert (measure_size_proxies((4,) * 6) > measure_size_proxies((3,) * 6)).all()
    assert (measure_size_proxies((3,) * 6) > measure_size_proxies((2,) * 6)).all()
    assert (measure_size_proxies((2,) * 6) == measure_size_proxies((0,) * 6)).all()


@pytest.mark.parametrize(
    "options",
    [{"batch": 1}, {"resolution": 4}, {"resolution": 10}, {"channels": 1}, {"cells": 0}, {"inits": 0}],
)
def test_invalid_settings_are_refused(options):
    with pytest.raises(SettingsError, match=next(iter(options))):
        ZeroCostSettings(**options)


@given(cell=st.tuples(*[st.integers(0, 4)] * 6))
@settings(deadline=None, max_examples=10)
def test_scores_of_every_cell_are_free_of_nan(cell):
    scores = measure_proxies(cell, SMALL)
    assert scores.shape == (len(MEASURED_PROXIES),)
    assert not (np.isnan(scores) | (scores == math.inf)).any()
