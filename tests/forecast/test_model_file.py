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
def test_what_was_written_is_read_back(saved, name):
    settings, arrays = load_model(saved.with_name(name))
    assert (settings["kind"], settings["seed"], settings["format"]) == ("mine", 7, 1)
    assert sorted(arrays) == ["a", "b"]
    assert all(np.array_equal(arrays[key], ARRAYS[key]) and arrays[key].dtype == ARRAYS[key].dtype for key in ARRAYS)


def test_the_same_model_gives_the_same_bytes(saved, tmp_path):
    again = save_model(tmp_path / "again.json", {"seed": 7, "kind": "mine"}, dict(reversed(ARRAYS.items())))
    assert again.read_bytes() == saved.read_bytes()
    assert again.with_suffix(".npz").read_bytes() == saved.with_suffix(".npz").read_bytes()


def test_a_dot_in_a_name_is_no_ending(tmp_path):
    where = save_model(tmp_path / "de.2021", {}, ARRAYS)
    assert where.name == "de.2021.json"
    assert (tmp_path / "de.2021.npz").exists()
    assert load_model(tmp_path / "de.2021")[1].keys() == ARRAYS.keys()


def test_damage_is_found(saved):
    weights = saved.with_suffix(".npz")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="damaged or belongs to another model"):
        load_model(saved)


def test_weights_of_another_model_are_found(saved, tmp_path):
    other = save_model(tmp_path / "other", {}, {"a": np.zeros(2)})
    saved.with_suffix(".npz").write_bytes(other.with_suffix(".npz").read_bytes())
    with pytest.raises(ModelError, match="belongs to another model"):
        load_model(saved)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "no JSON"),
        ("[]", "format 1.*got None"),
        (json.dumps({"format": 2}), "got 2"),
        (json.dumps({"format": 1}), "SHA-256 None"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(saved, text, complaint):
    saved.write_text(text)
    with pytest.raises(ModelError, match=complaint):
        load_model(saved)


def test_missing_files_and_places_that_cannot_be_written_are_named(saved, tmp_path):
    with pytest.raises(ModelError, match=r"none\.json.*ce-nas forecast fit"):
        load_model(tmp_path / "none")
    saved.with_suffix(".npz").unlink()
    with pytest.raises(ModelError, match=r"model\.npz"):
        load_model(saved)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="Choose another place"):
        save_model(tmp_path / "file" / "model", {}, ARRAYS)
