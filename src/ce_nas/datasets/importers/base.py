"""Importing: official files are read, checked and kept in plain formats, with a manifest of where they came from.

What a reader makes of official files: pieces that are kept, each in a plain format of its own.
"""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ce_nas.core.errors import DataError
from ce_nas.datasets.store import Kept, Manifest, Origin, digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import numpy as np
    import pandas as pd

    from ce_nas.datasets.catalog import DataSet
    from ce_nas.datasets.store import Library

__all__ = ["Change", "Imported", "Piece", "import_files"]

#: data set to the module of this room that reads it; each has a function ``read`` from files to pieces
READERS = {
    "hwnasbench": "hwnasbench",
    "nasbench201": "nats",
    "supernets": "supernets",
    "nasbench301": "nasbench301",
    "nasbench301-ensembles": "ensembles",
    "electricity-maps": "traces",
    "carboncast": "traces",
}


class Change(StrEnum):
    """What an import did about a file."""

    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Imported:
    """A file, and what was done about it."""

    kept: Kept
    change: Change


def import_files(  # noqa: PLR0913 - what, from where, to where, when, and whether it may replace something
    known: DataSet,
    files: Sequence[Path],
    library: Library,
    now: datetime,
    *,
    replace: bool = False,
    addresses: Mapping[Path, str] | None = None,
) -> list[Imported]:
    """Read the files of a data set and keep what they hold.

    A file that was read before is left as it is; another one takes the place of what is kept only if ``replace`` says
    so. Nothing is changed unless everything can be read.

    :param addresses: where files came from, of those that were fetched.
    :raises DataError: if a file is of no use, something else is kept already, or the folder cannot be written.
    """
    missing = next((file for file in files if not file.exists()), None)
    if missing or not files:
        found = f"there is nothing at {str(missing)!r}" if missing else "no file was given"
        message = f"Expected {known.takes}, but {found}; get it: {known.how_to_get}."
        raise DataError(message)
    reader = importlib.import_module(f"ce_nas.datasets.{READERS[known.name]}")
    pieces: list[Piece] = reader.read(files)
    sums = {file: digest(file) for piece in pieces for file in piece.sources}
    origins = {file: Origin((addresses or {}).get(file, file.name), sha256) for file, sha256 in sums.items()}
    before = library.manifest(known.name)
    changes = {piece.file: _change(piece, origins, before, replace=replace) for piece in pieces}
    drafts = _drafts([piece for piece in pieces if changes[piece.file] is not Change.UNCHANGED], known.name, library)
    made = {piece.file: _kept(piece, drafts[piece.file], origins, now) for piece in pieces if piece.file in drafts}
    files_now = {kept.file: kept for kept in (before.files if before else ())} | made
    if drafts:
        library.keep(Manifest(known.name, known.version, known.licence, tuple(files_now.values())), drafts)
    return [Imported(files_now[piece.file], changes[piece.file]) for piece in pieces]


def _drafts(pieces: Sequence[Piece], name: str, library: Library) -> dict[str, Path]:
    """Each piece, written beside the place that it is for; all of them or none."""
    drafts: dict[str, Path] = {}
    try:
        for piece in pieces:
            drafts[piece.file] = library.draft(name, piece.file, piece.write)
    except BaseException:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
        raise
    return drafts


def _change(piece: Piece, origins: Mapping[Path, Origin], before: Manifest | None, *, replace: bool) -> Change:
    """What is to be done about a piece.

    :raises DataError: if it would take the place of something else unasked.
    """
    held = before.of(piece.file) if before else None
    if held is None:
        return Change.ADDED
    if replace:
        return Change.REPLACED
    if [origin.sha256 for origin in held.origins] == [origins[file].sha256 for file in piece.sources]:
        return Change.UNCHANGED
    message = (
        f"Expected no {piece.file} yet, but one was imported on {held.imported[:10]} from "
        f"{', '.join(origin.name for origin in held.origins)}; give --replace to put the new one in its place."
    )
    raise DataError(message)


def _kept(piece: Piece, draft: Path, origins: Mapping[Path, Origin], now: datetime) -> Kept:
    return Kept(
        file=piece.file,
        sha256=digest(draft),
        size_bytes=draft.stat().st_size,
        rows=piece.rows,
        origins=tuple(origins[file] for file in piece.sources),
        imported=now.isoformat(timespec="seconds"),
        notes=piece.notes,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """One file to be kept."""

    file: str
    #: rows, kept as Parquet; arrays by name, kept as npz; or a file that is kept as it is
    content: pd.DataFrame | Mapping[str, np.ndarray] | Path
    rows: int
    #: the files that it was read from
    sources: tuple[Path, ...]
    #: what a reader should know of it, a sentence each
    notes: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write the content to ``path``.

        :raises OSError: if it cannot be written.
        """
        import numpy as np
        import pandas as pd

        if isinstance(self.content, Path):
            shutil.copyfile(self.content, path)
        elif isinstance(self.content, pd.DataFrame):
            self.content.to_parquet(path, index=False)
        else:
            with path.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **self.content)
