"""Statements of a run: the software carbon intensity, and the energy item of the AI Act.

Sources
    [SCI] ISO/IEC 21031:2024, Software Carbon Intensity: (E x I + M) per R.
    [AI Act] Regulation (EU) 2024/1689, Annex XI, section 1, point 2 (e): the known or estimated energy consumption of a
        model; where it is unknown, it may be based on the computational resources used.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ce_nas.integrations.exports.run_facts import RunFacts

__all__ = ["render_ai_act", "render_sci"]


def render_sci(facts: RunFacts) -> str:
    """The software carbon intensity by [SCI] as JSON: of one evaluated architecture, and of one found model.

    Without embodied carbon the scores are None: a score without M is none.
    """
    embodied_g, trainings = facts.embodied_g, facts.summary.evaluations
    total_g = None if embodied_g is None else facts.carbon_g + embodied_g
    evaluated, found = (
        ("one evaluated architecture", "one found model") if facts.is_search else ("one result", "the work")
    )
    units = [(evaluated, trainings), (found, 1 if trainings or not facts.is_search else 0)]
    statement: dict[str, Any] = {
        "standard": "ISO/IEC 21031:2024",
        "boundary": "the devices held by the run, with PUE; no network, storage or end-user devices",
        "E_kwh": facts.energy_kwh,
        "I_g_per_kwh": facts.intensity_g_per_kwh,
        "I_origin": f"{facts.summary.grid['zone']}, location-based, {facts.summary.grid['origin']}",
        "O_g": facts.carbon_g,
        "M_g": embodied_g,
        "M_origin": facts.embodied_source,
        "scores": [
            {
                "functional_unit": name,
                "R": count,
                "sci_g_per_R": total_g / count if total_g is not None and count else None,
            }
            for name, count in units
        ],
        "simulated": facts.is_simulated,
        "water_l": facts.water_l,
        "water_origin": facts.water_source,
    }
    return json.dumps(statement, indent=2) + "\n"


def render_ai_act(facts: RunFacts) -> str:
    """The energy item of [AI Act] as JSON, with its method and uncertainty."""
    energy, spread = facts.energy_kwh, facts.uncertainty
    statement = {
        "regulation": "Regulation (EU) 2024/1689, Annex XI, section 1, point 2 (e)",
        "item": "known or estimated energy consumption of the model",
        "scope": f"{facts.title}; further trainings and the use of the model are not included",
        "energy_kwh": energy,
        "energy_kwh_low": energy * (1 - spread),
        "energy_kwh_high": energy * (1 + spread),
        "relative_uncertainty": spread,
        "uncertainty_method": (
            "by the source of each reading (counter 5 %, integrated power 10 %, model 25 %, estimate 50 %), plus the "
            "share of time without a reading"
        ),
        "kind": "simulated" if facts.is_simulated else "estimated" if spread > 0.10 else "known",
        "method": facts.method,
        "share_of_time_observed": facts.summary.energy_coverage,
        "energy_kwh_by_activity": {name: joules / 3.6e6 for name, joules in facts.summary.energy_j_by_activity.items()},
        "computational_resources": {
            "devices": facts.summary.gpus,
            "device_kind": facts.device_kind,
            "device_hours": facts.device_hours,
        },
        "carbon_g": facts.carbon_g,
        "embodied_carbon_g": facts.embodied_g,
        "embodied_carbon_origin": facts.embodied_source,
        "water_l": facts.water_l,
        "water_origin": facts.water_source,
    }
    return json.dumps(statement, indent=2) + "\n"
