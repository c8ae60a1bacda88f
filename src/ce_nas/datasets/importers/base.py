"""Import data sets: read and check the official files, and store them in plain formats with a manifest.

Each importer is a module with a function ``convert_files`` from official files to :class:`ConvertedFile`.
"""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import DataError, SettingsError, require_parquet
from ce_nas.datasets.store import FileOrigin, Manifest, StoredFile, sha256_digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import numpy as np
    import pandas as pd

    from ce_nas.datasets.catalog import CatalogEntry
    from ce_nas.datasets.store import DataStore
    from ce_nas.grid.trace import EmissionFactorType

__all__ = ["ConvertedFile", "ImportChange", "ImportedFile", "TraceLayout", "import_files"]

#: data set to the module of this package that imports it
IMPORTER_MODULES = {
    "hwnasbench": "hwnasbench",
    "nasbench201": "nats_bench",
    "supernets": "supernets",
    "nasbench301": "yahpo",
    "electricity-maps": "grid_traces",
    "carboncast": "grid_traces",
}


@dataclass(frozen=True, slots=True)
class TraceLayout:
    """What the user states of files of carbon intensity, as :func:`~ce_nas.grid.readers.read_trace` takes it."""

    zone: str | None = None
    factors: EmissionFactorType | None = None
    time_column: str | None = None
    intensity_column: str | None = None
    unit: str | None = None
    timezone: str | None = None

    @property
    def reading(self) -> dict[str, Any]:
        """How a file is to be read, whichever zone and factors of it."""
        names = ("time_column", "intensity_column", "unit", "timezone")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, slots=True, eq=False)
class ConvertedFile:
    """One file to store."""

    file: str
    #: a frame, stored as Parquet; arrays by name, stored as npz; or the path of a file to copy
    content: pd.DataFrame | Mapping[str, np.ndarray] | Path
    rows: int
    #: the files that it was converted from
    source_files: tuple[Path, ...]
    #: caveats, a sentence each
    notes: tuple[str, ...] = ()

    def write(self, path: Path) -> None:
        """Write the content to ``path``.

        :raises OSError: if it cannot be written.
        :raises MissingExtraError: for a table, without the extra ``parquet``.
        """
        import numpy as np
        import pandas as pd

        if isinstance(self.content, Path):
            shutil.copyfile(self.content, path)
        elif isinstance(self.content, pd.DataFrame):
            require_parquet(f"Storing {self.file}")
            self.content.to_parquet(path, index=False)
        else:
            with path.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **self.content)


class ImportChange(StrEnum):
    """What an import did with a file."""

    ADDED = "added"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """A stored file, and what the import did with it."""

    stored_file: StoredFile
    change: ImportChange


def import_files(  # noqa: PLR0913 - the keywords are optional
    entry: CatalogEntry,
    files: Sequence[Path],
    store: DataStore,
    now: datetime,
    *,
    replace: bool = False,
    urls: Mapping[Path, str] | None = None,
    layout: TraceLayout | None = None,
) -> list[ImportedFile]:
    """Convert the files of a data set and store them.

    A file that was imported before is left as it is; a different one replaces it only with ``replace``. Nothing
    changes unless every file can be read.

    :param urls: where the downloaded ones among the files came from.
    :param layout: what the user states of files of carbon intensity.
    :raises SettingsError: if the data set is none of carbon intensity, and a layout is given.
    :raises DataError: if a file is invalid, another one is stored already, or the folder cannot be written.
    """
    converted = _convert(entry, files, layout if layout != TraceLayout() else None)
    sums = {file: sha256_digest(file) for each in converted for file in each.source_files}
    origins = {file: FileOrigin((urls or {}).get(file, file.name), sha256) for file, sha256 in sums.items()}
    before = store.read_manifest(entry.name)
    changes = {each.file: _decide_change(each, origins, before, replace=replace) for each in converted}
    to_write = [each for each in converted if changes[each.file] is not ImportChange.UNCHANGED]
    drafts = _write_drafts(to_write, entry.name, store)
    added = {each.file: _build_stored_file(each, drafts[each.file], origins, now) for each in to_write}
    stored_files = {stored.file: stored for stored in (before.files if before else ())} | added
    if drafts:
        store.commit(Manifest(entry.name, entry.version, entry.licence, tuple(stored_files.values())), drafts)
    return [ImportedFile(stored_files[each.file], changes[each.file]) for each in converted]


def _convert(entry: CatalogEntry, files: Sequence[Path], layout: TraceLayout | None) -> list[ConvertedFile]:
    """Read the files by the data set's importer.

    :raises SettingsError: if the data set is none of carbon intensity, and a layout is given.
    :raises DataError: if a file is missing or invalid.
    """
    missing = next((file for file in files if not file.exists()), None)
    if missing or not files:
        reason = f"there is nothing at {str(missing)!r}" if missing else "no file was given"
        message = f"Expected {entry.expected_files}, but {reason}; get it: {entry.how_to_get}."
        raise DataError(message)
    if layout and IMPORTER_MODULES[entry.name] != "grid_traces":
        message = (
            f"Expected no zone, factors, columns or unit for {entry.name}, which holds no carbon intensity; leave them "
            "out."
        )
        raise SettingsError(message)
    importer = importlib.import_module(f"ce_nas.datasets.importers.{IMPORTER_MODULES[entry.name]}")
    converted: list[ConvertedFile] = importer.convert_files(files, *([layout] if layout else []))
    return converted


def _write_drafts(converted_files: Sequence[ConvertedFile], name: str, store: DataStore) -> dict[str, Path]:
    """Write a draft of each file; if one fails, all are removed."""
    drafts: dict[str, Path] = {}
    try:
        for converted_file in converted_files:
            drafts[converted_file.file] = store.write_draft(name, converted_file.file, converted_file.write)
    except BaseException:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
        raise
    return drafts


def _decide_change(
    converted_file: ConvertedFile, origins: Mapping[Path, FileOrigin], before: Manifest | None, *, replace: bool
) -> ImportChange:
    """What the import has to do with a file.

    :raises DataError: if it would replace a different one without ``replace``.
    """
    stored = before.find(converted_file.file) if before else None
    if stored is None:
        return ImportChange.ADDED
    if replace:
        return ImportChange.REPLACED
    if [origin.sha256 for origin in stored.origins] == [origins[file].sha256 for file in converted_file.source_files]:
        return ImportChange.UNCHANGED
    message = (
        f"Expected no {converted_file.file} yet, but one was imported on {stored.imported[:10]} from "
        f"{', '.join(origin.name for origin in stored.origins)}; add --replace to replace it."
    )
    raise DataError(message)


def _build_stored_file(
    converted_file: ConvertedFile, draft: Path, origins: Mapping[Path, FileOrigin], now: datetime
) -> StoredFile:
    return StoredFile(
        file=converted_file.file,
        sha256=sha256_digest(draft),
        size_bytes=draft.stat().st_size,
        rows=converted_file.rows,
        origins=tuple(origins[file] for file in converted_file.source_files),
        imported=now.isoformat(timespec="seconds"),
        notes=converted_file.notes,
    )
