"""The data sets that can be fetched or imported: where they come from, under which licence, and what they are for.

The addresses are those that the makers publish. Where a maker publishes no checksum, there is none to compare with:
then what came is written into the manifest, and ``--sha256`` takes one from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

from ce_nas.core.errors import SettingsError, one_of

__all__ = ["CATALOGUE", "DataSet", "Source", "data_set"]

_CARBONCAST = "https://github.com/carbonfirst/CarbonCast/raw/3b927b0df7df6e9656a2a0a05ec7978598d73ee8/data/{zone}"
_YAHPO = "https://github.com/slds-lmu/yahpo_data/raw/0e288068134f4af8d231c63d2a941e5ab8060ef0/nb301"


@dataclass(frozen=True, slots=True)
class Source:
    """One file to be fetched; ``{zone}`` in it stands for a zone of the grid."""

    #: the folder that it lies in
    base_url: str
    file: str
    #: what it is called here, where that is something else
    here: str = ""

    def at(self, zone: str, mirror: str | None) -> tuple[str, str]:
        """The address, in a mirror's folder if there is one, and the file's name here."""
        base = (mirror or self.base_url).rstrip("/")
        return f"{base}/{self.file}".replace("{zone}", zone), (self.here or self.file).replace("{zone}", zone)


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set, as its makers publish it."""

    name: str
    title: str
    version: str
    licence: str
    #: where people read about it, and find it
    home: str
    #: what can be fetched; empty where a log-in, or a page to be clicked through, stands before it
    sources: tuple[Source, ...]
    #: what an import takes
    takes: str
    #: how it is used once it is there
    use: str

    @property
    def by_zone(self) -> bool:
        """Whether it is fetched a zone at a time."""
        return any("{zone}" in source.file for source in self.sources)

    @property
    def how_to_get(self) -> str:
        """The command that gets it, or where to find the file that an import takes."""
        if self.sources:
            return f"ce-nas data fetch {self.name}{' --zone ZONE' if self.by_zone else ''}"
        return f"download from {self.home}, then: ce-nas data import {self.name} FILE"


CATALOGUE = (
    DataSet(
        name="hwnasbench",
        title="HW-NAS-Bench: latency and energy on six devices, NAS-Bench-201 and FBNet spaces",
        version="1.0",
        licence="MIT",
        home="https://github.com/GATECH-EIC/HW-NAS-Bench",
        sources=(Source("https://github.com/GATECH-EIC/HW-NAS-Bench/raw/HEAD", "HW-NAS-Bench-v1_0.pickle"),),
        takes="HW-NAS-Bench-v1_0.pickle, or a table of one's own in the wide layout with hwnb_ columns",
        use="ce-nas search --benchmark hwnasbench",
    ),
    DataSet(
        name="nasbench201",
        title="NATS-Bench, topology space (NAS-Bench-201): accuracies seed by seed, training times",
        version="1.0 (3ffb9, simple)",
        licence="MIT",
        home="https://github.com/D-X-Y/NATS-Bench",
        sources=(),
        takes="NATS-tss-v1_0-3ffb9-simple.tar or the folder unpacked from it, or a table in the wide layout",
        use="ce-nas search --benchmark nb201, hwnasbench: in place of the embedded means of seeds",
    ),
    DataSet(
        name="supernets",
        title="accuracies of all NAS-Bench-201 cells in trained supernets, as cheap scores",
        version="the user's own",
        licence="the maker's",
        home="the makers of your supernets",
        sources=(),
        takes=".npz with names and accuracy (supernets, 15625), or a table with arch_str or index",
        use="ce-nas search --cheap-scores FILE:NAME",
    ),
    DataSet(
        name="nasbench301",
        title="NAS-Bench-301 surrogate of YAHPO Gym: accuracy and runtime in the DARTS space, as ONNX",
        version="2",
        licence="Apache-2.0",
        home="https://github.com/slds-lmu/yahpo_data",
        sources=(
            Source(_YAHPO, "model_v2.onnx", "surrogate.onnx"),
            Source(_YAHPO, "encoding_v2.json", "encoding.json"),
        ),
        takes="the surrogate's .onnx and its encoding .json, both",
        use="ce-nas search --benchmark nasbench301",
    ),
    DataSet(
        name="nasbench301-ensembles",
        title="NAS-Bench-301: the official XGBoost, LightGBM and GNN ensembles, kept as they come",
        version="1.0",
        licence="Apache-2.0",
        home="https://figshare.com/articles/software/nasbench301_models_v1_0_zip/13061510",
        sources=(Source("https://ndownloader.figshare.com/files", "24992018", "nb_models_1.0.zip"),),
        takes="nb_models_1.0.zip or nb_models_0.9.zip",
        use="with the package nasbench301: its members are pickles of classes, which ce-nas does not open",
    ),
    DataSet(
        name="electricity-maps",
        title="Electricity Maps: hourly carbon intensity of a zone, direct and life-cycle",
        version="the portal's",
        licence="ODbL",
        home="https://app.electricitymaps.com/datasets",
        sources=(),
        takes="the portal's CSV files, a zone and year each, any number at once",
        use="ce-nas search --zone ZONE",
    ),
    DataSet(
        name="carboncast",
        title="CarbonCast: hourly carbon intensity of a zone, direct and life-cycle",
        version="2.1",
        licence="Apache-2.0",
        home="https://github.com/carbonfirst/CarbonCast",
        sources=(
            Source(_CARBONCAST, "{zone}_lifecycle_emissions.csv"),
            Source(_CARBONCAST, "{zone}_direct_emissions.csv"),
        ),
        takes="ZONE_lifecycle_emissions.csv and ZONE_direct_emissions.csv, one or both, any number of zones",
        use="ce-nas search --zone ZONE",
    ),
)  # fmt: skip


def data_set(name: str) -> DataSet:
    """The data set of that name.

    :raises SettingsError: if there is none.
    """
    found = next((known for known in CATALOGUE if known.name == name), None)
    if found is None:
        raise SettingsError(one_of("data set", name, [known.name for known in CATALOGUE]))
    return found
