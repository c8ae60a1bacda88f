"""How well a run's proxy scores rank its trainings: Kendall's tau over the trained architectures that were scored.

Source
    [Kendall] Kendall. Rank Correlation Methods. 1970, section 4: the variance of tau is 2 (1 - tau^2) / n at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.rank_correlation import kendall_tau

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Objective
    from ce_nas.store.journal import JournalEntry

__all__ = ["ProxyRanking", "measure_proxy_ranking"]

#: fewer trainings give no ranking
_MIN_TRAININGS = 5


@dataclass(frozen=True, slots=True)
class ProxyRanking:
    """The rank correlation of proxy scores and trainings."""

    #: the objective that was ranked
    objective: str
    #: Kendall's tau-b: 1 for the same order, 0 for none, -1 for the opposite one
    tau: float
    #: conservative 95 % interval [Kendall]
    low: float
    high: float
    #: full trainings whose architecture was also scored, before or after
    trainings: int


def measure_proxy_ranking(entries: Sequence[JournalEntry], objectives: Sequence[Objective]) -> ProxyRanking | None:
    """Measure the ranking of a run; None if too few of its trained architectures were scored.

    Uses the first objective that the scores only estimate. The scores partly decide what is trained, so its range, and
    thus tau, is smaller than over the whole space.
    """
    scored: dict[tuple[int, ...], list[float | None]] = {}
    batches: dict[int, list[list[int]]] = {}
    trained: dict[tuple[int, ...], list[float]] = {}
    for entry in entries:
        if entry.kind not in {"task_started", "sampled", "evaluated"}:
            continue
        content = entry.content
        if entry.kind == "task_started" and content["kind"] == "sampling":
            batches[content["task"]] = content["architectures"]
        elif entry.kind == "sampled":
            scored |= dict(zip(map(tuple, batches.pop(content["task"])), content["values"], strict=True))
        elif entry.kind == "evaluated" and content["fidelity"] == 1.0:
            trained[tuple(content["architecture"])] = content["values"]
    pairs = [
        (estimates, values)
        for architecture, values in trained.items()
        if (estimates := scored.get(architecture)) is not None and None not in estimates
    ]
    return _rank_correlation(pairs, objectives)  # type: ignore[arg-type]  # none is None


def _rank_correlation(
    pairs: list[tuple[list[float], list[float]]], objectives: Sequence[Objective]
) -> ProxyRanking | None:
    if len(pairs) < _MIN_TRAININGS:
        return None
    scores, results = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    for column, objective in enumerate(objectives):
        if not np.array_equal(scores[:, column], results[:, column]):
            tau = kendall_tau(scores[:, column], results[:, column]) or 0.0  # equal scores rank nothing
            margin = 1.96 * math.sqrt(2.0 * (1.0 - tau**2) / len(pairs))
            return ProxyRanking(objective.name, tau, max(tau - margin, -1.0), min(tau + margin, 1.0), len(pairs))
    return None
