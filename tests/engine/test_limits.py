import math

from ce_nas.core.records import Activity, Stop
from ce_nas.energy.ledger import Books
from ce_nas.engine.budgets import Book, Limits


def books(carbon_g=0.0, paper_g=0.0, energy_j=0.0, cost=0.0):
    return Books({Activity.TRAINING: energy_j}, {Activity.TRAINING: carbon_g}, paper_carbon_g=paper_g, cost=cost)


class Found:
    """What a search has found."""

    def __init__(self, evaluations=0, hypervolume=0.0):
        self.evaluations = evaluations
        self.hypervolume = hypervolume


def test_each_budget_ends_the_run_when_it_is_used_up():
    limits = Limits(time_s=10.0, carbon_g=5.0, energy_j=7.0, cost=3.0, evaluations=2)
    assert limits.reached(9.9, books(4.9, 99.0, 6.9, 2.9), Found(1)) is None
    assert limits.reached(10.0, books(), Found()) is Stop.DEADLINE
    assert limits.reached(0.0, books(carbon_g=5.0), Found()) is Stop.CARBON
    assert limits.reached(0.0, books(energy_j=7.0), Found()) is Stop.ENERGY
    assert limits.reached(0.0, books(cost=3.0), Found()) is Stop.COST
    assert limits.reached(0.0, books(), Found(2)) is Stop.EVALUATIONS
    assert Limits(10.0, device_s=0.0).reached(0.0, books(), Found()) is Stop.DEVICE_TIME
    assert Limits(10.0, target=4.0).reached(0.0, books(), Found(hypervolume=4.0)) is Stop.TARGET
    assert Limits(10.0, target=4.0).reached(0.0, books(), Found(hypervolume=3.9)) is None


def test_the_carbon_budget_is_counted_in_the_book_it_names():
    spent = books(carbon_g=1.0, paper_g=9.0)
    assert Limits(10.0, carbon_g=5.0).reached(0.0, spent, Found()) is None
    assert Limits(10.0, carbon_g=5.0, book=Book.PAPER).reached(0.0, spent, Found()) is Stop.CARBON


def test_only_budgets_that_run_down_between_events_are_metered():
    assert not Limits(10.0, evaluations=5).metered
    assert all(Limits(10.0, **{name: 1.0}).metered for name in ("carbon_g", "energy_j", "cost", "device_s"))
    assert Limits(10.0).carbon_g == math.inf
