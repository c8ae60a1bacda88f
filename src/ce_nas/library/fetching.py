"""Fetching all files of a data set, for an import to read them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ce_nas.core.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ce_nas.library.catalogue import DataSet
    from ce_nas.library.folder import Kept, Manifest

__all__ = ["addresses_of", "fetch_files", "held"]


def addresses_of(
    known: DataSet, *, zone: str = "", mirror: str | None = None, sha256: str | None = None
) -> dict[str, str]:
    """The name that each file of a data set gets here, and its address.

    :param zone: the zone, of a data set that is fetched a zone at a time.
    :param mirror: the address of a folder to fetch from instead of the official one.
    :param sha256: the checksum that the file is to have, where the data set is one file.
    :raises SettingsError: if it cannot be fetched, or something is missing or of no use.
    """
    if not known.sources:
        message = (
            f"Expected a data set that can be fetched, but {known.name} stands behind a page of its makers' own: "
            f"{known.how_to_get}."
        )
        raise SettingsError(message)
    if known.by_zone and not re.fullmatch(r"[A-Za-z0-9-]+", zone):
        message = f"Expected a zone of {known.name} such as --zone CISO, got {zone!r}."
        raise SettingsError(message)
    if zone and not known.by_zone:
        message = f"Expected no zone for {known.name}, which has none, got {zone!r}; leave --zone out."
        raise SettingsError(message)
    if sha256 is not None and (len(known.sources) > 1 or not re.fullmatch(r"[0-9a-fA-F]{64}", sha256)):
        message = f"Expected the 64 hexadecimal digits of a SHA-256, for a data set of one file, got {sha256!r}."
        raise SettingsError(message)
    located = [source.at(zone, mirror) for source in known.sources]
    return {name: url for url, name in located}


def held(manifest: Manifest | None, addresses: Iterable[str]) -> list[Kept]:
    """What was imported from these addresses; nothing unless all of them were fetched."""
    wanted = set(addresses)
    files = [kept for kept in (manifest.files if manifest else ()) if wanted & {item.name for item in kept.origins}]
    return files if wanted <= {origin.name for kept in files for origin in kept.origins} else []


def fetch_files(
    addresses: Mapping[str, str],
    folder: Path,
    *,
    sha256: str | None = None,
    progress: Callable[[str, int, int | None], None],
) -> dict[Path, str]:
    """Fetch each address into ``folder``.

    :param addresses: the name that each file gets, and its address.
    :param progress: called with a file's name, the bytes that are here and those that there will be.
    :returns: each file, and its address.
    :raises FetchError: if a file cannot be fetched.
    :raises MissingExtraError: if there is nothing here to fetch with.
    """
    try:
        from ce_nas.library.fetch import Fetcher
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "httpx", "live", "Fetching data") from error

    files = {}
    for name, url in addresses.items():
        fetcher = Fetcher(progress=lambda here, whole, name=name: progress(name, here, whole))  # type: ignore[misc]
        files[fetcher.fetch(url, folder / name, sha256).path] = url
    return files
