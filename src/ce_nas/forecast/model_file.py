"""A fitted model on disk: its settings as JSON, and its weights as plain arrays.

``NAME.json`` holds the settings, the version of the format and the SHA-256 of ``NAME.npz``. Nothing in either file is
ever executed.
"""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.bounded_files import read_npz
from ce_nas.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_model", "save_model"]

#: version of the format; files of another version are rejected
FORMAT_VERSION = 1


def save_model(path: str | Path, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a model to ``path``, with or without ``.json``, and return the path of its settings.

    The same settings and arrays give the same bytes.

    :raises ModelError: if it cannot be written.
    """
    settings_path = _settings_path(path)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{name: np.asarray(values) for name, values in sorted(arrays.items())})
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    text = json.dumps({"format": FORMAT_VERSION, **settings, "sha256": digest}, indent=1, sort_keys=True)
    try:
        settings_path.parent.mkdir(parents=True, exist_ok=True)
        settings_path.with_suffix(".npz").write_bytes(content.getvalue())
        settings_path.write_text(text + "\n")
    except OSError as error:
        message = f"Expected to write a model to {str(settings_path)!r}, but {error.strerror}. Choose another path."
        raise ModelError(message) from error
    return settings_path


def load_model(path: str | Path, kind: str | None = None) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a model's settings and arrays.

    :param kind: the expected kind of model; None for any.
    :raises ModelError: if a file is missing, damaged, of another format or kind, or does not match the other file.
    """
    settings_path = _settings_path(path)
    settings = _read_settings(settings_path)
    weights_path = settings_path.with_suffix(".npz")
    weights = _read_bytes(weights_path)
    digest = hashlib.sha256(weights).hexdigest()
    if digest != settings.get("sha256"):
        message = (
            f"Expected weights with SHA-256 {settings.get('sha256')} in {str(weights_path)!r}, "
            f"got {digest}: the file is damaged or belongs to another model. Fit it again."
        )
        raise ModelError(message)
    if kind is not None and settings.get("kind") != kind:
        message = f"Expected a {kind} model in {str(path)!r}, got {settings.get('kind')!r}. Choose another file."
        raise ModelError(message)
    try:
        return settings, read_npz(io.BytesIO(weights))
    except ValueError as error:
        message = f"Expected a model's weights in {str(weights_path)!r}, but {error}; fit it again."
        raise ModelError(message) from error


def _settings_path(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".json" else path.with_name(path.name + ".json")


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(_read_bytes(path))
    except (ValueError, RecursionError) as error:
        message = f"Expected the settings of a model in {str(path)!r}, got text that is no JSON: {error}."
        raise ModelError(message) from error
    version = settings.get("format") if isinstance(settings, dict) else None
    if version != FORMAT_VERSION:
        message = (
            f"Expected a model of format {FORMAT_VERSION} in {str(path)!r}, got {version!r}. "
            f"Fit it again with this version."
        )
        raise ModelError(message)
    return dict(settings)


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"Expected a model's file {str(path)!r}, but {error.strerror}. Fit one with 'ce-nas forecast fit'."
        raise ModelError(message) from error
