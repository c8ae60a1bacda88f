"""A scheduling policy of your own: python examples/own_policy.py.

In a package of your own, name it in the entry points ``ce_nas.policies`` and choose it with ``--policy NAME``.
"""

import ce_nas
from ce_nas import Allocation, Decision, Policy


class CleanerThanYesterday(Policy):
    """Trains on all devices while the grid is cleaner than it was on average in the last day."""

    name = "cleaner-than-yesterday"

    def decide(self, state):
        """All devices, or none."""
        day = state.grid.past_g_per_kwh[-24:]
        if len(day) and day[-1] > day.mean():
            return Decision(
                Allocation(0, 0, released=state.cluster.devices), f"Above the day's {day.mean():.0f} g/kWh."
            )
        return Decision(Allocation(0, state.cluster.devices), "Not above the day's mean.")


if __name__ == "__main__":
    settings = {
        "grid": "solar",
        "gpus": 8,
        "hours": 72,
        "searcher": "nsga2",
        "forecaster": "damped-profile",
        "evaluations": 60,
    }
    for policy in (CleanerThanYesterday(), "vanilla"):
        summary = ce_nas.run(policy=policy, **settings).summary
        print(f"{summary.policy}: {summary.evaluations} trainings, {summary.carbon_g['full'] / 1000:.2f} kg CO2eq")
