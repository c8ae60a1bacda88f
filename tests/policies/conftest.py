"""Views for tests, made up of what matters to one of them."""

import math

import numpy as np
import pytest

from ce_nas.core.records import Forecast, View

HOUR_S = 3600.0
WEEK = np.linspace(100.0, 500.0, 168)


@pytest.fixture(scope="session")
def view_of():
    """Makes a view in the midst of a search; ``coming`` is the forecast, a number or one a step."""
    return _view_of


def _view_of(past=WEEK, coming=300.0, step_s=HOUR_S, devices=8, **rest):
    mean = None if coming is None else np.atleast_1d(np.asarray(coming, dtype=float))
    known = {
        "now_s": 0.0,
        "period_s": HOUR_S,
        "devices": devices,
        "past_g_per_kwh": np.asarray(past, dtype=float),
        "past_step_s": step_s,
        "forecast": None if mean is None else Forecast("test", 0.0, 0.0, step_s, mean),
        "evaluations": 20,
        "samples": 200,
        "hypervolume": 4000.0,
        "hypervolume_history": (),
        "front_size": 7,
        "backlog": 5,
        "backlog_capacity": 10,
        "backlog_front": 2,
        "running": 3,
        "suspended": 1,
        "can_sample": True,
        "trained_s": 20 * 1500.0,
        "carbon_spent_g": 9000.0,
        "energy_spent_j": 30e6,
        "cost_spent": 0.0,
        "time_left_s": 40 * HOUR_S,
        "carbon_left_g": math.inf,
        "energy_left_j": math.inf,
        "cost_left": math.inf,
        "evaluations_left": math.inf,
        "course": (4000.0,) * 20,
    }
    return View(**known | rest)
