"""Pareto sets and their quality; every objective is minimised.

- dominance: dominance numbers, nondominated points, `ParetoFront`
- hypervolume: exact hypervolume, improvements and contributions
- sorting: nondomination ranks and crowding distances
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.pareto.dominance import ParetoFront, dominance_numbers, is_nondominated
    from ce_nas.pareto.hypervolume import hypervolume_contributions, hypervolume_improvements
    from ce_nas.pareto.sorting import argsort_rank_and_crowding, crowding_distances, nondomination_ranks

__all__ = [
    "ParetoFront",
    "argsort_rank_and_crowding",
    "crowding_distances",
    "dominance_numbers",
    "hypervolume_contributions",
    "hypervolume_improvements",
    "is_nondominated",
    "nondomination_ranks",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "dominance": ["ParetoFront", "dominance_numbers", "is_nondominated"],
        "hypervolume": ["hypervolume_contributions", "hypervolume_improvements"],
        "sorting": ["argsort_rank_and_crowding", "crowding_distances", "nondomination_ranks"],
    },
)
