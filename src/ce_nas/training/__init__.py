"""Real trainings of networks and supernets by torch (extra ``torch``).

- executor: `TrainingExecutor`: runs a search's tasks on one device
- trainer: `NetworkTrainer`: trains one network, resumable at any step
- supernet_trainer: `SupernetTrainer`, `score_paths`
- recipe: `Recipe`: the hyperparameters of a training
- optimisers: SGD, AdamW, TensorFlow's RMSProp, Muon
- checkpoint: atomic checkpoints
- problem: `LiveProblem`: the problem of a live search
- network_benchmark: `NetworkBenchmark`: networks as a benchmark
- latency: `measure_latency`: inference latency and energy
- zero_cost: zero-cost proxies
- networks: the networks of each space
- data: image data sets
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.training.executor import TrainingConfig, TrainingExecutor
    from ce_nas.training.latency import Latency, export_onnx, measure_latency
    from ce_nas.training.network_benchmark import NetworkBenchmark
    from ce_nas.training.problem import LiveProblem
    from ce_nas.training.recipe import Recipe
    from ce_nas.training.supernet_trainer import SupernetTrainer, score_paths
    from ce_nas.training.trainer import NetworkTrainer
    from ce_nas.training.zero_cost import ZeroCostSettings, measure_proxies

__all__ = [
    "Latency",
    "LiveProblem",
    "NetworkBenchmark",
    "NetworkTrainer",
    "Recipe",
    "SupernetTrainer",
    "TrainingConfig",
    "TrainingExecutor",
    "ZeroCostSettings",
    "export_onnx",
    "measure_latency",
    "measure_proxies",
    "score_paths",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "executor": ["TrainingConfig", "TrainingExecutor"],
        "latency": ["Latency", "export_onnx", "measure_latency"],
        "network_benchmark": ["NetworkBenchmark"],
        "problem": ["LiveProblem"],
        "recipe": ["Recipe"],
        "supernet_trainer": ["SupernetTrainer", "score_paths"],
        "trainer": ["NetworkTrainer"],
        "zero_cost": ["ZeroCostSettings", "measure_proxies"],
    },
)
