import json
from itertools import pairwise

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.policies.learned import network as policy_file
from ce_nas.policies.learned.actions import MENU
from ce_nas.policies.learned.features import FEATURES
from ce_nas.policies.learned.network import PolicyNetwork, load_builtin, read_policy, write_policy


def network(seed=0, *, discrete=True):
    rng = np.random.default_rng(seed)
    sizes = (len(FEATURES), 5, len(MENU))
    weights = [rng.normal(size=size).astype(np.float32) for size in pairwise(sizes)]
    biases = [rng.normal(size=size).astype(np.float32) for size in sizes[1:]]
    return PolicyNetwork(weights, biases, discrete, {"settings": {"seed": seed}})


@pytest.mark.parametrize("discrete", [True, False])
def test_a_network_is_read_as_it_was_written(tmp_path, discrete):
    ours = network(discrete=discrete)
    write_policy(tmp_path / "new" / "policy.npz", ours)
    found = read_policy(tmp_path / "new" / "policy.npz")
    seen = np.linspace(-1, 1, len(FEATURES), dtype=np.float32)
    assert np.array_equal(found.outputs(seen), ours.outputs(seen))
    assert (found.discrete, found.made_by) == (discrete, {"settings": {"seed": 0}})


def test_the_same_network_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_policy(tmp_path / name, network(seed))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_what_is_put_out_is_worked_out_layer_by_layer():
    weights = [np.array([[1.0], [2.0]]), np.array([[3.0, -1.0]])]
    biases = [np.array([0.5]), np.array([0.0, 1.0])]
    hidden = np.tanh(0.1 + 2 * 0.2 + 0.5)
    assert PolicyNetwork(weights, biases).outputs(np.array([0.1, 0.2])) == pytest.approx([3 * hidden, 1 - hidden])


def test_a_damaged_file_is_noticed_wherever_the_damage_is(tmp_path):
    path = tmp_path / "policy.npz"
    write_policy(path, network())
    whole = path.read_bytes()
    silent = []
    for place in range(0, len(whole), 37):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            found = read_policy(path)
        except SettingsError:
            continue
        silent += [
            place for ours, theirs in zip(network().weights, found.weights, strict=True) if (ours != theirs).any()
        ]
    assert silent == []
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SettingsError, match="damaged"):
        read_policy(path)


def test_a_changed_number_is_noticed_by_the_checksum(tmp_path):
    path = tmp_path / "policy.npz"
    write_policy(path, network())
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    content["biases_0"][0] += 1.0
    with path.open("wb") as file:
        np.savez(file, **content)
    with pytest.raises(SettingsError, match="checksum"):
        read_policy(path)


def test_a_policy_for_other_features_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_file, "FEATURES", (*FEATURES, "moon"))
    write_policy(tmp_path / "policy.npz", network())
    monkeypatch.undo()
    with pytest.raises(SettingsError, match="this version's features"):
        read_policy(tmp_path / "policy.npz")


def test_a_missing_file_is_named_with_the_way_out(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.npz.*ce-nas policy train"):
        read_policy(tmp_path / "none.npz")


def test_pickles_are_never_opened(tmp_path):
    path = tmp_path / "policy.npz"
    with path.open("wb") as file:
        np.savez(file, header=np.array({"a": 1}, dtype=object), checksum=np.array(""))
    with pytest.raises(SettingsError, match="damaged"):
        read_policy(path)


def test_the_built_in_policy_says_what_made_it():
    made_by = load_builtin().made_by
    assert {"command", "settings", "version", "recordings"} <= set(made_by)
    json.dumps(dict(made_by))
