"""Bayesian optimisation of discrete spaces with proxy scores and partial trainings.

- surrogate_searcher: `SurrogateSearcher`
- training_set: full trainings, known objectives, proxy scores and partial trainings
- initial_design: the first trainings, by what scores or earlier searches promise
- transfer: what earlier searches predict of an objective
- encoding: architectures and scores as groups of columns
- target_transforms: objectives as targets of a Gaussian process
- gaussian_process: Gaussian process over groups of columns, with an incremental posterior
- posterior: predictions of all objectives for all candidates
- acquisition: expected hypervolume improvement by quadrature
- batch_selection: a batch of the best candidates
- candidates: candidates of spaces too large to be listed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher

__all__ = ["SurrogateSearcher"]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs={"surrogate_searcher": ["SurrogateSearcher"]})
