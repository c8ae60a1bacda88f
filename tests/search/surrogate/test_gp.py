import numpy as np
import pytest
from scipy.optimize import check_grad

from ce_nas.search.surrogate.gp import Kernel, Posterior, _loss, fit_kernel

RNG = np.random.default_rng(0)
GROUPS = [RNG.normal(size=(60, 4)).astype(np.float32), RNG.normal(size=(60, 2)).astype(np.float32)]
KERNEL = Kernel(1.5, np.array([2.0, 4.0]), 0.05)
WITH_LINES = Kernel(1.5, np.array([2.0, 4.0]), 0.05, np.array([0.3]))
TARGETS = RNG.normal(size=20)


def rows(places):
    return [group[places] for group in GROUPS]


def by_the_book(kernel, samples, targets):
    scaled = np.hstack([group.astype(float) / length for group, length in zip(GROUPS, kernel.lengths, strict=True)])
    distance = np.sqrt(3.0 * ((scaled[:, None] - scaled[None]) ** 2).sum(axis=2))
    covariance = kernel.signal * (1.0 + distance) * np.exp(-distance)
    for slope, group in zip(kernel.slopes, GROUPS[len(GROUPS) - len(kernel.slopes) :], strict=True):
        covariance = covariance + slope * (group @ group.T)
    own = covariance[np.ix_(samples, samples)] + (kernel.noise + 1e-4) * np.eye(len(samples))
    across = covariance[samples]
    mean = across.T @ np.linalg.solve(own, targets)
    variance = np.diag(covariance) - np.einsum("ij,ij->j", across, np.linalg.solve(own, across))
    return mean, np.sqrt(variance)


def told(places, together=True, kernel=KERNEL):
    posterior = Posterior(kernel, GROUPS)
    for part in [places] if together else [[place] for place in places]:
        posterior.add(rows(part))
    return posterior


@pytest.mark.parametrize("kernel", [KERNEL, WITH_LINES])
@pytest.mark.parametrize("together", [True, False])
def test_the_posterior_is_that_of_the_book(together, kernel):
    mean, deviation = by_the_book(kernel, list(range(20)), TARGETS)
    posterior = told(list(range(20)), together, kernel)
    np.testing.assert_allclose(posterior.mean(TARGETS), mean, atol=2e-4)
    np.testing.assert_allclose(posterior.deviation, deviation, atol=2e-4)


def test_before_any_sample_everything_is_as_likely():
    posterior = Posterior(KERNEL, GROUPS)
    np.testing.assert_allclose(posterior.deviation, np.sqrt(1.5), rtol=1e-6)
    np.testing.assert_array_equal(posterior.mean(np.empty(0)), np.zeros(60))


def test_an_imagined_sample_shrinks_deviations_and_moves_no_mean():
    posterior = told(list(range(20)))
    mean, deviation = posterior.mean(TARGETS), posterior.deviation
    posterior.imagine(40)
    np.testing.assert_array_equal(posterior.mean(TARGETS), mean)
    assert (posterior.deviation <= deviation + 1e-6).all()
    np.testing.assert_allclose(posterior.deviation, by_the_book(KERNEL, [*range(20), 40], np.zeros(21))[1], atol=2e-4)


def test_some_candidates_of_a_posterior_are_those_and_their_imagining_is_their_own():
    posterior = told(list(range(20)))
    places = np.array([50, 3, 30])
    part = posterior.over(places)
    np.testing.assert_allclose(part.mean(TARGETS), posterior.mean(TARGETS)[places], atol=1e-5)
    deviation = posterior.deviation
    part.imagine(0)
    assert part.deviation[0] < deviation[50]
    np.testing.assert_array_equal(posterior.deviation, deviation)
    posterior.add(rows([55]))
    assert len(part) == 21
    assert len(posterior) == 21


@pytest.mark.parametrize("kernel", [KERNEL, WITH_LINES])
def test_candidates_that_look_otherwise_are_judged_anew(kernel):
    posterior = told(list(range(20)), kernel=kernel)
    posterior.replace(np.array([50, 51]), rows([30, 2]))
    mean, deviation = by_the_book(kernel, list(range(20)), TARGETS)
    np.testing.assert_allclose(posterior.mean(TARGETS)[[50, 51]], mean[[30, 2]], atol=2e-4)
    np.testing.assert_allclose(posterior.deviation[[50, 51]], deviation[[30, 2]], atol=2e-4)


def test_equal_samples_do_no_harm():
    posterior = told([4] * 30)
    assert posterior.mean(np.ones(30))[4] == pytest.approx(1.0, abs=0.02)
    assert np.isfinite(posterior.deviation).all()


@pytest.mark.parametrize("straight", [0, 1, 2])
def test_the_gradient_is_that_of_the_loss(straight):
    distances = np.stack([((group[:, None] - group[None]) ** 2).sum(axis=2) for group in GROUPS]).astype(float)
    lines = np.stack([group @ group.T for group in GROUPS]).astype(float)[2 - straight :]
    targets = np.random.default_rng(1).normal(size=60)
    priors = np.array([[0.0, 1.0, 1.0, *[0.0] * straight, -5.0], [2.0, 1.0, 1.0, *[2.0] * straight, 1.4]])
    arguments = (distances, lines, targets, priors)
    at = np.array([0.2, 0.7, 1.4, *[-0.5] * straight, -2.0])
    gradient = _loss(at, *arguments)[1]
    assert (
        check_grad(lambda x: _loss(x, *arguments)[0], lambda x: _loss(x, *arguments)[1], at)
        < 1e-4 * np.abs(gradient).max() + 1e-4
    )


def test_what_adds_up_is_foretold_far_from_the_samples():
    groups = [np.random.default_rng(2).normal(size=(80, 6)).astype(np.float32) / 2.5]
    targets = (groups[0] @ np.array([1.0, -2.0, 3.0, 4.0, 5.0, 0.0])).astype(float)
    targets /= targets.std()
    errors = []
    for straight in (1, 0):
        kernel = fit_kernel([group[:15] for group in groups], targets[:15], Kernel.prior(1, straight))
        posterior = Posterior(kernel, groups)
        posterior.add([group[:15] for group in groups])
        errors.append(np.abs(posterior.mean(targets[:15])[15:] - targets[15:]).max())
    assert errors[0] < 0.5 * errors[1]


def test_a_group_that_tells_nothing_is_given_the_longer_length():
    targets = np.sin(2.0 * GROUPS[0][:, 0]) + GROUPS[0][:, 1]
    targets = (targets - targets.mean()) / targets.std()
    kernel = fit_kernel(GROUPS, targets, Kernel.prior(2))
    assert kernel.lengths[1] > 2.0 * kernel.lengths[0]
