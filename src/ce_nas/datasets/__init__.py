"""Data sets of the user: downloaded or imported once, verified, and stored in plain formats with a manifest.

- catalog: `CATALOG`: each data set's source, licence and use
- store: `DataStore`: the data folder and its manifests
- download: `Downloader`: resumable, verified downloads
- importers: from official files to stored ones
- lookup: imported tables, traces and supernets for a search
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.datasets.catalog import CATALOG, CatalogEntry, DownloadSource, find_catalog_entry
    from ce_nas.datasets.download import DownloadedFile, Downloader, DownloadError, download_files
    from ce_nas.datasets.importers.base import import_files
    from ce_nas.datasets.lookup import find_trace_file, list_trace_zones, load_hwnasbench, load_nasbench201
    from ce_nas.datasets.store import DataStore, FileOrigin, Manifest, StoredFile

__all__ = [
    "CATALOG",
    "CatalogEntry",
    "DataStore",
    "DownloadError",
    "DownloadSource",
    "DownloadedFile",
    "Downloader",
    "FileOrigin",
    "Manifest",
    "StoredFile",
    "download_files",
    "find_catalog_entry",
    "find_trace_file",
    "import_files",
    "list_trace_zones",
    "load_hwnasbench",
    "load_nasbench201",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "catalog": ["CATALOG", "CatalogEntry", "DownloadSource", "find_catalog_entry"],
        "download": ["DownloadError", "DownloadedFile", "Downloader", "download_files"],
        "importers.base": ["import_files"],
        "lookup": ["find_trace_file", "list_trace_zones", "load_hwnasbench", "load_nasbench201"],
        "store": ["DataStore", "FileOrigin", "Manifest", "StoredFile"],
    },
)
