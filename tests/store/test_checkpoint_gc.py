import os

import pytest

from ce_nas.core.errors import StoreError
from ce_nas.store.checkpoint_gc import Shelf


def filled(folder, sizes):
    shelf = Shelf(folder, quota_bytes=1000)
    for task, size in sizes.items():
        file = folder / f"task-{task}.pt"
        file.write_bytes(bytes(size))
        os.utime(file, ns=(task, task))
    return shelf


def test_the_oldest_finished_ones_go_first(tmp_path):
    shelf = filled(tmp_path, {0: 400, 1: 400, 2: 400, 3: 400})
    assert shelf.tidy(finished={1, 2, 3}) == [1, 2]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["task-0.pt", "task-3.pt"]


def test_what_is_needed_never_goes(tmp_path):
    shelf = filled(tmp_path, {0: 800, 1: 800, 2: 100})
    with pytest.raises(StoreError, match="keep within"):
        shelf.tidy(finished={2})
    assert (tmp_path / "task-0.pt").exists()
    assert (tmp_path / "task-1.pt").exists()


def test_a_tasks_folder_goes_as_a_whole(tmp_path):
    shelf = filled(tmp_path, {3: 100})
    (tmp_path / "task-1" / "deep").mkdir(parents=True)
    (tmp_path / "task-1" / "deep" / "state").write_bytes(bytes(950))
    os.utime(tmp_path / "task-1", ns=(0, 0))
    assert shelf.tidy(finished={1, 3}) == [1]
    assert [item.name for item in tmp_path.iterdir()] == ["task-3.pt"]


def test_a_checkpoint_that_is_just_being_written_is_let_be(tmp_path):
    shelf = filled(tmp_path, {0: 400, 1: 400})
    (tmp_path / "task-1.pt.part").write_bytes(bytes(400))
    assert shelf.tidy(finished={0, 1}) == []
    (tmp_path / "task-2.pt").write_bytes(bytes(400))
    assert shelf.tidy(finished={0, 1}) == [0]
    assert (tmp_path / "task-1.pt.part").exists()
