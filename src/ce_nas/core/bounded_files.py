"""Readers of packed files that look at sizes before anything is unpacked.

A small archive can claim, or unpack to, more than a machine holds. Every reader here compares what the file states with
a bound first, reads no more than that, and raises a ``ValueError`` with the reason where the file exceeds it.

- `read_npz`: the arrays of an npz
- `read_gzip`: the content of a gzip file
- `extract_tar`: the files of a tar archive
"""

from __future__ import annotations

import gzip
import tarfile
import tokenize
import zipfile
import zlib
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["MAX_UNPACKED_BYTES", "READ_ERRORS", "extract_tar", "read_gzip", "read_npz"]

#: the most that one file may unpack to
MAX_UNPACKED_BYTES = 1 << 30
#: members of an archive
_MAX_MEMBERS = 100_000
#: what reading a damaged file can raise
READ_ERRORS = (OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError, MemoryError, RuntimeError,
               zipfile.BadZipFile, zlib.error, tarfile.TarError)  # fmt: skip


def read_npz(
    source: Path | IO[bytes], names: Collection[str] | None = None, max_bytes: int = MAX_UNPACKED_BYTES
) -> dict[str, np.ndarray]:
    """Read the arrays of an npz: numbers, truth values and texts, without pickles.

    :param names: the arrays to read; None for all.
    :raises ValueError: if an array is lacking, of another type, or damaged, or all take more than ``max_bytes``.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = members if names is None else {name: members[name] for name in names if name in members}
            if lacking := sorted(set(names or ()) - set(members)):
                message = f"it holds no array {lacking[0]!r}"
                raise ValueError(message)
            _require_at_most(sum(info.file_size for info in wanted.values()), max_bytes)
            return {name: _read_array(archive, info, name) for name, info in wanted.items()}
    except READ_ERRORS as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(reason) from error


def read_gzip(path: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> bytes:
    """Read a gzip file.

    :raises ValueError: if it is damaged, or holds more than ``max_bytes``.
    """
    try:
        with gzip.open(path) as file:
            content = file.read(max_bytes + 1)
    except READ_ERRORS as error:
        raise ValueError(str(error)) from error
    _require_at_most(len(content), max_bytes)
    return content


def extract_tar(path: Path, folder: Path, max_bytes: int = MAX_UNPACKED_BYTES) -> None:
    """Unpack the files of a tar archive, compressed or not, into a folder; links and devices are left out.

    :raises ValueError: if it is damaged, or holds more than ``max_bytes``, of which at most so much is written.
    """
    left, members = max_bytes, 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                members += 1
                left -= max(member.size, 0)
                if left < 0 or members > _MAX_MEMBERS:
                    _require_at_most(max_bytes + 1, max_bytes)
                if member.isfile() or member.isdir():
                    archive.extract(member, folder, filter="data")
    except READ_ERRORS as error:
        raise ValueError(str(error)) from error


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> np.ndarray:
    """One array, whose header must agree with the size of its member."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in {(1, 0), (2, 0)}:
            message = f"its array {name!r} has the version {version[0]}.{version[1]}"
            raise ValueError(message)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        try:
            shape, fortran, dtype = read_header(file)
        except (ValueError, TypeError, SyntaxError, RecursionError, tokenize.TokenError) as error:
            message = f"the header of its array {name!r} cannot be read"
            raise ValueError(message) from error
        if dtype.kind not in "biufSU" or dtype.itemsize == 0:
            message = f"its array {name!r} holds {dtype}, not numbers or texts"
            raise ValueError(message)
        count = 1
        for length in shape:
            count *= length
        if min(shape, default=1) < 0 or count * dtype.itemsize > info.file_size:
            message = f"its array {name!r} claims {count:,} values of {dtype}, more than there are"
            raise ValueError(message)
        content = file.read(count * dtype.itemsize)
    if len(content) != count * dtype.itemsize:
        message = f"its array {name!r} is cut short"
        raise ValueError(message)
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C").copy()


def _require_at_most(found: int, max_bytes: int) -> None:
    if found > max_bytes:
        message = f"it unpacks to more than {max_bytes >> 20:,} MiB"
        raise ValueError(message)
