"""Of an allocation, what the budgets afford."""

from datetime import UTC, datetime

import numpy as np
import pytest

from ce_nas.core.records import Allocation, Outcome, Stop, Task, TaskKind
from ce_nas.energy.ledger import Ledger, Prices
from ce_nas.engine.guard import Guard
from ce_nas.engine.limits import Limits
from ce_nas.engine.purse import Purse
from ce_nas.evaluate.evaluator import Evaluator
from ce_nas.grid.trace import Series

FLAT = Series(datetime(2021, 1, 1, tzinfo=UTC), 3600.0, np.full(100, 400.0))


class ByChoice(Evaluator):
    """A training takes a thousand seconds times its architecture's choice."""

    objectives = ()
    supernet_training_s = 0.0
    can_score = True

    def duration_s(self, task):
        return 1000.0 * task.architectures[0][0]

    def run(self, task):
        return Outcome(task.id, ((0.0,),))


def training(length):
    return Task(length, TaskKind.EVALUATION, ((length,),))


@pytest.fixture
def purse():
    limits = Limits(time_s=1e6, device_s=6500.0)
    return Purse(ByChoice(), Guard(limits, Ledger(FLAT, 1.0, Prices()), 500.0))


def test_while_all_that_was_begun_can_be_finished_the_wish_is_granted(purse):
    wish = Allocation(3, 2, 1)
    assert purse.affordable(wish, [training(1), training(5)], 0.0) == (wish, None)
    assert purse.affordable(wish, [], 0.0) == (wish, None)


def test_else_the_nearest_to_their_ends_go_on_and_nothing_is_sampled(purse):
    allocation, stop = purse.affordable(Allocation(3, 3, 1), [training(5), training(1), training(2)], 0.0)
    assert (allocation, stop) == (Allocation(0, 2, released=5), None)


def test_when_nothing_can_be_finished_any_more_the_run_is_over(purse):
    purse.workload.begin(training(7), 0.0)
    allocation, stop = purse.affordable(Allocation(1, 2), [training(7), training(9)], 0.0)
    assert (allocation, stop) == (Allocation(0, 0, released=3), Stop.DEVICE_TIME)


def test_what_did_not_fit_is_remembered_so_that_no_device_is_held_for_it(purse):
    assert purse.fits(training(6), [], 0.0)
    assert not purse.fits(training(6), [training(1)], 0.0)
    assert purse.affordable(Allocation(0, 2), [training(1)], 0.0) == (Allocation(0, 1, released=1), None)
