"""Garbage collection of the checkpoints of a run: a quota in bytes."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["CheckpointQuota"]

#: suffix of a checkpoint that is being written
_PARTIAL_SUFFIX = ".part"


@dataclass(frozen=True, slots=True)
class CheckpointQuota:
    """A quota on a folder with a file ``task-NUMBER.*`` or a folder ``task-NUMBER`` for each task.

    Those of attempts that followed a lost one are in ``attempts/*``.

    Only checkpoints of finished tasks are removed, the oldest first; that of a suspended task is never removed.
    """

    folder: Path
    #: upper bound of the size of all checkpoints
    quota_bytes: int

    def enforce(self, finished_task_ids: set[int]) -> list[int]:
        """Remove checkpoints of finished tasks, oldest first, until the quota is met; returns the ids of their tasks.

        :raises StoreError: if the checkpoints of unfinished tasks alone exceed the quota.
        """
        checkpoints = sorted(self._list_checkpoints())
        total_bytes, removed = sum(size for _, _, size in checkpoints), []
        for _, path, size in checkpoints:
            task_id = int(path.name.removeprefix("task-").partition(".")[0])
            if total_bytes > self.quota_bytes and task_id in finished_task_ids:
                _delete(path)
                total_bytes -= size
                removed.append(task_id)
        if total_bytes > self.quota_bytes:
            message = (
                f"Expected the checkpoints in {self.folder} to stay within {self.quota_bytes / 1e9:g} GB, but those of "
                f"unfinished tasks alone take {total_bytes / 1e9:.2f} GB; raise live.checkpoint_quota_gb and resume."
            )
            raise StoreError(message)
        return removed

    def _list_checkpoints(self) -> Iterator[tuple[int, Path, int]]:
        """Yield modification time in ns, path and bytes of each checkpoint; skips those that are being written."""
        for path in [*self.folder.glob("task-*"), *self.folder.glob("attempts/*/task-*")]:
            if path.suffix == _PARTIAL_SUFFIX:
                continue
            with suppress(FileNotFoundError):  # a worker may be replacing it
                yield path.stat().st_mtime_ns, path, _size_bytes(path)


def _size_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
