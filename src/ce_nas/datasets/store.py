"""The user's data folder: a folder a data set, each with a manifest that says what lies there and where it came from.

It is where ``CE_NAS_DATA`` says, else where the platform keeps data of a user's programs.
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

__all__ = ["Kept", "Library", "Manifest", "Origin", "default_folder", "digest"]

#: version of the manifest's layout
FORMAT = 1
MANIFEST = "manifest.json"
ENVIRONMENT = "CE_NAS_DATA"
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Origin:
    """A file that something was read from."""

    #: its address, or its name where it lay on this machine already
    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Kept:
    """One file of a data set, as it was imported."""

    file: str
    sha256: str
    size_bytes: int
    #: architectures, hours or whatever a row is
    rows: int
    origins: tuple[Origin, ...]
    #: when, UTC, in ISO 8601
    imported: str
    #: what a reader should know of it, a sentence each
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is kept of one data set."""

    name: str
    version: str
    licence: str
    files: tuple[Kept, ...]

    def of(self, file: str) -> Kept | None:
        """What is known of ``file``; None if it was never imported."""
        return next((kept for kept in self.files if kept.file == file), None)


def default_folder(environ: Mapping[str, str], platform: str, home: Path) -> Path:
    """Where data is kept: ``CE_NAS_DATA``, else the platform's place for data of a user's programs."""
    if stated := environ.get(ENVIRONMENT, "").strip():
        return Path(stated).expanduser()
    if platform == "darwin":
        return home / "Library" / "Application Support" / "ce-nas"
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "ce-nas"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "ce-nas"


class Library:
    """The data sets kept in ``root``; without it, in the user's data folder."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_folder(os.environ, sys.platform, Path.home())

    def manifest(self, name: str) -> Manifest | None:
        """What is kept of the data set ``name``; None if that is nothing.

        :raises DataError: if its manifest cannot be read.
        """
        path = self.root / name / MANIFEST
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return _manifest(content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError) as error:
            message = f"Expected a manifest in {str(path)!r}, but {error}; remove its folder and import the data anew."
            raise DataError(message) from error

    def file(self, name: str, file: str) -> Path | None:
        """Where ``file`` of the data set ``name`` is kept; None if it was never imported.

        :raises DataError: if it was imported and is gone.
        """
        manifest = self.manifest(name)
        if manifest is None or manifest.of(file) is None:
            return None
        path = self.root / name / file
        if not path.is_file():
            message = f"Expected {file} of {name} at {str(path)!r}, where it was imported; import it anew."
            raise DataError(message)
        return path

    def keep(self, manifest: Manifest, drafts: Mapping[str, Path]) -> None:
        """Move drafts into place, then write the manifest that lists them; a file is replaced whole or not at all.

        :raises DataError: if the folder cannot be written.
        """
        folder = self.root / manifest.name
        content = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=2) + "\n"
        try:
            for file, draft in drafts.items():
                draft.replace(folder / file)
            draft = self.draft(manifest.name, MANIFEST, lambda path: _write(path, content))
            draft.replace(folder / MANIFEST)
        except OSError as error:
            raise self._unwritable(error) from error

    def draft(self, name: str, file: str, write: Callable[[Path], None]) -> Path:
        """What ``write`` writes, in a file beside the place that it is for.

        :raises DataError: if it cannot be written; nothing of it is left then.
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
                raise self._unwritable(error) from error
            raise
        return draft

    def downloads(self, name: str) -> Path:
        """The folder in which a download of ``name`` waits until it is whole.

        :raises DataError: if it cannot be made.
        """
        folder = self.root / "downloads" / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        return folder

    def faults(self, manifest: Manifest) -> Iterator[tuple[Kept, str]]:
        """Each file of the manifest, and what is wrong with it; nothing wrong is an empty text."""
        for kept in manifest.files:
            path = self.root / manifest.name / kept.file
            if not path.is_file():
                yield kept, "is missing"
            elif (found := digest(path)) != kept.sha256:
                yield kept, f"has changed: its SHA-256 is {found}, and was {kept.sha256} when it was imported"
            else:
                yield kept, ""

    def _unwritable(self, error: OSError) -> DataError:
        return DataError(
            f"Expected a data folder that can be written at {str(self.root)!r}, but {error.strerror or error}; choose "
            f"another one with the environment variable {ENVIRONMENT}."
        )


def digest(path: Path) -> str:
    """SHA-256 of a file, or of all files of a folder with their names, in hexadecimal."""
    total = hashlib.sha256()
    if path.is_dir():
        for file in sorted(item for item in path.rglob("*") if item.is_file()):
            total.update(f"{file.relative_to(path).as_posix()}\x00{digest(file)}\n".encode())
        return total.hexdigest()
    with path.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            total.update(chunk)
    return total.hexdigest()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _manifest(content: Any) -> Manifest:  # noqa: ANN401 - whatever the file holds
    if content["format"] != FORMAT:
        message = f"its format is {content['format']!r} and not {FORMAT}"
        raise ValueError(message)
    files = tuple(
        Kept(
            **{
                **item,
                "origins": tuple(Origin(**origin) for origin in item["origins"]),
                "notes": tuple(item["notes"]),
            }
        )
        for item in content["files"]
    )
    return Manifest(content["name"], content["version"], content["licence"], files)
