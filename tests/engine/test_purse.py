"""Of an allocation, what the budgets afford."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.benchmarks.base import Evaluator
from ce_nas.core.records import Allocation, Outcome, Stop, Task, TaskKind
from ce_nas.energy.ledger import Ledger, Prices
from ce_nas.engine.budgets import Guard, Limits, Purse
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
    assert purse.beside([], 0.0)(training(6))
    assert not purse.beside([training(1)], 0.0)(training(6))
    assert purse.affordable(Allocation(0, 2), [training(1)], 0.0) == (Allocation(0, 1, released=1), None)


@given(
    st.lists(st.integers(1, 9), max_size=6),
    st.integers(1, 9),
    st.floats(0.0, 12_000.0),
    st.integers(0, 5),
)
def test_with_time_in_plenty_the_short_way_says_what_the_long_way_says(begun, fresh, now_s, evaluating):
    answers = []
    for short in (True, False):
        guard = Guard(Limits(time_s=12_000.0), Ledger(FLAT, 1.0, Prices()), 500.0)
        guard.ample = guard.ample if short else lambda *_: False
        purse, tasks = Purse(ByChoice(), guard), [Task(at, TaskKind.EVALUATION, ((n,),)) for at, n in enumerate(begun)]
        for task in tasks:
            purse.workload.begin(task, max(now_s - 500.0, 0.0))
        wish = Allocation(2, evaluating, 1)
        fits = purse.beside(tasks, now_s)(Task(99, TaskKind.EVALUATION, ((fresh,),)))
        answers.append((purse.affordable(wish, tasks, now_s), fits, purse.affordable(wish, tasks, now_s)))
    assert answers[0] == answers[1]
