"""Checkpoints: written atomically, and loaded without running code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

from ce_nas.core.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers, text and containers of them to ``path``, replacing a previous checkpoint atomically.

    :raises StoreError: if it cannot be written.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        message = f"Expected to write the checkpoint {path}, but {error.strerror or error}; free disk space and resume."
        raise StoreError(message) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The content that :func:`save_checkpoint` wrote, its tensors on the CPU; only plain content and tensors load.

    :raises StoreError: if there is no complete checkpoint at ``path``.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive can raise anything
        message = f"Expected a complete checkpoint at {path}, but {error}; remove it to restart this training."
        raise StoreError(message) from error
    if not isinstance(content, dict):
        message = f"Expected a checkpoint's dictionary at {path}, got {type(content).__name__}; remove the file."
        raise StoreError(message)
    return content


def _sync_folder(path: Path) -> None:
    """Make the rename durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
