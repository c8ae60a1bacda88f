"""Zero-cost proxies: finite, repeatable, and the shipped table is what the script computes."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from hypothesis.extra import numpy as hnp  # noqa: E402

from ce_nas.benchmarks.proxy_scores import load_builtin  # noqa: E402
from ce_nas.core.errors import SettingsError  # noqa: E402
from ce_nas.space.isomorphism import unique_rows  # noqa: E402
from ce_nas.space.nasbench201 import NasBench201Space  # noqa: E402
from ce_nas.training.zero_cost import (  # noqa: E402
    NOISE_PROXIES,
    PROXIES,
    ZeroCostSettings,
    _initialised,
    _naswot,
    _synflow,
    _Trace,
    floored,
    noise_scores,
    size_scores,
)

SMALL = ZeroCostSettings(batch=4, resolution=8, channels=2, cells=1)
CUT = (4, 4, 4, 0, 0, 0)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings_of_the_table():
    described = load_builtin()[2]
    return ZeroCostSettings(**{name: described[name] for name in ZeroCostSettings.__dataclass_fields__})


#: float32 gradients through 20 layers depend on the order in which a processor's convolutions add (seen: 8e-3)
FROM_GRADIENTS = ("jacob", "grad_norm", "snip", "fisher", "zen", "train")


def test_three_cells_of_the_shipped_table_are_computed_again():
    space = NasBench201Space()
    names, scores, _ = load_builtin()
    assert names == PROXIES
    representatives, inverse = unique_rows(space)
    for row in (7001, 9999, 13579):
        measured = noise_scores(tuple(space.members[representatives[inverse[row]]].tolist()), settings_of_the_table())
        again = [*measured, *size_scores(tuple(space.members[row].tolist()))]
        for name, score, measured_again in zip(names, scores[row], again, strict=True):
            tolerance = 2e-2 if name in FROM_GRADIENTS else 1e-4
            assert score == pytest.approx(measured_again, rel=tolerance, abs=tolerance), name


def test_scores_repeat_and_leave_global_random_numbers_alone():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = noise_scores((4, 3, 1, 2, 0, 1), SMALL)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(8)
    assert np.array_equal(noise_scores((4, 3, 1, 2, 0, 1), SMALL), first)
    assert np.isfinite(first).all()


def test_another_seed_gives_other_scores():
    other = ZeroCostSettings(seed=1, batch=4, resolution=8, channels=2, cells=1)
    differs = noise_scores((4, 3, 1, 2, 0, 1), SMALL) != noise_scores((4, 3, 1, 2, 0, 1), other)
    assert all(differ for name, differ in zip(NOISE_PROXIES, differs, strict=True) if name != "swap")  # a count


def test_initialisations_are_averaged():
    def scores(inits):
        return noise_scores((4, 3, 1, 2, 0, 1), ZeroCostSettings(0, 4, 8, 2, 1, inits))

    assert not np.allclose(scores(2), scores(1))


def test_a_cell_that_is_cut_has_no_score():
    assert (noise_scores(CUT, SMALL) == -math.inf).all()
    assert np.isfinite(size_scores(CUT)).all()


@given(
    scores=hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.sampled_from([-2.0, 0.5, 3.0]))
    | hnp.arrays(
        float,
        hnp.array_shapes(min_dims=2, max_dims=2),
        elements=st.sampled_from([-math.inf, math.inf, math.nan, -2.0, 3.0]),
    )
)
def test_the_floor_is_the_least_finite_score(scores):
    filled = floored(scores)
    finite = np.isfinite(scores)
    assert np.isfinite(filled).all()
    assert (filled[finite] == scores[finite]).all()
    for column, known, full in zip(scores.T, finite.T, filled.T, strict=True):
        assert (full[~known] == (column[known].min() if known.any() else 0.0)).all()


def test_naswot_is_the_log_determinant_of_the_agreements():
    network = _initialised((4, 0, 0, 1, 3, 0), SMALL, torch.Generator().manual_seed(3))
    trace = _Trace(network, torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(4)))
    codes = np.hstack([(active > 0).flatten(1).numpy() for active in trace.active])
    agree = [[(one == other).sum() for other in codes] for one in codes]
    assert _naswot(trace) == pytest.approx(np.linalg.slogdet(np.array(agree, dtype=float))[1])


def test_synflow_of_a_linear_network_counts_its_output_once_a_layer():
    """Without negative weights ReLU is the identity: w dR/dw summed over a layer on every path is R itself."""
    network = _initialised((0, 0, 0, 0, 0, 0), SMALL, torch.Generator().manual_seed(3))
    network.stages = torch.nn.Sequential(torch.nn.Conv2d(2, 8, 1, bias=False))
    classifier, middle, stem = (
        layer.weight.detach().abs() for layer in (network.classifier, network.stages[0], network.stem[0])
    )
    seen = torch.nn.functional.conv2d(torch.ones(1, 3, 8, 8), stem, padding=1).mean((0, 2, 3))
    output = float((classifier @ middle[:, :, 0, 0] @ seen).sum())
    assert _synflow(network, 8) == pytest.approx(math.log(3 * output), rel=1e-5)


def test_sizes_grow_with_convolutions():
    assert (size_scores((4,) * 6) > size_scores((3,) * 6)).all()
    assert (size_scores((3,) * 6) > size_scores((2,) * 6)).all()
    assert (size_scores((2,) * 6) == size_scores((0,) * 6)).all()


@pytest.mark.parametrize(
    "wrong",
    [{"batch": 1}, {"resolution": 4}, {"resolution": 10}, {"channels": 1}, {"cells": 0}, {"inits": 0}],
)
def test_settings_that_measure_nothing_are_refused(wrong):
    with pytest.raises(SettingsError, match=next(iter(wrong))):
        ZeroCostSettings(**wrong)


@given(cell=st.tuples(*[st.integers(0, 4)] * 6))
@settings(deadline=None, max_examples=10)
def test_every_cell_has_a_row_of_scores_without_nan(cell):
    scores = noise_scores(cell, SMALL)
    assert scores.shape == (len(NOISE_PROXIES),)
    assert not (np.isnan(scores) | (scores == math.inf)).any()
