"""The checkpoints of a run's tasks, held to a quota."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ce_nas.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Shelf"]

#: what a checkpoint is called until it is whole
_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder in which each task keeps a file ``task-NUMBER.*`` or a folder ``task-NUMBER``, up to so many bytes.

    Only what is no longer needed goes, the oldest first: a suspended task's checkpoint is never removed.
    """

    folder: Path
    #: the most that all checkpoints together may take
    quota_bytes: int

    def tidy(self, finished: set[int]) -> list[int]:
        """Remove checkpoints of finished tasks, oldest first, until the quota is kept; returns whose.

        :raises StoreError: if those that are still needed take more than the quota.
        """
        kept = sorted(self._kept())
        taken, removed = sum(size for _, _, size in kept), []
        for _, item, size in kept:
            task = int(item.name.removeprefix("task-").partition(".")[0])
            if taken > self.quota_bytes and task in finished:
                _remove(item)
                taken -= size
                removed.append(task)
        if taken > self.quota_bytes:
            message = (
                f"Expected the checkpoints in {self.folder} to keep within {self.quota_bytes / 1e9:g} GB, but those of "
                f"unfinished tasks alone take {taken / 1e9:.2f} GB; raise live.checkpoint_quota_gb and resume."
            )
            raise StoreError(message)
        return removed

    def _kept(self) -> Iterator[tuple[int, Path, int]]:
        """When each was last changed, where it is, and its bytes; one that is just being written is left out."""
        for item in self.folder.glob("task-*"):
            if item.suffix == _UNFINISHED:
                continue
            with suppress(FileNotFoundError):  # a worker may be replacing it at this very moment
                yield item.stat().st_mtime_ns, item, _bytes(item)


def _bytes(item: Path) -> int:
    files = item.rglob("*") if item.is_dir() else [item]
    return sum(file.stat().st_size for file in files if file.is_file())


def _remove(item: Path) -> None:
    if item.is_dir():
        shutil.rmtree(item)
    else:
        item.unlink()
