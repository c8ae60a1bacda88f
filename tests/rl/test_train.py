import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sb3_contrib", reason="needs the extra rl")

from ce_nas.core.errors import SettingsError
from ce_nas.policies.learned.network import read_policy
from ce_nas.report.plotting.policy_training import draw_curves
from ce_nas.rl.ppo import PpoSettings
from ce_nas.rl.train import TrainingSettings, train

QUICK = TrainingSettings(seeds=2, demonstrations=4, rounds=2, steps=64, environments=2, validation=2)
TINY = PpoSettings(rollout=32, look_every=32, watched=0, batch=16, epochs=2)


@pytest.fixture(scope="module")
def trained(records, tmp_path_factory):
    out, said = tmp_path_factory.mktemp("trained"), []
    return train(QUICK, records, out, said.append, TINY), out, said


def test_what_was_trained_is_kept_with_what_made_it(trained):
    network, out, said = trained
    kept = read_policy(out / "policy.npz")
    assert all(np.array_equal(one, other) for one, other in zip(network.weights, kept.weights, strict=True))
    assert kept.made_by["settings"]["demonstrations"] == 4
    assert kept.made_by["validation_cost"] == min(cost for curve in report(out)["curves"] for cost in curve["costs"])
    assert any("after 64 steps" in sentence for sentence in said)


def test_every_seed_has_its_curve_and_its_checkpoint(trained):
    _, out, _ = trained
    curves = report(out)["curves"]
    assert [curve["seed"] for curve in curves] == [0, 1]
    for curve in curves:
        assert curve["steps"] == [0, 32, 64]
        assert (out / "checkpoints" / f"seed-{curve['seed']}-best.npz").exists()
    assert draw_curves(out).stat().st_size > 10_000


def test_the_same_seed_trains_the_same_policy(records, tmp_path, trained):
    train(QUICK, records, tmp_path, lambda _: None, TINY)
    assert (tmp_path / "policy.npz").read_bytes() == (trained[1] / "policy.npz").read_bytes()


def test_one_that_was_cut_short_goes_on_to_the_same_bits(records, tmp_path, trained):
    def cut(sentence):
        if "Seed 1 after 32 steps" in sentence:
            raise KeyboardInterrupt

    said = []
    with pytest.raises(KeyboardInterrupt):
        train(QUICK, records, tmp_path, cut, TINY)
    train(QUICK, records, tmp_path, said.append, TINY)
    assert said == ["Seed 1 after 32 steps: " + trained[2][4].split(": ")[1], trained[2][5]]
    assert (tmp_path / "policy.npz").read_bytes() == (trained[1] / "policy.npz").read_bytes()
    assert (tmp_path / "training.json").read_bytes() == (trained[1] / "training.json").read_bytes()


def test_another_training_is_not_gone_on_from(records, trained):
    with pytest.raises(SettingsError, match="holds one with others; choose another --out"):
        train(replace(QUICK, steps=96), records, trained[1], lambda _: None, TINY)


def test_one_on_other_searches_is_not_gone_on_from(records, trained):
    with pytest.raises(SettingsError, match="but it holds one with others"):
        train(QUICK, [*records[:-1], replace(records[-1], rows=records[-1].rows[::-1])], trained[1], print, TINY)


def test_a_damaged_checkpoint_is_named_and_left_alone(records, tmp_path):
    damaged = tmp_path / "checkpoints" / "seed-0-state.pt"
    damaged.parent.mkdir()
    damaged.write_bytes(b"half of it")
    with pytest.raises(SettingsError, match=r"Expected a training in .*seed-0-state\.pt.*remove the file"):
        train(QUICK, records, tmp_path, print, TINY)
    assert damaged.read_bytes() == b"half of it"


def test_from_nothing_under_the_authors_reward_with_continuous_shares(records, tmp_path):
    settings = TrainingSettings(
        seeds=1, demonstrations=0, steps=32, environments=2, validation=1, reward="authors", continuous=True
    )
    assert not train(settings, records, tmp_path, lambda _: None, TINY).discrete


def test_an_unknown_reward_is_named(records, tmp_path):
    with pytest.raises(SettingsError, match="authors, grams, got 'fame'"):
        train(TrainingSettings(reward="fame"), records, tmp_path, lambda _: None)


def report(out):
    return json.loads((out / "training.json").read_text())
