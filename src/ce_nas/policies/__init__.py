"""Scheduling policies: how the devices are allocated between sampling and evaluation, period by period.

- base: `Policy`, `Decision`, the interface
- baselines: vanilla, one-shot, fixed, threshold, suspend-resume, hotcarbon
- carbon_scaler: carbonscaler, greedy by marginal work per carbon
- lookahead: look-ahead, planned by dynamic programming
- learned: learned, a trained network
- remaining_work: the estimate of the work that a search is still worth
- planning: the dynamic programmes
- migration: another policy at the cleanest of several sites
- site_constraints: another policy under a site's closed hours, power cap and minimum hold time
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.policies.base import Decision, Policy
    from ce_nas.policies.baselines import (
        FixedSharePolicy,
        HotCarbonPolicy,
        OneShotPolicy,
        SuspendResumePolicy,
        ThresholdPolicy,
        VanillaPolicy,
    )
    from ce_nas.policies.carbon_scaler import CarbonScalerPolicy
    from ce_nas.policies.learned.learned_policy import LearnedPolicy
    from ce_nas.policies.lookahead import LookAheadPolicy
    from ce_nas.policies.migration import MigratingPolicy
    from ce_nas.policies.remaining_work import RemainingWork
    from ce_nas.policies.site_constraints import (
        ClosedHours,
        MinimumHoldTime,
        PowerCap,
        SiteConstrainedPolicy,
        SiteConstraint,
    )

__all__ = [
    "CarbonScalerPolicy",
    "ClosedHours",
    "Decision",
    "FixedSharePolicy",
    "HotCarbonPolicy",
    "LearnedPolicy",
    "LookAheadPolicy",
    "MigratingPolicy",
    "MinimumHoldTime",
    "OneShotPolicy",
    "Policy",
    "PowerCap",
    "RemainingWork",
    "SiteConstrainedPolicy",
    "SiteConstraint",
    "SuspendResumePolicy",
    "ThresholdPolicy",
    "VanillaPolicy",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Decision", "Policy"],
        "baselines": [
            "FixedSharePolicy",
            "HotCarbonPolicy",
            "OneShotPolicy",
            "SuspendResumePolicy",
            "ThresholdPolicy",
            "VanillaPolicy",
        ],
        "carbon_scaler": ["CarbonScalerPolicy"],
        "learned.learned_policy": ["LearnedPolicy"],
        "lookahead": ["LookAheadPolicy"],
        "migration": ["MigratingPolicy"],
        "remaining_work": ["RemainingWork"],
        "site_constraints": ["ClosedHours", "MinimumHoldTime", "PowerCap", "SiteConstrainedPolicy", "SiteConstraint"],
    },
)
