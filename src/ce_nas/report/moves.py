"""From which place to which a search was carried, and what the way took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.units import as_carbon, as_duration, as_energy
from ce_nas.report.page import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.report.words import Words
    from ce_nas.store.journal import Entry

__all__ = ["moves_table"]


def moves_table(entries: Sequence[Entry], words: Words) -> Table | None:
    """A line a move; None of a search that stayed where it began."""
    moved = [entry for entry in entries if entry.kind == "moved"]
    if not moved:
        return None
    rows = [
        (
            as_duration(entry.at_s),
            entry.content["left"],
            entry.content["site"],
            as_duration(entry.content["move_s"]),
            as_energy(entry.content["energy_j"]),
            as_carbon(entry.content["carbon_g"]),
        )
        for entry in moved
    ]
    head = ("moves.there", "moves.left", "moves.site", "moves.took", "energy.pue", "co2eq")
    return Table(words("moves.caption"), tuple(words(name) for name in head), rows)
