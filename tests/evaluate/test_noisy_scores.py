"""Scores with a supernet's noise: one a seed and architecture, and alike where operations are."""

from dataclasses import replace

import numpy as np
import pytest

from ce_nas.core.rng import stream
from ce_nas.evaluate.noisy_scores import NoisyScores
from ce_nas.evaluate.supernet_noise import read_noise
from ce_nas.space.space import Space

SPACE = Space("six", [*"abcdef"], [[*"vwxyz"]] * 6)
SAMPLE = SPACE.sample(stream(0, "sample"), 2000)
NOISE = read_noise()


def level(architectures):
    """All of the same accuracy: what differs is noise."""
    return np.zeros(len(architectures))


def scores(seed=0, truth=level, **changed):
    return NoisyScores(replace(NOISE, **changed), SPACE, SAMPLE, truth, epoch_s=30.0, seed=seed)


def test_a_score_is_of_the_architecture_and_the_seed_alone():
    first, vote = scores().of(SAMPLE)
    again = np.vstack([scores().of([one])[0] for one in SAMPLE[:20]])
    np.testing.assert_array_equal(first[:20], again)
    assert not np.array_equal(scores(seed=1).of(SAMPLE)[0], first)
    assert first.shape == (2000, 1)
    assert vote.shape == (2000,)
    assert ((vote > 0) & (vote < 1)).all()


@pytest.mark.parametrize("shared", [0.0, 0.4, 1.0])
def test_the_noise_is_as_wide_as_it_should_be_however_much_is_shared(shared):
    found = scores(shared=shared).of(SAMPLE)[0][:, 0]
    mean, spread = NOISE.at(np.zeros(1))
    assert found.mean() == pytest.approx(mean[0], abs=0.05)
    assert found.std() == pytest.approx(spread[0], rel=0.05)


def test_neighbours_are_missed_alike_as_far_as_noise_is_shared():
    near = [next(iter(SPACE.neighbours(one))) for one in SAMPLE]
    alike = [
        np.corrcoef(*(scores(shared=shared).of(part)[0][:, 0] for part in (SAMPLE, near)))[0, 1]
        for shared in (0.0, 0.5, 1.0)
    ]
    assert alike[0] == pytest.approx(0.0, abs=0.08)
    assert alike[0] < alike[1] < alike[2]
    assert alike[2] > 0.6


def test_better_architectures_score_better_on_the_whole():
    truth = dict(zip(dict.fromkeys(SAMPLE), np.linspace(-2.5, 2.5, 2000).tolist(), strict=False))
    found = scores(truth=lambda part: np.array([truth[one] for one in part])).of(list(truth))[1]
    assert np.corrcoef(found, list(truth.values()))[0, 1] > 0.6


def test_its_costs_and_its_origin_are_stated():
    one = scores(seed=3)
    assert (one.score_s, one.training_s, one.names) == (10.0, 875 * 30.0, ("one-shot",))
    assert "Kendall tau 0.684 over all, 0.179 among the best tenth), seed 3" in one.origin


def test_noise_and_seed_show_in_the_fingerprint():
    assert scores().fingerprint == scores().fingerprint
    assert len({one.fingerprint for one in (scores(), scores(seed=1), scores(shared=0.5))}) == 3
