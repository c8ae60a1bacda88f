"""Files of other tools: the Hugging Face model card, BoAmps, and CodeCarbon's CSV.

Formats
    Model card: the metadata ``co2_eq_emissions`` of https://huggingface.co/docs/hub/model-cards-co2, emissions in g.
    BoAmps: the report of https://github.com/Boavizta/BoAmps, energy in kWh.
    CodeCarbon: ``emissions.csv`` of https://docs.codecarbon.io, energy in kWh, emissions in kg; what the run does not
    know is left empty, never zero.
"""

from __future__ import annotations

import csv
import io
import json
import uuid
from typing import TYPE_CHECKING, Any

from ce_nas._version import __version__
from ce_nas.core.formatting import format_percentage
from ce_nas.core.units import G_PER_KG

if TYPE_CHECKING:
    from ce_nas.integrations.exports.run_facts import RunFacts

__all__ = ["CODECARBON_COLUMNS", "render_boamps", "render_codecarbon", "render_model_card"]

CODECARBON_COLUMNS = (
    "timestamp", "project_name", "run_id", "experiment_id", "duration", "emissions", "emissions_rate", "cpu_power",
    "gpu_power", "ram_power", "cpu_energy", "gpu_energy", "ram_energy", "energy_consumed", "country_name",
    "country_iso_code", "region", "cloud_provider", "cloud_region", "os", "python_version", "codecarbon_version",
    "cpu_count", "cpu_model", "gpu_count", "gpu_model", "longitude", "latitude", "ram_total_size", "tracking_mode",
    "on_cloud", "pue",
)  # fmt: skip
#: upper bounds of BoAmps' classes of quality, relative uncertainty; beyond them a report states none
_BOAMPS_QUALITY = (("high", 0.10), ("medium", 0.25), ("low", 0.50))


def render_model_card(facts: RunFacts) -> str:
    """A model card whose metadata hold the run's carbon, and whose text says how it was found."""
    kind = "simulated, not emitted" if facts.is_simulated else "metered"
    emissions = {
        "emissions": facts.carbon_g,
        "source": f"CE-NAS {__version__}, {kind}: {facts.method}",
        "training_type": "neural architecture search" if facts.is_search else "training",
        "geographical_location": facts.summary.grid["zone"],
        "hardware_used": f"{facts.summary.gpus} {facts.device_kind.upper()}",
    }
    metadata = "".join(f"  {name}: {json.dumps(value)}\n" for name, value in emissions.items())
    embodied = "unknown" if facts.embodied_g is None else f"{facts.embodied_g:.4g} g"
    rows = (
        ("Operational carbon", f"{facts.carbon_g:.4g} g CO2eq"),
        ("Energy from the grid", f"{facts.energy_kwh:.4g} kWh ± {format_percentage(facts.uncertainty)}"),
        ("Method", facts.method),
        ("Grid", f"{facts.summary.grid['zone']}, {facts.summary.grid['origin']}"),
        ("Embodied carbon, apart", f"{embodied} ({facts.embodied_source})"),
        ("Water, apart", f"{facts.water_l:.4g} L ({facts.water_source})"),
    )
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return (
        f"---\nco2_eq_emissions:\n{metadata}tags:\n- ce-nas\n---\n\n# Environmental impact\n\n"
        f"Of the {facts.title}.\n\n| | |\n| --- | --- |\n{table}\n"
    )


def render_boamps(facts: RunFacts) -> str:
    """A BoAmps report as JSON."""
    report: dict[str, Any] = {
        "header": {
            "licensing": "unstated",
            "formatVersion": "1.1.0",
            "formatVersionSpecificationUri": "https://github.com/Boavizta/BoAmps/tree/main/model",
            "reportId": str(_run_id(facts)),
            "reportDatetime": facts.end.strftime("%Y-%m-%d %H:%M:%S"),
            "reportStatus": "final",
            "publisher": {"confidentialityLevel": "internal"},
        },
        "task": {
            "taskStage": "training",
            "taskFamily": "neural architecture search" if facts.is_search else "training",
            "algorithms": [
                {
                    "algorithmType": "neural network",
                    "algorithmName": facts.summary.searcher if facts.is_search else "a loop of the caller's",
                    "framework": "ce-nas",
                    "frameworkVersion": facts.summary.version,
                }
            ],
            "dataset": [{"dataUsage": "input", "dataType": "image" if facts.is_search else "other"}],
            "taskDescription": f"{facts.title}: {facts.summary.evaluations} trainings. {facts.method}",
        },
        "measures": [
            {
                "measurementMethod": "ce-nas",
                "version": facts.summary.version,
                "powerConsumption": facts.energy_kwh,
                "measurementDuration": facts.duration_s,
                "measurementDateTime": facts.start.strftime("%Y-%m-%d %H:%M:%S"),
            }
        ],
        "software": {"language": "python"},
        "infrastructure": {
            "infraType": "other",
            "components": [{"componentType": facts.device_kind, "nbComponent": facts.summary.gpus}],
        },
    }
    if qualities := [name for name, bound in _BOAMPS_QUALITY if facts.uncertainty <= bound]:
        report["quality"] = qualities[0]
    if facts.country is not None:
        report["environment"] = {"country": facts.country, "powerSourceCarbonIntensity": facts.intensity_g_per_kwh}
    return json.dumps(report, indent=2) + "\n"


def render_codecarbon(facts: RunFacts) -> str:
    """One row of CodeCarbon's ``emissions.csv``."""
    kg, duration_s = facts.carbon_g / G_PER_KG, facts.duration_s
    known = {
        "timestamp": facts.end.strftime("%Y-%m-%dT%H:%M:%S"),
        "project_name": facts.title,
        "run_id": _run_id(facts),
        "duration": duration_s,
        "emissions": kg,
        "emissions_rate": kg / duration_s if duration_s else "",
        "energy_consumed": facts.energy_kwh,
        "region": facts.summary.grid["zone"],
        "gpu_count": facts.summary.gpus if facts.device_kind == "gpu" else "",
        "tracking_mode": "process",
        "on_cloud": "N",
        "pue": facts.pue,
    }
    text = io.StringIO()
    rows = csv.DictWriter(text, CODECARBON_COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()
    rows.writerow(known)
    return text.getvalue()


def _run_id(facts: RunFacts) -> uuid.UUID:
    """A name of the run: equal journals have equal ones."""
    return uuid.uuid5(uuid.NAMESPACE_OID, facts.summary.journal_sha256)
