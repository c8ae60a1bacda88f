"""Looks back on a run: what it was based on is read again, to tell what its work would have cost at other hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.analysis.counterfactual import counterfactual
from ce_nas.analysis.summary import beginning
from ce_nas.config.schema import Settings
from ce_nas.core.errors import TraceError
from ce_nas.engine.inputs import Materials

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.analysis.counterfactual import Counterfactual
    from ce_nas.space.base import Space
    from ce_nas.store.journal import Entry

__all__ = ["counterfactual_of", "space_of"]


def counterfactual_of(entries: Sequence[Entry]) -> Counterfactual:
    """What the work of a run would have cost at other hours of the same grid.

    :raises CeNasError: if the grid's file is not there any more or has changed, or nothing was worked on yet.
    """
    begun = beginning(entries)
    if begun["grid"]["sha256"] is None:
        message = (
            f"Other hours of a grid that was live ({begun['grid']['origin']}) are known only as far as the run read "
            "them: what its work would have cost then cannot be told."
        )
        raise TraceError(message)
    materials = Materials(Settings.model_validate(begun["settings"]))
    if materials.trace.fingerprint != begun["grid"]["sha256"]:
        message = (
            f"Expected the grid that the run was begun with, zone {begun['grid']['zone']} from "
            f"{begun['grid']['origin']}, but its values have changed since; put the old file in its place."
        )
        raise TraceError(message)
    return counterfactual(entries, materials.history, materials.forecaster().forecaster)


def space_of(entries: Sequence[Entry]) -> Space:
    """The space that a run searched.

    :raises CeNasError: if what it was begun with cannot be read any more.
    """
    return Materials(Settings.model_validate(beginning(entries)["settings"])).benchmark.space
