"""Carbon-efficient neural architecture search.

A first search: real NAS-Bench-201 trainings on eight simulated GPUs, in twelve hours of a sunny grid::

    import ce_nas

    result = ce_nas.run(zone="solar", policy="heuristic", searcher="lamoo", gpus=8, hours=12, seed=0)
    summary = result.summary
    print(summary.stop, summary.evaluations, "trainings")
    print(round(summary.carbon_g["full"]), "g CO2eq in the full book")
    print(summary.front[0].architecture, summary.front[0].objectives)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from ce_nas.api import Result, Study, resume
    from ce_nas.integrations.training_loop import OwnLoop

__all__ = ["OwnLoop", "Result", "Study", "__version__", "resume", "run"]

__version__ = "0.1.0"


def run(out: Path | None = None, **flags: object) -> Result:
    """Run one search described by the flags of ``ce-nas search``, as keywords.

    :param out: a new folder for the run; without it the run is kept in memory.
    :raises CeNasError: if a flag, or a file that one names, is of no use.
    """
    from ce_nas.api import Study

    return Study.of(**flags).run(out)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever of the public names is asked for
    """Import what is public only when it is used."""
    if name in {"Result", "Study", "resume"}:
        from ce_nas import api as study

        return getattr(study, name)
    if name == "OwnLoop":
        from ce_nas.integrations.training_loop import OwnLoop

        return OwnLoop
    message = f"module 'ce_nas' has no attribute {name!r}"
    raise AttributeError(message)
