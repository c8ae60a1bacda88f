"""Checkpoints: written whole or not at all, read without running anything they bring."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from ce_nas.core.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_checkpoint", "save_checkpoint"]


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
