import os

import pytest

from ce_nas.core.errors import StoreError
from ce_nas.store.checkpoint_gc import CheckpointQuota


def quota_with_checkpoints(folder, sizes):
    quota = CheckpointQuota(folder, quota_bytes=1000)
    for task, size in sizes.items():
        file = folder / f"task-{task}.pt"
        file.write_bytes(bytes(size))
        os.utime(file, ns=(task, task))
    return quota


def test_quota_removes_oldest_finished_first(tmp_path):
    quota = quota_with_checkpoints(tmp_path, {0: 400, 1: 400, 2: 400, 3: 400})
    assert quota.enforce(finished_task_ids={1, 2, 3}) == [1, 2]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["task-0.pt", "task-3.pt"]


def test_quota_keeps_unfinished_checkpoints(tmp_path):
    quota = quota_with_checkpoints(tmp_path, {0: 800, 1: 800, 2: 100})
    with pytest.raises(StoreError, match="stay within"):
        quota.enforce(finished_task_ids={2})
    assert (tmp_path / "task-0.pt").exists()
    assert (tmp_path / "task-1.pt").exists()


def test_quota_removes_checkpoint_folder(tmp_path):
    quota = quota_with_checkpoints(tmp_path, {3: 100})
    (tmp_path / "task-1" / "deep").mkdir(parents=True)
    (tmp_path / "task-1" / "deep" / "state").write_bytes(bytes(950))
    os.utime(tmp_path / "task-1", ns=(0, 0))
    assert quota.enforce(finished_task_ids={1, 3}) == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["task-3.pt"]


def test_quota_ignores_partial_checkpoint(tmp_path):
    quota = quota_with_checkpoints(tmp_path, {0: 400, 1: 400})
    (tmp_path / "task-1.pt.part").write_bytes(bytes(400))
    assert quota.enforce(finished_task_ids={0, 1}) == []
    (tmp_path / "task-2.pt").write_bytes(bytes(400))
    assert quota.enforce(finished_task_ids={0, 1}) == [0]
    assert (tmp_path / "task-1.pt.part").exists()


def test_a_quota_that_is_just_met_removes_nothing(tmp_path):
    quota = quota_with_checkpoints(tmp_path, {0: 500, 1: 500})
    assert quota.enforce(finished_task_ids={0, 1}) == []
    assert quota.enforce(finished_task_ids=set()) == []
    (tmp_path / "task-2.pt").write_bytes(b"x")
    assert quota.enforce(finished_task_ids={0, 1}) == [0]


def test_a_checkpoint_that_is_replaced_meanwhile_is_skipped(tmp_path):
    quota = quota_with_checkpoints(tmp_path, {0: 600, 1: 600})
    (tmp_path / "task-2.pt").symlink_to(tmp_path / "gone")
    assert quota.enforce(finished_task_ids={0, 1, 2}) == [0]
    assert (tmp_path / "task-2.pt").is_symlink()


def test_the_excess_is_stated_in_gigabytes(tmp_path):
    quota = quota_with_checkpoints(tmp_path, {0: 30_000_000})
    with pytest.raises(StoreError, match=r"within 1e-06 GB, but those of unfinished tasks alone take 0\.03 GB"):
        quota.enforce(finished_task_ids=set())


def test_checkpoints_of_later_attempts_count_and_are_removed(tmp_path):
    quota = quota_with_checkpoints(tmp_path, {5: 400})
    (tmp_path / "attempts" / "1").mkdir(parents=True)
    later = tmp_path / "attempts" / "1" / "task-3.pt"
    later.write_bytes(bytes(700))
    os.utime(later, ns=(3, 3))
    assert quota.enforce(finished_task_ids={5, 3}) == [3]
    assert not later.exists()
    assert (tmp_path / "task-5.pt").exists()
