import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sb3_contrib", reason="needs the extra rl")

from ce_nas.core.errors import SettingsError
from ce_nas.policies.learned.policy_network import read_policy
from ce_nas.report.plotting.policy_training import plot_learning_curves
from ce_nas.rl.ppo import PpoSettings
from ce_nas.rl.train import PolicyTrainingSettings, train_policy

QUICK = PolicyTrainingSettings(
    seeds=2, demonstrations=4, dagger_rounds=2, steps=64, env_count=2, validation_scenarios=2
)
TINY = PpoSettings(rollout_steps=32, eval_interval_steps=32, critic_warmup_steps=0, batch_size=16, n_epochs=2)


@pytest.fixture(scope="module")
def trained(recordings, tmp_path_factory):
    out, log = tmp_path_factory.mktemp("trained"), []
    return train_policy(QUICK, recordings, out, log.append, TINY), out, log


def test_trained_policy_is_written_with_its_provenance(trained):
    network, out, log = trained
    written = read_policy(out / "policy.npz")
    assert all(np.array_equal(first, second) for first, second in zip(network.weights, written.weights, strict=True))
    assert written.provenance["settings"]["demonstrations"] == 4
    assert written.provenance["validation_cost"] == min(
        cost for curve in report(out)["curves"] for cost in curve["costs"]
    )
    assert any("after 64 steps" in sentence for sentence in log)


def test_every_seed_has_a_learning_curve_and_a_checkpoint(trained):
    _, out, _ = trained
    curves = report(out)["curves"]
    assert [curve["seed"] for curve in curves] == [0, 1]
    for curve in curves:
        assert curve["steps"] == [0, 32, 64]
        assert (out / "checkpoints" / f"seed-{curve['seed']}-best.npz").exists()
    assert plot_learning_curves(out).stat().st_size > 10_000


def test_same_seed_trains_the_same_policy(recordings, tmp_path, trained):
    train_policy(QUICK, recordings, tmp_path, lambda _: None, TINY)
    assert (tmp_path / "policy.npz").read_bytes() == (trained[1] / "policy.npz").read_bytes()


def test_interrupted_training_continues_bit_by_bit(recordings, tmp_path, trained):
    def interrupt(sentence):
        if "Seed 1 after 32 steps" in sentence:
            raise KeyboardInterrupt

    log = []
    with pytest.raises(KeyboardInterrupt):
        train_policy(QUICK, recordings, tmp_path, interrupt, TINY)
    train_policy(QUICK, recordings, tmp_path, log.append, TINY)
    assert log == ["Seed 1 after 32 steps: " + trained[2][4].split(": ")[1], trained[2][5]]
    assert (tmp_path / "policy.npz").read_bytes() == (trained[1] / "policy.npz").read_bytes()
    assert (tmp_path / "training.json").read_bytes() == (trained[1] / "training.json").read_bytes()


def test_training_with_other_settings_is_not_continued(recordings, trained):
    with pytest.raises(SettingsError, match="holds one with others; choose another --out"):
        train_policy(replace(QUICK, steps=96), recordings, trained[1], lambda _: None, TINY)


def test_training_on_other_recordings_is_not_continued(recordings, trained):
    indices = recordings[-1].architecture_indices[::-1]
    last = replace(recordings[-1], architecture_indices=indices)
    with pytest.raises(SettingsError, match="but it holds one with others"):
        train_policy(QUICK, [*recordings[:-1], last], trained[1], print, TINY)


def test_damaged_checkpoint_is_named_and_kept(recordings, tmp_path):
    damaged = tmp_path / "checkpoints" / "seed-0-state.pt"
    damaged.parent.mkdir()
    damaged.write_bytes(b"half of it")
    with pytest.raises(SettingsError, match=r"Expected a training in .*seed-0-state\.pt.*remove the file"):
        train_policy(QUICK, recordings, tmp_path, print, TINY)
    assert damaged.read_bytes() == b"half of it"


def test_training_from_scratch_with_the_paper_reward_and_shares(recordings, tmp_path):
    settings = PolicyTrainingSettings(
        seeds=1, demonstrations=0, steps=32, env_count=2, validation_scenarios=1, reward="paper", continuous=True
    )
    assert not train_policy(settings, recordings, tmp_path, lambda _: None, TINY).discrete


def test_unknown_reward_is_named(recordings, tmp_path):
    with pytest.raises(SettingsError, match="carbon, paper, got 'fame'"):
        train_policy(PolicyTrainingSettings(reward="fame"), recordings, tmp_path, lambda _: None)


def report(out):
    return json.loads((out / "training.json").read_text())
