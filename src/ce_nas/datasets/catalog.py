"""The catalog of data sets that can be downloaded or imported: source, licence and use of each.

The URLs are those of the publishers. If a publisher gives no checksum, the download cannot be verified: its
checksum is recorded in the manifest, and ``--sha256`` accepts one from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ce_nas.core.errors import SettingsError, unknown_choice_message

__all__ = ["CATALOG", "CatalogEntry", "DownloadSource", "find_catalog_entry"]

_CARBONCAST = "https://github.com/carbonfirst/CarbonCast/raw/3b927b0df7df6e9656a2a0a05ec7978598d73ee8/data/{zone}"
_YAHPO = "https://github.com/slds-lmu/yahpo_data/raw/0e288068134f4af8d231c63d2a941e5ab8060ef0/nb301"


@dataclass(frozen=True, slots=True)
class DownloadSource:
    """One file to download; ``{zone}`` in its name is replaced by a zone of the grid."""

    #: URL of its folder
    base_url: str
    file: str
    #: its local name, where that differs
    local_name: str = ""

    def resolve(self, zone: str, mirror: str | None) -> tuple[str, str]:
        """The URL, in a mirror's folder if one is given, and the local file name."""
        base = (mirror or self.base_url).rstrip("/")
        return f"{base}/{self.file}".replace("{zone}", zone), (self.local_name or self.file).replace("{zone}", zone)


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """One data set, as it is published.

    Example:
        >>> find_catalog_entry("carboncast").how_to_get
        'ce-nas data fetch carboncast --zone ZONE'
    """

    name: str
    title: str
    version: str
    licence: str
    #: its web page
    homepage: str
    #: files to download; empty if they need a login or a form
    sources: tuple[DownloadSource, ...]
    #: the files that an import accepts, in words
    expected_files: str
    #: the command that uses it
    usage: str

    @property
    def is_per_zone(self) -> bool:
        """Whether it is downloaded one zone at a time."""
        return any("{zone}" in source.file for source in self.sources)

    @property
    def how_to_get(self) -> str:
        """The command that downloads it, or the page of the files to import."""
        if self.sources:
            return f"ce-nas data fetch {self.name}{' --zone ZONE' if self.is_per_zone else ''}"
        return f"download from {self.homepage}, then: ce-nas data import {self.name} FILE"


CATALOG = (
    CatalogEntry(
        name="hwnasbench",
        title="HW-NAS-Bench: latency and energy on six devices, NAS-Bench-201 and FBNet spaces",
        version="1.0",
        licence="MIT",
        homepage="https://github.com/GATECH-EIC/HW-NAS-Bench",
        sources=(DownloadSource("https://github.com/GATECH-EIC/HW-NAS-Bench/raw/HEAD", "HW-NAS-Bench-v1_0.pickle"),),
        expected_files="HW-NAS-Bench-v1_0.pickle, or your own table in the wide layout with hwnb_ columns",
        usage="ce-nas search --problem hwnasbench",
    ),
    CatalogEntry(
        name="nasbench201",
        title="NATS-Bench, topology space (NAS-Bench-201): accuracies seed by seed, training times",
        version="1.0 (3ffb9, simple)",
        licence="MIT",
        homepage="https://github.com/D-X-Y/NATS-Bench",
        sources=(),
        expected_files="NATS-tss-v1_0-3ffb9-simple.tar or the folder unpacked from it, or a table in the wide layout",
        usage="ce-nas search --problem nb201, hwnasbench: in place of the embedded means of seeds",
    ),
    CatalogEntry(
        name="supernets",
        title="accuracies of all NAS-Bench-201 cells in trained supernets, as proxy scores",
        version="the user's own",
        licence="the maker's",
        homepage="the makers of your supernets",
        sources=(),
        expected_files=".npz with names and accuracy (supernets, 15625), or a table with arch_str or index",
        usage="ce-nas search --proxy-scores FILE:NAME",
    ),
    CatalogEntry(
        name="nasbench301",
        title="NAS-Bench-301 surrogate of YAHPO Gym: accuracy and runtime in the DARTS space, as ONNX",
        version="2",
        licence="Apache-2.0",
        homepage="https://github.com/slds-lmu/yahpo_data",
        sources=(
            DownloadSource(_YAHPO, "model_v2.onnx", "surrogate.onnx"),
            DownloadSource(_YAHPO, "encoding_v2.json", "encoding.json"),
        ),
        expected_files="the surrogate's .onnx and its encoding .json, both",
        usage="ce-nas search --problem nasbench301",
    ),
    CatalogEntry(
        name="electricity-maps",
        title="Electricity Maps: hourly carbon intensity of a zone, direct and life-cycle",
        version="the portal's",
        licence="ODbL",
        homepage="https://app.electricitymaps.com/datasets",
        sources=(),
        expected_files="the portal's CSV files, a zone and year each, any number at once",
        usage="ce-nas search --zone ZONE",
    ),
    CatalogEntry(
        name="carboncast",
        title="CarbonCast: hourly carbon intensity of a zone, direct and life-cycle",
        version="2.1",
        licence="Apache-2.0",
        homepage="https://github.com/carbonfirst/CarbonCast",
        sources=(
            DownloadSource(_CARBONCAST, "{zone}_lifecycle_emissions.csv"),
            DownloadSource(_CARBONCAST, "{zone}_direct_emissions.csv"),
        ),
        expected_files="ZONE_lifecycle_emissions.csv and ZONE_direct_emissions.csv, one or both, any number of zones",
        usage="ce-nas search --zone ZONE",
    ),
)  # fmt: skip


def find_catalog_entry(name: str) -> CatalogEntry:
    """The data set called ``name``.

    :raises SettingsError: if there is none.
    """
    entries = {entry.name: entry for entry in CATALOG}
    if name not in entries:
        raise SettingsError(unknown_choice_message("data set", name, entries))
    return entries[name]
