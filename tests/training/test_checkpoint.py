import os

import pytest
import torch

from ce_nas.core.errors import StoreError
from ce_nas.training.checkpoint import load_checkpoint, save_checkpoint


def test_a_checkpoint_round_trips(tmp_path):
    save_checkpoint(tmp_path / "deep" / "checkpoint.pt", {"weights": torch.arange(3), "step": 7})
    content = load_checkpoint(tmp_path / "deep" / "checkpoint.pt")
    assert content["step"] == 7
    assert torch.equal(content["weights"], torch.arange(3))
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["checkpoint.pt"]


def test_a_damaged_or_missing_checkpoint_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    with pytest.raises(StoreError, match="complete checkpoint"):
        load_checkpoint(path)
    save_checkpoint(path, {"weights": torch.arange(1000)})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StoreError, match="complete checkpoint"):
        load_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(StoreError, match="dictionary"):
        load_checkpoint(path)


class _Malicious:
    def __reduce__(self):
        return os.system, ("true",)


def test_a_malicious_checkpoint_runs_nothing(tmp_path):
    torch.save({"content": _Malicious()}, tmp_path / "checkpoint.pt")
    with pytest.raises(StoreError, match="complete checkpoint"):
        load_checkpoint(tmp_path / "checkpoint.pt")


def test_a_failed_write_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"step": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ce_nas.training.checkpoint.os.fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        save_checkpoint(path, {"step": 2})
    assert load_checkpoint(path)["step"] == 1
    assert len(list(tmp_path.iterdir())) == 1
