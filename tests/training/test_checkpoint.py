import os

import pytest
import torch

from ce_nas.core.errors import StoreError
from ce_nas.training.checkpoint import load_checkpoint, save_checkpoint


def test_what_is_saved_is_loaded(tmp_path):
    save_checkpoint(tmp_path / "deep" / "one.pt", {"weights": torch.arange(3), "step": 7})
    found = load_checkpoint(tmp_path / "deep" / "one.pt")
    assert found["step"] == 7
    assert torch.equal(found["weights"], torch.arange(3))
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["one.pt"]


def test_a_damaged_or_missing_checkpoint_is_named(tmp_path):
    path = tmp_path / "one.pt"
    with pytest.raises(StoreError, match="whole checkpoint"):
        load_checkpoint(path)
    save_checkpoint(path, {"weights": torch.arange(1000)})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match="whole checkpoint"):
        load_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(StoreError, match="dictionary"):
        load_checkpoint(path)


class _Bomb:
    def __reduce__(self):
        return os.system, ("true",)


def test_a_hostile_checkpoint_runs_nothing(tmp_path):
    torch.save({"bomb": _Bomb()}, tmp_path / "one.pt")
    with pytest.raises(StoreError, match="whole checkpoint"):
        load_checkpoint(tmp_path / "one.pt")


def test_a_failed_write_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "one.pt"
    save_checkpoint(path, {"step": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ce_nas.training.checkpoint.os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path)["step"] == 1
    assert len(list(tmp_path.iterdir())) == 1
