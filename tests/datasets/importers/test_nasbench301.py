import json
import pickle

import pytest

from ce_nas.core.errors import DataError
from ce_nas.datasets.importers.nasbench301 import read


def test_the_surrogate_and_its_encoding_are_kept_as_they_are(shared_data, tmp_path):
    model, encoding = shared_data / "nasbench301/nb301_surrogate.onnx", shared_data / "nasbench301/encoding.json"
    pieces = read([encoding, model])
    assert [piece.file for piece in pieces] == ["surrogate.onnx", "encoding.json"]
    for piece, source in zip(pieces, (model, encoding), strict=True):
        piece.write(tmp_path / piece.file)
        assert (tmp_path / piece.file).read_bytes() == source.read_bytes()
        assert not any("another file" in note for note in piece.notes)


@pytest.mark.parametrize("names", [["a.onnx"], ["a.json"], ["a.onnx", "b.onnx"], ["a.onnx", "b.json", "c.txt"]])
def test_both_files_are_needed(tmp_path, names):
    files = [tmp_path / name for name in names]
    for file in files:
        file.write_bytes(b"x")
    with pytest.raises(DataError, match=r"the surrogate's \.onnx and its encoding's \.json"):
        read(files)


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({f"edge_{n}": {"a": "b"} for n in range(34)})])
def test_another_encoding_is_refused(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(b"x")
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"Expected (codes for 34 names|the encoding as JSON)"):
        read([tmp_path / "a.onnx", tmp_path / "a.json"])


def test_what_is_no_model_is_refused(tmp_path):
    pytest.importorskip("onnxruntime", reason="without it the model is not opened")
    (tmp_path / "a.onnx").write_bytes(pickle.dumps("no model"))
    (tmp_path / "a.json").write_text(json.dumps({f"edge_{n}": {"#na#": 0} for n in range(34)}))
    with pytest.raises(DataError, match=r"Expected an ONNX model in a\.onnx"):
        read([tmp_path / "a.onnx", tmp_path / "a.json"])


def test_an_unknown_file_is_noted_and_so_is_a_missing_runtime(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    (tmp_path / "a.onnx").write_bytes(b"x")
    (tmp_path / "a.json").write_text(json.dumps({f"edge_{n}": {"#na#": 0} for n in range(34)}))
    model, _ = read([tmp_path / "a.onnx", tmp_path / "a.json"])
    assert model.notes == (
        "The surrogate was not opened, since onnxruntime is not installed here.",
        "a.onnx is another file than the one that this package was tested with.",
    )
