"""Networks in plain torch: one per architecture, and supernets that share weights.

- factory: `build_network`, `build_supernet`: the network of an architecture of any space
- nasbench201_network: `NasBench201Network`, `count_parameters`, `count_flops`
- darts_network: `DartsNetwork`, `DartsSupernet`
- nasnet_network: `NasNetNetwork`, `NasNetSupernet`
- mbconv: `FbNetNetwork`, `FbNetSupernet`: inverted residuals of FBNet's space
- efficientnet_network, efficientnet_supernet: `EfficientNetNetwork`, `MacroNetwork`, `EfficientNetSupernet`
- supernet: `Supernet`, `NasBench201Supernet`
- network_counts: `NetworkCounter`: parameters and multiply-accumulates of any network without building it
- counts: those of NAS-Bench-201's networks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.training.networks.darts_network import DartsNetwork, DartsSupernet
    from ce_nas.training.networks.factory import build_network, build_space, build_supernet
    from ce_nas.training.networks.mbconv import FbNetNetwork, FbNetSupernet, InvertedResidual
    from ce_nas.training.networks.nasbench201_network import NasBench201Network, count_flops, count_parameters
    from ce_nas.training.networks.supernet import NasBench201Supernet, Supernet

__all__ = [
    "DartsNetwork",
    "DartsSupernet",
    "FbNetNetwork",
    "FbNetSupernet",
    "InvertedResidual",
    "NasBench201Network",
    "NasBench201Supernet",
    "Supernet",
    "build_network",
    "build_space",
    "build_supernet",
    "count_flops",
    "count_parameters",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "factory": ["build_network", "build_space", "build_supernet"],
        "darts_network": ["DartsNetwork", "DartsSupernet"],
        "mbconv": ["FbNetNetwork", "FbNetSupernet", "InvertedResidual"],
        "nasbench201_network": ["NasBench201Network", "count_flops", "count_parameters"],
        "supernet": ["NasBench201Supernet", "Supernet"],
    },
)
