"""Experiments of the method: each names its trials and reports on their results.

- equal_quality: carbon to equal hypervolume
- hypervolume_over_time: hypervolume over time and over carbon
- carbon_caps: hypervolume within carbon budgets
- noise: trainings of single seeds
- ablations: CE-NAS without each of its components
- suite: carbon to fixed shares of the largest hypervolume, over problems, zones and hours
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.experiments.studies.ablations import AblationExperiment
    from ce_nas.experiments.studies.carbon_caps import CarbonCapExperiment
    from ce_nas.experiments.studies.equal_quality import EqualQualityExperiment
    from ce_nas.experiments.studies.hypervolume_over_time import HypervolumeOverTimeExperiment
    from ce_nas.experiments.studies.noise import NoiseExperiment
    from ce_nas.experiments.studies.suite import SuiteExperiment

__all__ = [
    "AblationExperiment",
    "CarbonCapExperiment",
    "EqualQualityExperiment",
    "HypervolumeOverTimeExperiment",
    "NoiseExperiment",
    "SuiteExperiment",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "ablations": ["AblationExperiment"],
        "carbon_caps": ["CarbonCapExperiment"],
        "equal_quality": ["EqualQualityExperiment"],
        "hypervolume_over_time": ["HypervolumeOverTimeExperiment"],
        "noise": ["NoiseExperiment"],
        "suite": ["SuiteExperiment"],
    },
)
