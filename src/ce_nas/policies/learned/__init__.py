"""The learned policy.

- learned_policy: `LearnedPolicy`
- observation: the feature extractor
- actions: the action space and its mask
- policy_network: `PolicyNetwork`, and its file
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.policies.learned.actions import action_mask
    from ce_nas.policies.learned.learned_policy import LearnedPolicy
    from ce_nas.policies.learned.observation import extract_features
    from ce_nas.policies.learned.policy_network import PolicyNetwork, load_builtin_policy, read_policy, write_policy

__all__ = [
    "LearnedPolicy",
    "PolicyNetwork",
    "action_mask",
    "extract_features",
    "load_builtin_policy",
    "read_policy",
    "write_policy",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "actions": ["action_mask"],
        "observation": ["extract_features"],
        "policy_network": ["PolicyNetwork", "load_builtin_policy", "read_policy", "write_policy"],
        "learned_policy": ["LearnedPolicy"],
    },
)
