import numpy as np
import pytest
from scipy.optimize import check_grad

from ce_nas.search.surrogate.gaussian_process import (
    GpPosterior,
    GroupKernel,
    _negative_log_posterior,
    fit_kernel,
    leave_one_out_log_density,
)

RNG = np.random.default_rng(0)
GROUPS = [RNG.normal(size=(60, 4)).astype(np.float32), RNG.normal(size=(60, 2)).astype(np.float32)]
KERNEL = GroupKernel(1.5, np.array([2.0, 4.0]), 0.05)
WITH_LINES = GroupKernel(1.5, np.array([2.0, 4.0]), 0.05, np.array([0.3]))
TARGETS = RNG.normal(size=20)


def rows(indices):
    return [group[indices] for group in GROUPS]


def textbook_posterior(kernel, samples, targets):
    scaled = np.hstack(
        [group.astype(float) / length for group, length in zip(GROUPS, kernel.length_scales, strict=True)]
    )
    distance = np.sqrt(3.0 * ((scaled[:, None] - scaled[None]) ** 2).sum(axis=2))
    covariance = kernel.signal_variance * (1.0 + distance) * np.exp(-distance)
    for slope, group in zip(kernel.slope_variances, GROUPS[len(GROUPS) - len(kernel.slope_variances) :], strict=True):
        covariance = covariance + slope * (group @ group.T)
    own = covariance[np.ix_(samples, samples)] + (kernel.noise_variance + 1e-4) * np.eye(len(samples))
    across = covariance[samples]
    mean = across.T @ np.linalg.solve(own, targets)
    variance = np.diag(covariance) - np.einsum("ij,ij->j", across, np.linalg.solve(own, across))
    return mean, np.sqrt(variance)


def posterior_of(indices, together=True, kernel=KERNEL):
    posterior = GpPosterior(kernel, GROUPS)
    for part in [indices] if together else [[index] for index in indices]:
        posterior.add(rows(part))
    return posterior


@pytest.mark.parametrize("kernel", [KERNEL, WITH_LINES])
@pytest.mark.parametrize("together", [True, False])
def test_posterior_equals_textbook_formula(together, kernel):
    mean, deviation = textbook_posterior(kernel, list(range(20)), TARGETS)
    posterior = posterior_of(list(range(20)), together, kernel)
    np.testing.assert_allclose(posterior.mean(TARGETS), mean, atol=2e-4)
    np.testing.assert_allclose(posterior.standard_deviation, deviation, atol=2e-4)


def test_posterior_without_samples_is_the_prior():
    posterior = GpPosterior(KERNEL, GROUPS)
    np.testing.assert_allclose(posterior.standard_deviation, np.sqrt(1.5), rtol=1e-6)
    np.testing.assert_array_equal(posterior.mean(np.empty(0)), np.zeros(60))


def test_fantasy_shrinks_deviation_and_keeps_mean():
    posterior = posterior_of(list(range(20)))
    mean, deviation = posterior.mean(TARGETS), posterior.standard_deviation
    posterior.fantasise(40)
    np.testing.assert_array_equal(posterior.mean(TARGETS), mean)
    assert (posterior.standard_deviation <= deviation + 1e-6).all()
    np.testing.assert_allclose(
        posterior.standard_deviation, textbook_posterior(KERNEL, [*range(20), 40], np.zeros(21))[1], atol=2e-4
    )


def test_subset_of_candidates_is_independent():
    posterior = posterior_of(list(range(20)))
    indices = np.array([50, 3, 30])
    part = posterior.subset(indices)
    np.testing.assert_allclose(part.mean(TARGETS), posterior.mean(TARGETS)[indices], atol=1e-5)
    deviation = posterior.standard_deviation
    part.fantasise(0)
    assert part.standard_deviation[0] < deviation[50]
    np.testing.assert_array_equal(posterior.standard_deviation, deviation)
    posterior.add(rows([55]))
    assert len(part) == 21
    assert len(posterior) == 21


@pytest.mark.parametrize("kernel", [KERNEL, WITH_LINES])
def test_updated_candidates_are_predicted_again(kernel):
    posterior = posterior_of(list(range(20)), kernel=kernel)
    posterior.update_candidates(np.array([50, 51]), rows([30, 2]))
    mean, deviation = textbook_posterior(kernel, list(range(20)), TARGETS)
    np.testing.assert_allclose(posterior.mean(TARGETS)[[50, 51]], mean[[30, 2]], atol=2e-4)
    np.testing.assert_allclose(posterior.standard_deviation[[50, 51]], deviation[[30, 2]], atol=2e-4)


def test_duplicate_samples():
    posterior = posterior_of([4] * 30)
    assert posterior.mean(np.ones(30))[4] == pytest.approx(1.0, abs=0.02)
    assert np.isfinite(posterior.standard_deviation).all()


