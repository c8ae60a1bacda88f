"""Bayesian optimisation for real and mixed variables.

- base: `BayesianSearcher`, candidates, batches and local optimisation of an `AcquisitionFunction`
- ehvi_searcher: `EhviSearcher`, noise-free, in closed form
- qlognehvi_searcher: `QLogNehviSearcher`, noisy, by BoTorch
- noise_free_gp: Gaussian processes of smooth, noise-free functions
- log_ehvi: log expected hypervolume improvement, by box decomposition
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.search.bayesopt.base import AcquisitionFunction, BayesianSearcher
    from ce_nas.search.bayesopt.ehvi_searcher import EhviSearcher
    from ce_nas.search.bayesopt.qlognehvi_searcher import QLogNehviSearcher

__all__ = ["AcquisitionFunction", "BayesianSearcher", "EhviSearcher", "QLogNehviSearcher"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["AcquisitionFunction", "BayesianSearcher"],
        "ehvi_searcher": ["EhviSearcher"],
        "qlognehvi_searcher": ["QLogNehviSearcher"],
    },
)
