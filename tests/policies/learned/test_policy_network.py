import json
from itertools import pairwise

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.policies.learned import policy_network as network_module
from ce_nas.policies.learned.actions import ACTIONS
from ce_nas.policies.learned.observation import FEATURE_NAMES
from ce_nas.policies.learned.policy_network import PolicyNetwork, load_builtin_policy, read_policy, write_policy


def random_network(seed=0, *, discrete=True):
    rng = np.random.default_rng(seed)
    sizes = (len(FEATURE_NAMES), 5, len(ACTIONS) if discrete else 2)
    weights = [rng.normal(size=size).astype(np.float32) for size in pairwise(sizes)]
    biases = [rng.normal(size=size).astype(np.float32) for size in sizes[1:]]
    return PolicyNetwork(weights, biases, discrete, {"settings": {"seed": seed}})


@pytest.mark.parametrize("discrete", [True, False])
def test_network_is_read_as_written(tmp_path, discrete):
    written = random_network(discrete=discrete)
    write_policy(tmp_path / "new" / "policy.npz", written)
    read = read_policy(tmp_path / "new" / "policy.npz")
    features = np.linspace(-1, 1, len(FEATURE_NAMES), dtype=np.float32)
    assert np.array_equal(read.forward(features), written.forward(features))
    assert (read.discrete, read.provenance) == (discrete, {"settings": {"seed": 0}})


def test_same_network_gives_the_same_bytes(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_policy(tmp_path / name, random_network(seed))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_forward_pass_layer_by_layer():
    weights = [np.array([[1.0], [2.0]]), np.array([[3.0, -1.0]])]
    biases = [np.array([0.5]), np.array([0.0, 1.0])]
    hidden = np.tanh(0.1 + 2 * 0.2 + 0.5)
    assert PolicyNetwork(weights, biases).forward(np.array([0.1, 0.2])) == pytest.approx([3 * hidden, 1 - hidden])


def test_damaged_file_is_refused_wherever_the_damage_is(tmp_path):
    path = tmp_path / "policy.npz"
    write_policy(path, random_network())
    whole = path.read_bytes()
    undetected = []
    for position in range(0, len(whole), 37):
        damaged = bytearray(whole)
        damaged[position] ^= 0x55
        path.write_bytes(damaged)
        try:
            read = read_policy(path)
        except SettingsError:
            continue
        pairs = zip(random_network().weights, read.weights, strict=True)
        undetected += [position for written, damage in pairs if (written != damage).any()]
    assert undetected == []
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SettingsError, match="damaged"):
        read_policy(path)


def test_checksum_detects_a_changed_weight(tmp_path):
    path = tmp_path / "policy.npz"
    write_policy(path, random_network())
    with np.load(path) as file:
        content = {name: file[name] for name in file.files}
    content["biases_0"][0] += 1.0
    with path.open("wb") as file:
        np.savez(file, **content)
    with pytest.raises(SettingsError, match="checksum"):
        read_policy(path)


def test_policy_for_other_features_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(network_module, "FEATURE_NAMES", (*FEATURE_NAMES, "moon"))
    write_policy(tmp_path / "policy.npz", random_network())
    monkeypatch.undo()
    with pytest.raises(SettingsError, match="this version's features"):
        read_policy(tmp_path / "policy.npz")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.npz.*ce-nas policy train"):
        read_policy(tmp_path / "none.npz")


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "policy.npz"
    with path.open("wb") as file:
        np.savez(file, header=np.array({"a": 1}, dtype=object), checksum=np.array(""))
    with pytest.raises(SettingsError, match="damaged"):
        read_policy(path)


def test_builtin_policy_has_its_provenance():
    provenance = load_builtin_policy().provenance
    assert {"command", "settings", "version", "recordings"} <= set(provenance)
    json.dumps(dict(provenance))


@pytest.mark.parametrize(
    "change",
    [
        {"layers": "two"}, {"layers": 3}, {"layers": True}, {"layers": -1}, {"discrete": "yes"}, {"discrete": None},
    ],
)  # fmt: skip
def test_headers_of_another_type_with_a_valid_checksum_are_refused(tmp_path, monkeypatch, change):
    original = json.dumps
    monkeypatch.setattr(network_module.json, "dumps", lambda header, **options: original(header | change, **options))
    write_policy(tmp_path / "policy.npz", random_network())
    monkeypatch.undo()
    with pytest.raises(SettingsError, match=r"layers that fit|for this version"):
        read_policy(tmp_path / "policy.npz")


def test_layers_that_do_not_fit_one_another_are_refused(tmp_path):
    whole = random_network()
    for weights, biases in (
        (whole.weights[::-1], whole.biases),
        (whole.weights, whole.biases[::-1]),
        (whole.weights[:1], whole.biases),
        ([whole.weights[0] * np.nan, whole.weights[1]], whole.biases),
    ):
        write_policy(tmp_path / "policy.npz", PolicyNetwork(weights, biases, True, {}))
        with pytest.raises(SettingsError, match="layers that fit"):
            read_policy(tmp_path / "policy.npz")


def test_a_damaged_policy_leaves_no_run_folder(tmp_path):
    from ce_nas.api import Search

    (tmp_path / "policy.npz").write_bytes(b"damaged")
    search = Search(policy={"name": "learned", "file": str(tmp_path / "policy.npz")}, hours=2, gpus=1)
    with pytest.raises(SettingsError, match="damaged"):
        search.run(tmp_path / "run")
    assert not (tmp_path / "run").exists()
