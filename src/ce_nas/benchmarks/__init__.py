"""Benchmarks: search spaces with metrics, and the evaluators that look their trainings up.

Two nouns. A *benchmark* is data: a space and the metrics of its architectures. A *problem* is what a search solves
(section ``[problem]`` of the settings): a benchmark's space with objectives, and the durations of its tasks. Recorded
and predicted benchmarks build the `Evaluator` of their problem; an `Executor` runs trainings for real.

- base: `Benchmark`, `MetricSpec`, `Problem`, `Evaluator`, `Executor`, `ProxyScores`, objectives as text
- tabular: `BenchmarkTable`, `TabularEvaluator`: every architecture listed
- nasbench201: NAS-Bench-201, embedded or in the wide layout with HW-NAS-Bench
- nasbench301: `NasBench301`: the DARTS space with YAHPO's surrogate
- fbnet_costs: `FbNetCosts`: HW-NAS-Bench's costs in FBNet's space
- table_reader: a user's CSV or Parquet table
- user_function, user_space: a user's Python functions; user_check: a trial of each before a search;
  learning_curves: which of their trainings are ended early
- proxy_scores: accuracies in supernets, and zero-cost proxies
- supernet_noise: `SimulatedSupernetScores`: scores of a space without supernets
- metric_names: direction and unit of a metric from its name
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.benchmarks.base import (
        Benchmark,
        Evaluator,
        Executor,
        Failure,
        MetricSpec,
        Problem,
        ProxyScores,
        TaskError,
        parse_objective,
    )
    from ce_nas.benchmarks.fbnet_costs import FbNetCosts
    from ce_nas.benchmarks.nasbench201 import load_embedded_table
    from ce_nas.benchmarks.nasbench301 import NasBench301, NasBench301Evaluator, NasBench301Surrogate
    from ce_nas.benchmarks.proxy_scores import load_builtin_scores, read_supernet_scores
    from ce_nas.benchmarks.supernet_noise import SimulatedSupernetScores, SupernetNoise, read_noise_model
    from ce_nas.benchmarks.table_reader import read_table
    from ce_nas.benchmarks.tabular import BenchmarkTable, MetricColumn, TabularEvaluator
    from ce_nas.benchmarks.user_function import Checkpoint, UserFunctionExecutor, UserFunctionFile
    from ce_nas.benchmarks.user_space import UserBenchmark, UserSpace

__all__ = [
    "Benchmark",
    "BenchmarkTable",
    "Checkpoint",
    "Evaluator",
    "Executor",
    "Failure",
    "FbNetCosts",
    "MetricColumn",
    "MetricSpec",
    "NasBench301",
    "NasBench301Evaluator",
    "NasBench301Surrogate",
    "Problem",
    "ProxyScores",
    "SimulatedSupernetScores",
    "SupernetNoise",
    "TabularEvaluator",
    "TaskError",
    "UserBenchmark",
    "UserFunctionExecutor",
    "UserFunctionFile",
    "UserSpace",
    "load_builtin_scores",
    "load_embedded_table",
    "parse_objective",
    "read_noise_model",
    "read_supernet_scores",
    "read_table",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": [
            "Benchmark",
            "Evaluator",
            "Executor",
            "Failure",
            "MetricSpec",
            "Problem",
            "ProxyScores",
            "TaskError",
            "parse_objective",
        ],
        "fbnet_costs": ["FbNetCosts"],
        "nasbench201": ["load_embedded_table"],
        "nasbench301": ["NasBench301", "NasBench301Evaluator", "NasBench301Surrogate"],
        "proxy_scores": ["load_builtin_scores", "read_supernet_scores"],
        "supernet_noise": ["SimulatedSupernetScores", "SupernetNoise", "read_noise_model"],
        "table_reader": ["read_table"],
        "tabular": ["BenchmarkTable", "MetricColumn", "TabularEvaluator"],
        "user_function": ["Checkpoint", "UserFunctionExecutor", "UserFunctionFile"],
        "user_space": ["UserBenchmark", "UserSpace"],
    },
)
