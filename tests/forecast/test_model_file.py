import json

import numpy as np
import pytest

from ce_nas.core.errors import ModelError
from ce_nas.forecast.model_file import load_model, save_model

ARRAYS = {"b": np.arange(3.0), "a": np.eye(2, dtype=np.float32)}


@pytest.fixture
def saved(tmp_path):
    return save_model(tmp_path / "deep" / "model", {"kind": "mine", "seed": 7}, ARRAYS)


@pytest.mark.parametrize("name", ["model", "model.json"])
def test_model_round_trip(saved, name):
    settings, arrays = load_model(saved.with_name(name))
    assert (settings["kind"], settings["seed"], settings["format"]) == ("mine", 7, 1)
    assert sorted(arrays) == ["a", "b"]
    assert all(np.array_equal(arrays[key], ARRAYS[key]) and arrays[key].dtype == ARRAYS[key].dtype for key in ARRAYS)


def test_same_model_has_the_same_bytes(saved, tmp_path):
    copy = save_model(tmp_path / "copy.json", {"seed": 7, "kind": "mine"}, dict(reversed(ARRAYS.items())))
    assert copy.read_bytes() == saved.read_bytes()
    assert copy.with_suffix(".npz").read_bytes() == saved.with_suffix(".npz").read_bytes()


def test_dot_in_name_is_not_a_suffix(tmp_path):
    path = save_model(tmp_path / "de.2021", {}, ARRAYS)
    assert path.name == "de.2021.json"
    assert (tmp_path / "de.2021.npz").exists()
    assert load_model(tmp_path / "de.2021")[1].keys() == ARRAYS.keys()


def test_damaged_weights_are_rejected(saved):
    weights = saved.with_suffix(".npz")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or belongs to another model"):
        load_model(saved)


def test_weights_of_another_model_are_rejected(saved, tmp_path):
    other = save_model(tmp_path / "other", {}, {"a": np.zeros(2)})
    saved.with_suffix(".npz").write_bytes(other.with_suffix(".npz").read_bytes())
    with pytest.raises(ModelError, match="belongs to another model"):
        load_model(saved)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "no JSON"),
        ("[]", "format 1.*got None"),
        (json.dumps({"format": 2}), "got 2"),
        (json.dumps({"format": 1}), "SHA-256 None"),
    ],
)
def test_invalid_settings_are_rejected(saved, text, message):
    saved.write_text(text)
    with pytest.raises(ModelError, match=message):
        load_model(saved)


def test_missing_and_unwritable_files_are_named(saved, tmp_path):
    with pytest.raises(ModelError, match=r"none\.json.*ce-nas forecast fit"):
        load_model(tmp_path / "none")
    saved.with_suffix(".npz").unlink()
    with pytest.raises(ModelError, match=r"model\.npz"):
        load_model(saved)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="Choose another path"):
        save_model(tmp_path / "file" / "model", {}, ARRAYS)
