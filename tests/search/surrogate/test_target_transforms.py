import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ce_nas.search.surrogate.target_transforms import LogTransform, StandardTransform


@given(st.lists(st.floats(-1e3, 30.0), min_size=2, max_size=30))
def test_log_transform_round_trip(numbers):
    given_values = np.array(numbers)
    transform = LogTransform.fit(given_values, 40.0)
    np.testing.assert_allclose(
        transform.inverse_transform(transform.transform(given_values)), given_values, atol=1e-5, rtol=1e-5
    )


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
@example([0.0, 7.058783754313505e-14])
def test_log_transform_is_monotone_and_standardised(numbers):
    given_values = np.array(numbers)
    targets = LogTransform.fit(given_values, 40.0).transform(given_values)
    assert (np.diff(targets[np.argsort(given_values)]) >= -1e-9).all()
    assert targets.mean() == pytest.approx(0.0, abs=1e-6)
    assert targets.std() == pytest.approx(1.0, abs=1e-6) or targets.std() == pytest.approx(0.0, abs=1e-6)


def test_failed_training_counts_as_the_reference():
    transform = LogTransform.fit(np.array([1.0, 5.0, 9.0, np.inf]), 40.0)
    assert transform.transform(np.array([np.inf, np.nan])) == pytest.approx(transform.transform(np.array([40.0, 40.0])))
    assert transform.inverse_transform(np.array([100.0])) == pytest.approx([40.0])


def test_log_transform_stretches_good_values():
    transform = LogTransform.fit(np.array([0.0, 1.0, 2.0, 10.0, 30.0]), 40.0)
    steps = np.diff(transform.transform(np.array([0.0, 1.0, 20.0, 21.0])))
    assert steps[0] > 3.0 * steps[2]


def test_standard_transform_is_linear_and_caps_failures():
    scale = StandardTransform.fit(np.array([1.0, 5.0, 9.0, np.inf]), 8.0)
    targets = scale.transform(np.array([1.0, 5.0, 9.0, np.nan, np.inf]))
    assert np.diff(targets[:3])[0] == pytest.approx(np.diff(targets[:3])[1])
    np.testing.assert_allclose(scale.inverse_transform(targets), [1.0, 5.0, 9.0, 9.0, 9.0])
    assert targets[:3].mean() == pytest.approx(0.0)
