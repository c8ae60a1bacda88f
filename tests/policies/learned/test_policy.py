import subprocess
import sys

import numpy as np
import pytest

from ce_nas.core.records import Allocation, Forecast
from ce_nas.policies.learned.actions import MENU, division, possible
from ce_nas.policies.learned.features import FEATURES
from ce_nas.policies.learned.network import PolicyNetwork
from ce_nas.policies.learned.policy import Learned

HOUR_S = 3600.0
CLEANER_LATER = Forecast("test", 0.0, 0.0, HOUR_S, np.array([300.0, 200.0, 250.0]))


def prefers(*outputs, discrete=True):
    """A network that puts out the same whatever it sees."""
    return PolicyNetwork([np.zeros((len(FEATURES), len(outputs)))], [np.array(outputs, dtype=float)], discrete)


@pytest.mark.parametrize("choice", range(len(MENU)))
def test_the_preferred_entry_is_taken(view_of, choice):
    outputs = np.eye(len(MENU))[choice]
    decision = Learned(prefers(*outputs)).decide(view_of(forecast=CLEANER_LATER))
    assert decision.allocation == division(choice, 8)
    assert not decision.done


def test_an_entry_that_makes_no_sense_is_passed_over_for_the_next(view_of):
    sampling, half = MENU.index((0.0, 1.0)), MENU.index((0.5, 0.0))
    outputs = np.zeros(len(MENU))
    outputs[sampling], outputs[half] = 2.0, 1.0
    view = view_of(forecast=CLEANER_LATER, can_sample=False)
    assert not possible(view)[sampling]
    assert Learned(prefers(*outputs)).decide(view).allocation == Allocation(0, 4, 0, 4)


def test_a_continuous_one_puts_out_shares(view_of):
    view = view_of(forecast=CLEANER_LATER)
    assert Learned(prefers(0.0, -0.5, discrete=False)).decide(view).allocation == Allocation(2, 4, 0, 2)
    assert Learned(prefers(9.0, 9.0, discrete=False)).decide(view).allocation == Allocation(0, 8)


def test_the_reason_gives_the_figures(view_of):
    reason = Learned(prefers(*np.eye(len(MENU))[0])).decide(view_of(forecast=CLEANER_LATER)).reason
    assert "8 are released" in reason
    assert "Forecast 300 g/kWh; 2 of the 2 periods that follow are forecast cleaner." in reason


def test_it_acts_without_torch_and_without_what_it_was_trained_with():
    code = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "stable_baselines3", "sb3_contrib", "gymnasium"}:
            raise ModuleNotFoundError(name)


sys.meta_path.insert(0, Absent())
import ce_nas
summary = ce_nas.run(policy="learned", searcher="uniform", hours=3, gpus=2).summary
assert summary.policy == "learned" and summary.evaluations
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
