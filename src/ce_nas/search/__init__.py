"""Searchers: which architectures to propose, from the observations so far.

- base: `Searcher`, the interface; `SearcherWrapper`
- random: `RandomSearcher`, uniform sampling
- nsga2: `Nsga2Searcher`, evolutionary
- cma_es: `CmaSearcher`, CMA-ES over mixed variables
- bayesopt: `EhviSearcher` and `QLogNehviSearcher`, for real variables
- surrogate: `SurrogateSearcher`, Bayesian optimisation of discrete spaces with proxy scores
- lamoo: `LamooSearcher`, which learns a partition of the space for an inner searcher
- constraints, deduplication, successive_halving: wrappers of any searcher
- short_trainings: `ShortTrainingsSearcher`, the surrogate with short trainings first
- regions: searching within a part of the space
- observation_history: full trainings, and pending proposals
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.search.base import SearchContext, Searcher, SearcherWrapper
    from ce_nas.search.bayesopt.ehvi_searcher import EhviSearcher
    from ce_nas.search.bayesopt.qlognehvi_searcher import QLogNehviSearcher
    from ce_nas.search.cma_es import CmaSearcher
    from ce_nas.search.constraints import ConstrainedSearcher, Constraint, Constraints
    from ce_nas.search.deduplication import DeduplicatingSearcher
    from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
    from ce_nas.search.lamoo.partition_tree import PartitionSettings
    from ce_nas.search.nsga2 import Nsga2Searcher
    from ce_nas.search.random import RandomSearcher
    from ce_nas.search.regions import Region, RegionalSearcher
    from ce_nas.search.successive_halving import SuccessiveHalvingSearcher
    from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

__all__ = [
    "CmaSearcher",
    "ConstrainedSearcher",
    "Constraint",
    "Constraints",
    "DeduplicatingSearcher",
    "EhviSearcher",
    "LamooSearcher",
    "Nsga2Searcher",
    "PartitionSettings",
    "QLogNehviSearcher",
    "RandomSearcher",
    "Region",
    "RegionalSearcher",
    "SearchContext",
    "Searcher",
    "SearcherWrapper",
    "SuccessiveHalvingSearcher",
    "SurrogateSearcher",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["SearchContext", "Searcher", "SearcherWrapper"],
        "bayesopt.ehvi": ["EhviSearcher"],
        "bayesopt.qlognehvi": ["QLogNehviSearcher"],
        "cma_es": ["CmaSearcher"],
        "constraints": ["ConstrainedSearcher", "Constraint", "Constraints"],
        "deduplication": ["DeduplicatingSearcher"],
        "lamoo.partition_tree": ["PartitionSettings"],
        "lamoo.lamoo_searcher": ["LamooSearcher"],
        "nsga2": ["Nsga2Searcher"],
        "random": ["RandomSearcher"],
        "regions": ["Region", "RegionalSearcher"],
        "successive_halving": ["SuccessiveHalvingSearcher"],
        "surrogate.surrogate_searcher": ["SurrogateSearcher"],
    },
)
