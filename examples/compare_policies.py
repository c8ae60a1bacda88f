"""Policies side by side on the same seeds, with intervals: python examples/compare_policies.py.

The command for it is: ce-nas compare --policies vanilla,threshold,hotcarbon --searchers nsga2 --zones solar,wind
"""

import sys

from ce_nas.experiments import run_sweep
from ce_nas.experiments.strategies import combine

if __name__ == "__main__":
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    strategies = [combine(policy, "nsga2") for policy in ("vanilla", "threshold", "hotcarbon")]
    flags = {"gpus": 8, "hours": 24, "forecaster": "damped-profile"}
    sweep = run_sweep(strategies, ["solar", "wind"], seeds, flags, processes=1)
    print(f"{'zone':6} {'policy':20} {'kg CO2eq':>22} {'trainings':>10} {'ratio':>6}")
    for row in sweep.rows:
        kg, ratio = row.carbon_kg, row.carbon_ratio
        print(
            f"{row.zone:6} {row.strategy:20} {kg.median:6.2f} [{kg.low:6.2f}, {kg.high:6.2f}] "
            f"{row.evaluations.median:10.0f} {ratio.median:6.2f}"
        )
