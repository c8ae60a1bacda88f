"""Checkpoints: written whole or not at all, read without running anything they bring, held to a quota."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from ce_nas.core.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Shelf", "load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers, text and containers of them to ``path``: the old content stays until the new one is safe.

    :raises StoreError: if it cannot be written.
    """
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        message = f"Expected to write the checkpoint {path}, but {error.strerror or error}; make room and resume."
        raise StoreError(message) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """What :func:`save_checkpoint` wrote, its tensors on the CPU; nothing but plain content and tensors is accepted.

    :raises StoreError: if there is no whole checkpoint at ``path``.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever the bytes of a damaged archive happen to raise
        message = f"Expected a whole checkpoint at {path}, but {error}; remove it to begin this training anew."
        raise StoreError(message) from error
    if not isinstance(content, dict):
        message = f"Expected a checkpoint's dictionary at {path}, got {type(content).__name__}; remove the file."
        raise StoreError(message)
    return content


def _sync_folder(path: Path) -> None:
    """Make the renaming itself durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of checkpoints that may hold so many bytes.

    Only what is no longer needed goes, the oldest first: a suspended training's checkpoint is never removed.
    """

    folder: Path
    #: the most that all checkpoints together may take
    quota_bytes: int

    def path(self, task: int) -> Path:
        """Where the checkpoint of a task lies."""
        return self.folder / f"task-{task}.pt"

    def tidy(self, finished: set[int]) -> list[int]:
        """Remove checkpoints of finished tasks, oldest first, until the quota is kept; returns whose.

        :raises StoreError: if those that are still needed take more than the quota.
        """
        files = sorted(self.folder.glob("task-*.pt"), key=lambda file: (file.stat().st_mtime_ns, file.name))
        taken = sum(file.stat().st_size for file in files)
        removed = []
        for file in files:
            task = int(file.stem.removeprefix("task-"))
            if taken > self.quota_bytes and task in finished:
                taken -= file.stat().st_size
                file.unlink()
                removed.append(task)
        if taken > self.quota_bytes:
            message = (
                f"Expected the checkpoints in {self.folder} to keep within {self.quota_bytes / 1e9:g} GB, but those of "
                f"unfinished trainings alone take {taken / 1e9:.2f} GB; raise cluster.checkpoint_quota."
            )
            raise StoreError(message)
        return removed
