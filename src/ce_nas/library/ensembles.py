"""The official ensembles of NAS-Bench-301: an archive that is checked, kept as it comes, and never opened here.

Its members are pickles of classes (XGBoost, LightGBM, PyTorch), so that reading one means running what it brings
along. Whoever trusts it hands it to the package ``nasbench301``.
"""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

from ce_nas.core.errors import DataError
from ce_nas.library.piece import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["read"]


def read(files: Sequence[Path]) -> list[Piece]:
    """The archives, as they are.

    :raises DataError: if one is broken, or holds no ensembles.
    """
    return [Piece(file.name, file, _members(file), (file,)) for file in files]


def _members(file: Path) -> int:
    """How many models the archive holds."""
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
            models = [name for name in archive.namelist() if name.endswith((".model", ".pt", ".txt", ".json"))]
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        message = f"Expected a zip archive of ensembles in {file.name}, but {error}; get the file anew."
        raise DataError(message) from error
    if broken or not any("surrogate_model" in name for name in models):
        reason = f"its member {broken} is broken" if broken else "it holds no surrogate_model"
        message = f"Expected the ensembles of NAS-Bench-301 in {file.name}, but {reason}; get the file anew."
        raise DataError(message)
    return sum("surrogate_model" in name for name in models)
