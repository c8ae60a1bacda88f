"""Simulated supernet scores depend on seed and architecture alone, and share noise between neighbours."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from ce_nas.benchmarks.nasbench201 import load_embedded_table
from ce_nas.benchmarks.supernet_noise import (
    DEFAULT_NOISE_MODEL,
    SimulatedSupernetScores,
    fit_noise_model,
    noise_models_to_json,
    normal_scores,
    pool_noise_models,
    read_noise_model,
)
from ce_nas.core.errors import TableError
from ce_nas.core.rng import random_stream
from ce_nas.space.base import Space

SPACE = Space("six", [*"abcdef"], [[*"vwxyz"]] * 6)
SAMPLE = SPACE.sample(random_stream(0, "sample"), 2000)
NOISE = read_noise_model()


def level(architectures):
    """Equal accuracies, so that scores differ by noise alone."""
    return np.zeros(len(architectures))


def scores(seed=0, truth=level, **changed):
    return SimulatedSupernetScores(replace(NOISE, **changed), SPACE, SAMPLE, truth, epoch_s=30.0, seed=seed)


def test_a_score_depends_on_architecture_and_seed_alone():
    first, rank = scores().score(SAMPLE)
    again = np.vstack([scores().score([each])[0] for each in SAMPLE[:20]])
    np.testing.assert_array_equal(first[:20], again)
    assert not np.array_equal(scores(seed=1).score(SAMPLE)[0], first)
    assert first.shape == (2000, 1)
    assert rank.shape == (2000,)
    assert ((rank > 0) & (rank < 1)).all()


@pytest.mark.parametrize("shared", [0.0, 0.4, 1.0])
def test_noise_has_the_models_mean_and_spread(shared):
    found = scores(shared=shared).score(SAMPLE)[0][:, 0]
    mean, spread = NOISE.conditional_moments(np.zeros(1))
    assert found.mean() == pytest.approx(mean[0], abs=0.05)
    assert found.std() == pytest.approx(spread[0], rel=0.05)


def test_shared_noise_correlates_between_neighbours():
    neighbours = [next(iter(SPACE.neighbours(each))) for each in SAMPLE]
    correlations = [
        np.corrcoef(*(scores(shared=shared).score(part)[0][:, 0] for part in (SAMPLE, neighbours)))[0, 1]
        for shared in (0.0, 0.5, 1.0)
    ]
    assert correlations[0] == pytest.approx(0.0, abs=0.08)
    assert correlations[0] < correlations[1] < correlations[2]
    assert correlations[2] > 0.6


def test_scores_correlate_with_accuracy():
    truth = dict(zip(dict.fromkeys(SAMPLE), np.linspace(-2.5, 2.5, 2000).tolist(), strict=False))
    ranks = scores(truth=lambda part: np.array([truth[each] for each in part])).score(list(truth))[1]
    assert np.corrcoef(ranks, list(truth.values()))[0, 1] > 0.6


def test_costs_and_origin_are_stated():
    third = scores(seed=3)
    assert (third.scoring_time_s, third.supernet_training_s, third.names) == (10.0, 875 * 30.0, ("one-shot",))
    assert "Kendall tau 0.684 over all, 0.179 among the best tenth), seed 3" in third.origin


def test_the_fingerprint_changes_with_noise_and_seed():
    assert scores().fingerprint == scores().fingerprint
    assert len({each.fingerprint for each in (scores(), scores(seed=1), scores(shared=0.5))}) == 3


def synthetic(n=6000, seed=0):
    """Accuracies, and those in a supernet that is noisy in the better half and errs by operations."""
    rng = np.random.default_rng(seed)
    features = np.eye(5)[rng.integers(5, size=(n, 4))].reshape(n, -1)
    truth = rng.standard_normal(n)
    systematic = features @ rng.standard_normal(20)
    noise = 0.6 * (systematic - systematic.mean()) / systematic.std() + 0.8 * rng.standard_normal(n)
    return 90 + truth, np.where(truth < 0, truth + 0.2 * noise, 0.3 * truth + noise), features


def test_the_fit_recovers_spread_and_systematic_noise():
    model = fit_noise_model("synthetic", *synthetic(), epochs=10)
    below, above = np.array(model.spread)[[2, -2]]
    assert below < 0.5 * above
    assert 0.1 < model.shared < 0.45  # 0.36 by construction, less the effect of the bend at the middle
    true, found, features = synthetic()
    shuffled = np.random.default_rng(0).permutation(features)
    assert fit_noise_model("shuffled", true, found, shuffled, epochs=10).shared < 0.02
    assert model.tau > 2 * abs(model.tau_best)
    assert model.knots[4] == 0.0


def test_draws_reproduce_the_kendall_taus():
    true, found, features = synthetic()
    model = fit_noise_model("synthetic", true, found, features, epochs=10)
    mean, spread = model.conditional_moments(normal_scores(true))
    drawn = mean + spread * np.random.default_rng(1).standard_normal(len(true))
    best = true >= np.quantile(true, 0.9)
    assert kendalltau(true, drawn).statistic == pytest.approx(model.tau, abs=0.04)
    assert kendalltau(true[best], drawn[best]).statistic == pytest.approx(model.tau_best, abs=0.08)


def test_shipped_models_reproduce_the_published_taus():
    table = load_embedded_table()
    true = table.metric("accuracy").values[::3]
    truth = normal_scores(true)
    best = true >= np.quantile(true, 0.9)
    for name in (DEFAULT_NOISE_MODEL, "zhao-one-shot", "seed-118-opt5-wotrash-decom5-5-15-20-128-1000-balanced"):
        model = read_noise_model(name)
        mean, spread = model.conditional_moments(truth)
        drawn = mean + spread * np.random.default_rng(0).standard_normal(len(true))
        assert kendalltau(true, drawn).statistic == pytest.approx(model.tau, abs=0.03)
        assert kendalltau(true[best], drawn[best]).statistic == pytest.approx(model.tau_best, abs=0.12)


def test_shipped_models_equal_the_fit_of_published_supernets(shared_data):
    from ce_nas.benchmarks.proxy_scores import read_supernet_scores, supernet_epochs

    table, name = load_embedded_table(), "zhao-few-shot"
    file = shared_data / "nasbench201/supernet_accuracy_cifar10.npz"
    found = read_supernet_scores(f"{file}:{name}", table).values[:, 0]
    features = table.space.encode(table.space.members)
    model = fit_noise_model(name, table.metric("accuracy").values, found, features, epochs=supernet_epochs(name))
    shipped = read_noise_model(name)
    assert (model.tau, model.tau_best, model.epochs) == (shipped.tau, shipped.tau_best, shipped.epochs)
    assert model.mean == pytest.approx(shipped.mean, abs=1e-3)
    assert model.spread == pytest.approx(shipped.spread, abs=1e-3)


def test_pooling_averages_models():
    first, second = (fit_noise_model(name, *synthetic(500, seed), epochs=10 + seed) for seed, name in enumerate("ab"))
    both = pool_noise_models("both", [first, second])
    assert both.mean == pytest.approx((np.array(first.mean) + np.array(second.mean)) / 2, abs=1e-4)
    assert both.tau == pytest.approx((first.tau + second.tau) / 2, abs=1e-3)
    assert (both.name, both.epochs) == ("both", 10)


def test_models_are_read_from_a_users_file(tmp_path):
    models = [fit_noise_model(name, *synthetic(500, seed), epochs=10) for seed, name in enumerate("ab")]
    file = tmp_path / "own.json"
    file.write_text(noise_models_to_json(models))
    assert read_noise_model(str(file)) == models[0]
    assert read_noise_model(f"{file}:b") == models[1]
    with pytest.raises(TableError, match=r"Unknown supernet in own\.json 'c'"):
        read_noise_model(f"{file}:c")


def test_an_unknown_model_is_refused_with_the_nearest_name():
    with pytest.raises(TableError, match="Did you mean 'one-shot'"):
        read_noise_model("oneshot")


@pytest.mark.parametrize("change", [{"knots": [1.0, 0.0]}, {"mean": [1.0]}, {"spread": "wide"}, {"tau": None, "x": 1}])
def test_invalid_models_are_refused(tmp_path, change):
    file = tmp_path / "own.json"
    (row,) = json.loads(noise_models_to_json([read_noise_model()]))["supernets"]
    file.write_text(json.dumps({"supernets": [row | change]}))
    with pytest.raises(TableError, match=r"^Expected 'supernets', a list of objects with name, knots"):
        read_noise_model(str(file))


@pytest.mark.parametrize("text", ["", "{}", '{"supernets": 1}'])
def test_a_file_without_models_is_refused(tmp_path, text):
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(TableError, match=r"in own\.json"):
        read_noise_model(str(tmp_path / "own.json"))


def test_a_missing_file_is_refused():
    with pytest.raises(TableError, match=r"nowhere\.json.*No such file"):
        read_noise_model("nowhere.json")
