"""The pilot: a team's current search method against CE-NAS, simulated or measured, as a decision paper of two pages.

- questionnaire: `PilotInputs`, what a team states about its searches, grid and prices
- grids: traces and start days of a simulated pilot
- proxy_benchmark: the benchmark that serves as a proxy for the team's own search
- simulate: `run_pilot`, every method over seeds, start days and varied conditions
- from_runs: `pilot_from_runs`, the same from measured runs
- costs: `SearchCost`, `SearchMethod`, savings with intervals
- result: `PilotResult`
- paper: `decision_page` and `decision_html`, the paper
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.apps.pilot.costs import SearchCost, SearchMethod
    from ce_nas.apps.pilot.from_runs import pilot_from_runs
    from ce_nas.apps.pilot.paper import decision_html, decision_page
    from ce_nas.apps.pilot.questionnaire import PilotInputs
    from ce_nas.apps.pilot.result import PilotResult
    from ce_nas.apps.pilot.simulate import run_pilot

__all__ = [
    "PilotInputs",
    "PilotResult",
    "SearchCost",
    "SearchMethod",
    "decision_html",
    "decision_page",
    "pilot_from_runs",
    "run_pilot",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "costs": ["SearchCost", "SearchMethod"],
        "from_runs": ["pilot_from_runs"],
        "questionnaire": ["PilotInputs"],
        "paper": ["decision_html", "decision_page"],
        "result": ["PilotResult"],
        "simulate": ["run_pilot"],
    },
)
