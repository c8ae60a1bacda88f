"""A fitted model on disk: its settings as JSON, and beside them its weights as plain arrays.

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

from ce_nas.core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_model", "save_model"]

#: version of the format; a file of another one is refused
FORMAT = 1


def save_model(path: str | Path, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a model to ``path``, with or without ``.json``, and return where its settings are.

    The same settings and arrays give the same bytes.

    :raises ModelError: if it cannot be written.
    """
    where = _settings_path(path)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **{name: np.asarray(values) for name, values in sorted(arrays.items())})
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    text = json.dumps({"format": FORMAT, **settings, "sha256": digest}, indent=1, sort_keys=True)
    try:
        where.parent.mkdir(parents=True, exist_ok=True)
        where.with_suffix(".npz").write_bytes(content.getvalue())
        where.write_text(text + "\n")
    except OSError as error:
        message = f"Expected to write a model to {str(where)!r}, but {error.strerror}. Choose another place."
        raise ModelError(message) from error
    return where


def load_model(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read a model's settings and arrays back, if they are whole.

    :raises ModelError: if a file is missing, damaged, of another format, or not the one that belongs to the other.
    """
    where = _settings_path(path)
    settings = _settings(where)
    weights = _bytes(where.with_suffix(".npz"))
    digest = hashlib.sha256(weights).hexdigest()
    if digest != settings.get("sha256"):
        message = (
            f"Expected weights with SHA-256 {settings.get('sha256')} in {str(where.with_suffix('.npz'))!r}, "
            f"got {digest}: the file is damaged or belongs to another model. Fit it again."
        )
        raise ModelError(message)
    with np.load(io.BytesIO(weights), allow_pickle=False) as content:
        return settings, {name: content[name] for name in content.files}


def _settings_path(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".json" else path.with_name(path.name + ".json")


def _settings(where: Path) -> dict[str, Any]:
    try:
        settings = json.loads(_bytes(where))
    except ValueError as error:
        message = f"Expected the settings of a model in {str(where)!r}, got text that is no JSON: {error}."
        raise ModelError(message) from error
    found = settings.get("format") if isinstance(settings, dict) else None
    if found != FORMAT:
        message = (
            f"Expected a model of format {FORMAT} in {str(where)!r}, got {found!r}. Fit it again with this version."
        )
        raise ModelError(message)
    return dict(settings)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"Expected a model's file {str(path)!r}, but {error.strerror}. Fit one with 'ce-nas forecast fit'."
        raise ModelError(message) from error
