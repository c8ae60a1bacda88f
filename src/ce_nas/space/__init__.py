"""Search spaces.

- base: `Space`, one choice for each of several variables
- mixed: `MixedSpace`, continuous, integer, ordinal and categorical variables
- conditional: `ConditionalSpace`, where some count only with others
- conversion: from and to Optuna's distributions and ConfigSpace
- distributions: the domains of these variables
- nasbench201_cell, darts, fbnet: the spaces of benchmarks
- nasnet, efficientnet: a cell space after NASNet, a macro space after EfficientNet
- darts_counts: parameters and FLOPs of DARTS networks
- isomorphism: NAS-Bench-201 cells that compute the same function
- visited: `VisitedSet`, the architectures already proposed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.space.base import Space
    from ce_nas.space.conditional import ConditionalSpace
    from ce_nas.space.darts import DartsSpace
    from ce_nas.space.distributions import Categorical, Float, Integer, Ordinal
    from ce_nas.space.efficientnet import EfficientNetSpace
    from ce_nas.space.fbnet import FbNetSpace
    from ce_nas.space.mixed import MixedSpace
    from ce_nas.space.nasbench201_cell import NasBench201Space
    from ce_nas.space.nasnet import NasNetSpace
    from ce_nas.space.visited import VisitedSet

__all__ = [
    "Categorical",
    "ConditionalSpace",
    "DartsSpace",
    "EfficientNetSpace",
    "FbNetSpace",
    "Float",
    "Integer",
    "MixedSpace",
    "NasBench201Space",
    "NasNetSpace",
    "Ordinal",
    "Space",
    "VisitedSet",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Space"],
        "conditional": ["ConditionalSpace"],
        "darts": ["DartsSpace"],
        "distributions": ["Categorical", "Float", "Integer", "Ordinal"],
        "efficientnet": ["EfficientNetSpace"],
        "fbnet": ["FbNetSpace"],
        "mixed": ["MixedSpace"],
        "nasbench201_cell": ["NasBench201Space"],
        "nasnet": ["NasNetSpace"],
        "visited": ["VisitedSet"],
    },
)
