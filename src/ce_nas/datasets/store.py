"""The user's data folder: a folder per data set, each with a manifest of its files and their origins.

Its path is ``CE_NAS_DATA``, else the platform's folder for user data.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["DataStore", "FileOrigin", "Manifest", "StoredFile", "default_folder", "sha256_digest"]

#: version of the manifest's layout
MANIFEST_FORMAT = 1
MANIFEST_FILE = "manifest.json"
FOLDER_VARIABLE = "CE_NAS_DATA"
_READ_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """A file that an import read."""

    #: its URL if it was downloaded, else its name
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One imported file of a data set."""

    file: str
    sha256: str
    size_bytes: int
    #: number of rows: architectures, hours or the like
    rows: int
    origins: tuple[FileOrigin, ...]
    #: time of the import, UTC, ISO 8601
    imported: str
    #: caveats, a sentence each
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The imported files of one data set."""

    name: str
    version: str
    licence: str
    files: tuple[StoredFile, ...]

    def find(self, file: str) -> StoredFile | None:
        """The entry of ``file``; None if it was never imported."""
        return next((stored for stored in self.files if stored.file == file), None)


def default_folder(environ: Mapping[str, str], platform: str, home: Path) -> Path:
    """The data folder: ``CE_NAS_DATA``, else the platform's folder for user data."""
    if configured := environ.get(FOLDER_VARIABLE, "").strip():
        return Path(configured).expanduser()
    if platform == "darwin":
        return home / "Library" / "Application Support" / "ce-nas"
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "ce-nas"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "ce-nas"


class DataStore:
    """The imported data sets in ``root``, by default in the user's data folder.

    Example:
        >>> import tempfile
        >>> store = DataStore(Path(tempfile.mkdtemp()))
        >>> draft = store.write_draft("supernets", "notes.txt", lambda path: _write_text(path, "hello"))
        >>> stored = StoredFile("notes.txt", sha256_digest(draft), 5, 1, (), "2026-01-01T00:00:00+00:00")
        >>> store.commit(Manifest("supernets", "1.0", "MIT", (stored,)), {"notes.txt": draft})
        >>> store.find_file("supernets", "notes.txt").read_text()
        'hello'
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_folder(os.environ, sys.platform, Path.home())

    def read_manifest(self, name: str) -> Manifest | None:
        """The manifest of the data set ``name``; None if nothing was imported.

        :raises DataError: if its manifest cannot be read.
        """
        path = self.root / name / MANIFEST_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return _parse_manifest(content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            message = f"Expected a manifest in {str(path)!r}, but {error}; remove its folder and import the data again."
            raise DataError(message) from error

    def find_file(self, name: str, file: str) -> Path | None:
        """The path of ``file`` of the data set ``name``; None if it was never imported.

        :raises DataError: if it was imported but is missing.
        """
        manifest = self.read_manifest(name)
        if manifest is None or manifest.find(file) is None:
            return None
        path = self.root / name / file
        if not path.is_file():
            message = f"Expected {file} of {name} at {str(path)!r}, where it was imported; import it again."
            raise DataError(message)
        return path

    def commit(self, manifest: Manifest, drafts: Mapping[str, Path]) -> None:
        """Move drafts into place, then write the manifest that lists them; each file is replaced atomically.

        :raises DataError: if the folder cannot be written.
        """
        folder = self.root / manifest.name
        content = json.dumps({"format": MANIFEST_FORMAT, **asdict(manifest)}, indent=2) + "\n"
        try:
            for file, draft in drafts.items():
                draft.replace(folder / file)
            draft = self.write_draft(manifest.name, MANIFEST_FILE, lambda path: _write_text(path, content))
            draft.replace(folder / MANIFEST_FILE)
        except OSError as error:
            raise self._unwritable_error(error) from error

    def write_draft(self, name: str, file: str, write: Callable[[Path], None]) -> Path:
        """Call ``write`` with a temporary file in the folder of ``file``, and return that draft's path.

        :raises DataError: if it cannot be written; the draft is removed then.
        """
        folder = self.root / name
        draft: Path | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(dir=folder, prefix=f".{file}.", suffix=".draft")
            os.close(handle)
            draft = Path(path)
            write(draft)
        except BaseException as error:
            if draft is not None:
                draft.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise self._unwritable_error(error) from error
            raise
        return draft

    def make_download_folder(self, name: str) -> Path:
        """The folder of partial downloads of ``name``.

        :raises DataError: if it cannot be created.
        """
        folder = self.root / "downloads" / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable_error(error) from error
        return folder

    def verify(self, manifest: Manifest) -> Iterator[tuple[StoredFile, str]]:
        """Check each file of the manifest; yields the file and its defect, empty if it is intact."""
        for stored in manifest.files:
            path = self.root / manifest.name / stored.file
            if not path.is_file():
                yield stored, "is missing"
            elif (sha256 := sha256_digest(path)) != stored.sha256:
                yield stored, f"has changed: its SHA-256 is {sha256}, and was {stored.sha256} when it was imported"
            else:
                yield stored, ""

    def _unwritable_error(self, error: OSError) -> DataError:
        return DataError(
            f"Expected a writable data folder at {str(self.root)!r}, but {error.strerror or error}; choose "
            f"another one with the environment variable {FOLDER_VARIABLE}."
        )


def sha256_digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names, in hexadecimal."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(each for each in path.rglob("*") if each.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\x00{sha256_digest(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _parse_manifest(content: Any) -> Manifest:  # noqa: ANN401 - any JSON
    if content["format"] != MANIFEST_FORMAT:
        message = f"its format is {content['format']!r} and not {MANIFEST_FORMAT}"
        raise ValueError(message)
    files = tuple(
        StoredFile(
            **{
                **fields,
                "origins": tuple(FileOrigin(**origin) for origin in fields["origins"]),
                "notes": tuple(fields["notes"]),
            }
        )
        for fields in content["files"]
    )
    return Manifest(content["name"], content["version"], content["licence"], files)
