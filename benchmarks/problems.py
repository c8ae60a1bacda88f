"""Two published problems over real variables, and what each searcher makes of them.

    python benchmarks/problems.py [--quick] [--json FILE] [--seed N] [--seeds N] [--only SEARCHER ...]

Ten starts are drawn at random, then 18 batches of 5 are asked for: 100 evaluations [LaMOO]; CMA-ES goes on to 1000.
The figure is log10(HV_max - HV): smaller is better. Medians over the seeds with 95 % bootstrap intervals.

Sources
    [LaMOO] Zhao et al. Multi-objective Optimization by Learning Space Partitions. ICLR 2022. Cp, kernels, references.
    [BC] Belakaria, Deshwal, Doppa. Max-value Entropy Search for Multi-Objective Bayesian Optimization. NeurIPS 2019;
    Branin and Currin as in Surjanovic, Bingham. Virtual Library of Simulation Experiments.
    [RE] Tanabe, Ishibuchi. An easy-to-use real-world multi-objective optimization problem suite. Appl. Soft Comput. 89,
    2020: RE3-5-4, vehicle crashworthiness.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.experiment.statistics import bootstrap_median
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.bayes import QLogNehviSearcher
from ce_nas.search.cma import CmaSearcher
from ce_nas.search.evolution import Nsga2Searcher
from ce_nas.search.partition import PartitionSettings
from ce_nas.search.regions import LamooSearcher
from ce_nas.search.uniform import UniformSearcher
from ce_nas.space.domains import Float
from ce_nas.space.mixed import MixedSpace

if TYPE_CHECKING:
    from collections.abc import Callable

    from ce_nas.search.regional import RegionalSearcher
    from ce_nas.search.searcher import Searcher

STARTS, BATCH, EVALUATIONS, MANY = 10, 5, 100, 1000


@dataclass(frozen=True)
class Problem:
    """Something to minimise, and how the paper searched it."""

    name: str
    space: MixedSpace
    #: the objectives, minimised, shape (m,), at a point of shape (d,)
    values: Callable[[np.ndarray], np.ndarray]
    reference: tuple[float, ...]
    #: the largest hypervolume known
    hv_max: float
    settings: PartitionSettings

    def difference(self, values: list[tuple[float, ...]]) -> float:
        """log10 of the hypervolume that is missing."""
        return math.log10(max(self.hv_max - hypervolume(values, self.reference), 1e-12))


def branin_currin(x: np.ndarray) -> np.ndarray:
    """Branin's function, rescaled to the unit square, and Currin's exponential function [BC]."""
    u, v = 15.0 * x[0] - 5.0, 15.0 * x[1]
    branin = (v - 5.1 / (4.0 * math.pi**2) * u**2 + 5.0 / math.pi * u - 6.0) ** 2
    branin += 10.0 * (1.0 - 1.0 / (8.0 * math.pi)) * math.cos(u) + 10.0
    fading = 1.0 - math.exp(-0.5 / x[1]) if x[1] > 0 else 1.0
    above = 2300.0 * x[0] ** 3 + 1900.0 * x[0] ** 2 + 2092.0 * x[0] + 60.0
    below = 100.0 * x[0] ** 3 + 500.0 * x[0] ** 2 + 4.0 * x[0] + 20.0
    return np.array([branin, fading * above / below])


def vehicle_safety(x: np.ndarray) -> np.ndarray:
    """A car's mass, its acceleration in a frontal crash and the intrusion of its toe board, by five thicknesses [RE]."""
    a, b, c, d, e = x
    mass = 1640.2823 + 2.3573285 * a + 2.3220035 * b + 4.5688768 * c + 7.7213633 * d + 4.4559504 * e
    acceleration = 6.5856 + 1.15 * a - 1.0427 * b + 0.9738 * c + 0.8364 * d - 0.3695 * a * d + 0.0861 * a * e
    acceleration += 0.3628 * b * d - 0.1106 * a**2 - 0.3437 * c**2 + 0.1764 * d**2
    intrusion = -0.0551 + 0.0181 * a + 0.1024 * b + 0.0421 * c - 0.0073 * a * b + 0.024 * b * c - 0.0118 * b * d
    intrusion += -0.0204 * c * d - 0.008 * c * e - 0.0241 * b**2 + 0.0109 * d**2
    return np.array([mass, acceleration, intrusion])


PROBLEMS = (
    Problem(
        "BraninCurrin",
        MixedSpace("branin-currin", {"x0": Float(0.0, 1.0), "x1": Float(0.0, 1.0)}),
        branin_currin,
        (18.0, 6.0),
        59.36011874867746,
        PartitionSettings(kernel="poly", cp=6.0),
    ),
    Problem(
        "VehicleSafety",
        MixedSpace("vehicle-safety", {f"x{place}": Float(1.0, 3.0) for place in range(5)}),
        vehicle_safety,
        (1864.72022, 11.81993945, 0.2903999384),
        246.81607081187002,
        PartitionSettings(kernel="rbf", cp=18.0),
    ),
)
