"""Who carries tasks out on a benchmark that is on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.benchmarks.base import Benchmark, Evaluator
    from ce_nas.benchmarks.proxy_scores import CheapScores
    from ce_nas.benchmarks.supernet_noise import NoisyScores
    from ce_nas.benchmarks.tabular import BenchmarkTable
    from ce_nas.core.records import Objective

__all__ = ["evaluator_of", "table_of"]


def evaluator_of(
    benchmark: Benchmark, objectives: Sequence[Objective], scores: CheapScores | NoisyScores | None
) -> Evaluator:
    """The evaluator of a benchmark, a table or NAS-Bench-301; each kind has cheap scores of its own kind.

    :raises SettingsError: if it is neither.
    """
    from ce_nas.benchmarks.nasbench301 import NasBench301, NasBench301Evaluator
    from ce_nas.benchmarks.tabular import TabularEvaluator

    if isinstance(benchmark, NasBench301):
        return NasBench301Evaluator(benchmark, objectives, cast("NoisyScores | None", scores))
    return TabularEvaluator(table_of(benchmark), objectives, cast("CheapScores | None", scores))


def table_of(benchmark: Benchmark) -> BenchmarkTable:
    """The benchmark, for what can be asked of a table alone.

    :raises SettingsError: if it is none.
    """
    from ce_nas.benchmarks.tabular import BenchmarkTable

    if not isinstance(benchmark, BenchmarkTable):
        message = f"Expected a benchmark whose architectures are all listed, but {benchmark.name} has no table."
        raise SettingsError(message)
    return benchmark
