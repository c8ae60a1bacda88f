import numpy as np
import pytest
from sklearn.svm import SVC

from ce_nas.search.lamoo.kernel_cache import KernelCache
from ce_nas.search.lamoo.svm import SVM_TOLERANCE, fit_boundary
from ce_nas.space.nasbench201_cell import NasBench201Space

KERNELS = ("rbf", "poly", "linear")


def samples(seed, n, noise=2.0):
    """Encoded cells, and which are good by a noisy score of their first and last operations."""
    rng = np.random.default_rng(seed)
    space = NasBench201Space()
    cells = np.array(space.sample(rng, n))
    scores = cells[:, :3].sum(axis=1) + 3 * cells[:, 5] + noise * rng.normal(size=n)
    return space.encode(cells), scores <= np.median(scores)


def fit(features, good, kernel):
    return fit_boundary(KernelCache(features), np.arange(len(features)), good, kernel)[0]


@pytest.mark.parametrize("kernel", KERNELS)
def test_boundary_decision_equals_svc_decision_function(kernel):
    features, good = samples(0, 150)
    machine = SVC(kernel=kernel, degree=4, coef0=1.0, gamma="scale", tol=SVM_TOLERANCE).fit(features, good)
    fresh, _ = samples(1, 400)
    boundary = fit(features, good, kernel)
    assert boundary.decision(fresh) == pytest.approx(machine.decision_function(fresh), abs=1e-9)
    assert boundary.is_good(boundary.decision(fresh)).tolist() == machine.predict(fresh).tolist()


@pytest.mark.parametrize("n", [12, 60, 250])
@pytest.mark.parametrize("kernel", KERNELS)
def test_boundary_equals_public_svc_bit_for_bit(kernel, n):
    features, good = samples(n, n)
    boundary = fit(features, good, kernel)
    machine = SVC(kernel=kernel, degree=4, coef0=1.0, gamma=boundary.gamma, tol=SVM_TOLERANCE).fit(features, good)
    assert np.array_equal(boundary.support_vectors, machine.support_vectors_)
    assert np.array_equal(boundary.weights, machine.dual_coef_[0])
    assert boundary.intercept == machine.intercept_[0]


def test_boundary_of_non_binary_features_equals_svc():
    features, good = samples(3, 80)
    features = features + 0.1 * np.random.default_rng(0).normal(size=features.shape)
    machine = SVC(gamma="scale", tol=SVM_TOLERANCE).fit(features, good)
    assert fit(features, good, "rbf").intercept == machine.intercept_[0]