@pytest.mark.parametrize("n_linear", [0, 1, 2])
def test_gradient_of_negative_log_posterior(n_linear):
    distances = np.stack([((group[:, None] - group[None]) ** 2).sum(axis=2) for group in GROUPS]).astype(float)
    lines = np.stack([group @ group.T for group in GROUPS]).astype(float)[2 - n_linear :]
    targets = np.random.default_rng(1).normal(size=60)
    priors = np.array([[0.0, 1.0, 1.0, *[0.0] * n_linear, -5.0], [2.0, 1.0, 1.0, *[2.0] * n_linear, 1.4]])
    arguments = (distances, lines, targets, priors)
    at = np.array([0.2, 0.7, 1.4, *[-0.5] * n_linear, -2.0])
    gradient = _negative_log_posterior(at, *arguments)[1]
    assert (
        check_grad(
            lambda x: _negative_log_posterior(x, *arguments)[0], lambda x: _negative_log_posterior(x, *arguments)[1], at
        )
        < 1e-4 * np.abs(gradient).max() + 1e-4
    )


def test_linear_kernel_extrapolates_additive_targets():
    groups = [np.random.default_rng(2).normal(size=(80, 6)).astype(np.float32) / 2.5]
    targets = (groups[0] @ np.array([1.0, -2.0, 3.0, 4.0, 5.0, 0.0])).astype(float)
    targets /= targets.std()
    errors = []
    for n_linear in (1, 0):
        kernel = fit_kernel([group[:15] for group in groups], targets[:15], GroupKernel.prior(1, n_linear))
        posterior = GpPosterior(kernel, groups)
        posterior.add([group[:15] for group in groups])
        errors.append(np.abs(posterior.mean(targets[:15])[15:] - targets[15:]).max())
    assert errors[0] < 0.5 * errors[1]


def test_uninformative_group_gets_longer_length_scale():
    targets = np.sin(2.0 * GROUPS[0][:, 0]) + GROUPS[0][:, 1]
    targets = (targets - targets.mean()) / targets.std()
    kernel = fit_kernel(GROUPS, targets, GroupKernel.prior(2))
    assert kernel.length_scales[1] > 2.0 * kernel.length_scales[0]


def test_leave_one_out_density_prefers_informative_groups():
    rng = np.random.default_rng(0)
    useful, useless = (rng.normal(size=(30, 1)).astype(np.float32) for _ in range(2))
    targets = np.sin(useful[:, 0].astype(float))
    densities = []
    for group in (useful, useless):
        kernel = fit_kernel([group], targets, GroupKernel.prior(1))
        densities.append(leave_one_out_log_density([group], targets, kernel))
    assert densities[0] > densities[1] + 0.5


def test_leave_one_out_density_is_that_of_the_left_out():
    rng = np.random.default_rng(1)
    group, targets, kernel = rng.normal(size=(6, 2)).astype(np.float32), rng.normal(size=6), GroupKernel.prior(1)
    logs = []
    for row in range(6):
        others = np.arange(6) != row
        posterior = GpPosterior(kernel, [group[[row]]])
        posterior.add([group[others]])
        variance = posterior.standard_deviation[0] ** 2 + kernel.noise_variance + 1e-4
        error = targets[row] - posterior.mean(targets[others])[0]
        logs.append(-0.5 * (np.log(2 * np.pi * variance) + error**2 / variance))
    assert leave_one_out_log_density([group], targets, kernel) == pytest.approx(np.mean(logs), rel=1e-3)


def test_fixed_group_keeps_its_length_scale():
    rng = np.random.default_rng(2)
    groups = [rng.normal(size=(20, 1)).astype(np.float32) for _ in range(2)]
    start = GroupKernel(1.0, np.array([1.0, 1e4]), 0.01)
    fitted = fit_kernel(groups, rng.normal(size=20), start, fixed=[1])
    assert fitted.length_scales[1] == pytest.approx(1e4)
    assert fitted.length_scales[0] != pytest.approx(1.0)


def test_linear_group_without_influence_changes_no_prediction():
    rng = np.random.default_rng(2)
    groups = [rng.normal(size=(20, 1)).astype(np.float32) for _ in range(2)]
    targets = groups[1][:, 0].astype(float)
    fitted = fit_kernel(groups, targets, GroupKernel.prior(2, 1))
    without = fit_kernel(groups, targets, GroupKernel.prior(2, 1).without([1]), fixed=[1])
    assert fitted.slope_variances[0] > 0.1
    assert without.slope_variances[0] < 1e-9
    rows = without.scale([groups[0], 100.0 * groups[1]])
    assert without.covariance(rows, rows) == pytest.approx(without.covariance(*[without.scale(groups)] * 2), abs=1e-3)
