"""How well a run's cheap scores ordered what it then trained: Kendall's tau, over the trainings scored too.

Source
    [Kendall] Kendall. Rank Correlation Methods. 1970, section 4: the variance of tau is 2 (1 - tau^2) / n at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.core.records import Objective
    from ce_nas.store.journal import Entry

__all__ = ["Ranking", "kendall_tau", "ranking_of"]

#: trainings from which on an order is told
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of the cheap scores against the order of the trainings."""

    #: what both told
    objective: str
    #: Kendall's tau-b: 1 for the same order, 0 for none, -1 for the opposite one
    tau: float
    #: a 95 % interval at least that wide [Kendall]
    low: float
    high: float
    #: full trainings whose architecture was scored too, before or after
    trainings: int


def ranking_of(entries: Sequence[Entry], objectives: Sequence[Objective]) -> Ranking | None:
    """The ranking of a journal's run; None where too few of its trainings were scored too.

    Told is the first objective that the scores only estimate. What was trained was chosen by the scores, in part, so
    that its range, and with it tau, is smaller than over the whole space.
    """
    scored: dict[tuple[int, ...], list[float]] = {}
    batches: dict[int, list[list[int]]] = {}
    trained: dict[tuple[int, ...], list[float]] = {}
    for entry in entries:
        if entry.kind not in {"started", "sampled", "evaluated"}:
            continue
        content = entry.content
        if entry.kind == "started" and content["kind"] == "sampling":
            batches[content["task"]] = content["architectures"]
        elif entry.kind == "sampled":
            scored |= dict(zip(map(tuple, batches.pop(content["task"])), content["values"], strict=True))
        elif entry.kind == "evaluated" and content["fidelity"] == 1.0:
            trained[tuple(content["architecture"])] = content["values"]
    pairs = [(scored[architecture], values) for architecture, values in trained.items() if architecture in scored]
    return _ranking(pairs, objectives)


def kendall_tau(first: np.ndarray, second: np.ndarray) -> float:
    """Kendall's tau-b of two rows of numbers, shape ``(n,)``; 0 where one of them is all alike."""
    signs = [np.sign(values[:, None] - values) for values in (first, second)]
    pairs = math.sqrt(float(np.abs(signs[0]).sum()) * float(np.abs(signs[1]).sum()))
    return float((signs[0] * signs[1]).sum()) / pairs if pairs else 0.0


def _ranking(pairs: list[tuple[list[float], list[float]]], objectives: Sequence[Objective]) -> Ranking | None:
    if len(pairs) < _FEWEST:
        return None
    cheap, real = (np.array(values, dtype=float) for values in zip(*pairs, strict=True))
    for at, item in enumerate(objectives):
        if not np.array_equal(cheap[:, at], real[:, at]):
            tau = kendall_tau(cheap[:, at], real[:, at])
            reach = 1.96 * math.sqrt(2.0 * (1.0 - tau**2) / len(pairs))
            return Ranking(item.name, tau, max(tau - reach, -1.0), min(tau + reach, 1.0), len(pairs))
    return None
