import numpy as np

from ce_nas.core.records import Observation
from ce_nas.search.surrogate.encoding import FeatureEncoder
from ce_nas.search.surrogate.posterior import CandidatePosterior, _select_kernel_samples
from ce_nas.search.surrogate.training_set import SurrogateDataset
from ce_nas.space.base import Space

SPACE = Space("grid", ["a", "b", "c"], [[*"uvwxyz"]] * 3)
MEMBERS = list(SPACE.index)
REFERENCE = np.array([40.0, 40.0])


def values(cell):
    return float(10 + cell[0] ** 2 - 2 * cell[1]), float(5 + 3 * (5 - cell[0]) + cell[2])


def dataset_of(cells, trained=(True, False), sampled=()):
    dataset = SurrogateDataset(SPACE, trained)
    dataset.tell([Observation(cell, values(cell)) for cell in cells])
    dataset.tell([Observation(cell, values(cell), 0.0, (float(cell[1]),)) for cell in sampled])
    return dataset


def fit_posterior(dataset, **options):
    return CandidatePosterior(MEMBERS, FeatureEncoder(SPACE), dataset, REFERENCE, {}, fit=True, **options)


CELLS = [MEMBERS[row] for row in np.random.default_rng(0).permutation(len(MEMBERS))[:60]]


def test_additive_cost_is_predicted_from_few_samples():
    weights = np.random.default_rng(3).uniform(1.0, 9.0, size=(3, 6))
    costs = np.array([sum(weights[variable, choice] for variable, choice in enumerate(cell)) for cell in MEMBERS])
    dataset = SurrogateDataset(SPACE, (True, False))
    pairs = [(cell, float(costs[SPACE.index[cell]])) for cell in CELLS[:30]]
    dataset.tell([Observation(cell, (values(cell)[0], cost)) for cell, cost in pairs])
    assert np.abs(fit_posterior(dataset).expected_values()[:, 1] - costs).max() < 0.2 * costs.std()


def test_trained_architectures_keep_their_values():
    dataset = dataset_of(CELLS, trained=(True, True))
    posterior = fit_posterior(dataset).expected_values()
    for cell in CELLS:
        np.testing.assert_allclose(posterior[SPACE.index[cell]], values(cell), atol=1.0)


def test_untrained_architectures_are_predicted():
    posterior = fit_posterior(dataset_of(CELLS)).expected_values()
    real = np.array([values(cell) for cell in MEMBERS])
    assert np.corrcoef(posterior[:, 0], real[:, 0])[0, 1] > 0.95
    assert np.corrcoef(posterior[:, 1], real[:, 1])[0, 1] > 0.95


def test_sampled_cost_is_used_exactly():
    sampled = [cell for cell in MEMBERS if cell not in CELLS][:40]
    posterior = fit_posterior(dataset_of(CELLS, sampled=sampled)).expected_values()
    assert [posterior[SPACE.index[cell], 1] for cell in sampled] == [values(cell)[1] for cell in sampled]


def test_update_equals_new_posterior_with_same_kernels():
    dataset = dataset_of(CELLS[:40], trained=(True, True))
    first = fit_posterior(dataset)
    dataset.tell([Observation(cell, values(cell)) for cell in CELLS[40:]])
    first.update()
    again = CandidatePosterior(MEMBERS, FeatureEncoder(SPACE), dataset, REFERENCE, first.kernels, fit=False)
    np.testing.assert_allclose(first.expected_values(), again.expected_values(), rtol=5e-3)
    np.testing.assert_allclose(
        first.expected_improvements(),
        again.expected_improvements(),
        rtol=0.05,
        atol=0.02 * first.expected_improvements().max(),
    )


def test_fantasy_removes_the_expected_improvement():
    posterior = fit_posterior(dataset_of(CELLS))
    improvements = posterior.expected_improvements()
    best = int(np.argmax(improvements))
    part = posterior.subset(np.arange(len(MEMBERS)))
    part.fantasise(best)
    assert part.expected_improvements()[best] < 0.3 * improvements[best]
    np.testing.assert_array_equal(posterior.expected_improvements(), improvements)


def test_kernel_samples_are_the_best_and_a_share_of_the_rest():
    some = np.random.default_rng(0).random((400, 2))
    rows = _select_kernel_samples(some)
    assert len(rows) == len(set(rows.tolist())) < 200
    assert set(np.flatnonzero((some < 0.2).all(axis=1))) <= set(rows.tolist())
    assert len(_select_kernel_samples(some[:100])) == 100


def test_a_cost_measured_before_trainings_is_modelled_from_its_measurements():
    """Forty measurements beside ten trainings predict it better, and are added one by one."""
    dataset = dataset_of(CELLS[:10])
    without, real = fit_posterior(dataset), np.array([values(cell)[1] for cell in MEMBERS])
    errors = np.abs(without.expected_values()[:, 1] - real).mean()
    dataset.tell([Observation(cell, (np.nan, values(cell)[1]), 0.0) for cell in CELLS[10:50]])
    posterior = fit_posterior(dataset)
    others = [SPACE.index[cell] for cell in MEMBERS if cell not in CELLS]
    assert np.abs(posterior.expected_values()[others, 1] - real[others]).mean() < 0.5 * errors
    without.refresh(sorted(dataset.changed_architectures))
    without.update()
    again = CandidatePosterior(MEMBERS, FeatureEncoder(SPACE), dataset, REFERENCE, without.kernels, fit=False)
    np.testing.assert_allclose(without.expected_values(), again.expected_values(), rtol=5e-3)
