import json
import pickle

import pytest

from ce_nas.core.errors import DataError
from ce_nas.datasets.importers.yahpo import convert_files


def test_surrogate_and_encoding_are_stored_unchanged(shared_data, tmp_path):
    model, encoding = shared_data / "nasbench301/nb301_surrogate.onnx", shared_data / "nasbench301/encoding.json"
    converted = convert_files([encoding, model])
    assert [file.file for file in converted] == ["surrogate.onnx", "encoding.json"]
    for file, source in zip(converted, (model, encoding), strict=True):
        file.write(tmp_path / file.file)
        assert (tmp_path / file.file).read_bytes() == source.read_bytes()
        assert not any("differs from" in note for note in file.notes)


@pytest.mark.parametrize("names", [["a.onnx"], ["a.json"], ["a.onnx", "b.onnx"], ["a.onnx", "b.json", "c.txt"]])
def test_both_files_are_required(tmp_path, names):
    files = [tmp_path / name for name in names]
    for file in files:
        file.write_bytes(b"x")
    with pytest.raises(DataError, match=r"the surrogate's \.onnx and its encoding's \.json"):
        convert_files(files)


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({f"edge_{n}": {"a": "b"} for n in range(34)})])
def test_an_invalid_encoding_is_refused(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(b"x")
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"Expected (codes for 34 names|the encoding as JSON)"):
        convert_files([tmp_path / "a.onnx", tmp_path / "a.json"])


def test_an_invalid_model_is_refused(tmp_path):
    pytest.importorskip("onnxruntime", reason="the model is checked by onnxruntime")
    (tmp_path / "a.onnx").write_bytes(pickle.dumps("no model"))
    (tmp_path / "a.json").write_text(json.dumps({f"edge_{n}": {"#na#": 0} for n in range(34)}))
    with pytest.raises(DataError, match=r"Expected an ONNX model in a\.onnx"):
        convert_files([tmp_path / "a.onnx", tmp_path / "a.json"])


def test_an_untested_file_and_a_missing_runtime_are_noted(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (tmp_path / "a.onnx").write_bytes(b"x")
    (tmp_path / "a.json").write_text(json.dumps({f"edge_{n}": {"#na#": 0} for n in range(34)}))
    model, _ = convert_files([tmp_path / "a.onnx", tmp_path / "a.json"])
    assert model.notes == (
        "The surrogate was not checked, since onnxruntime is not installed.",
        "a.onnx differs from the file that this package was tested with.",
    )
