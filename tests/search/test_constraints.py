import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Objective, Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.dominance import dominance_numbers
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.constraints import ConstrainedSearcher, Constraint, Constraints
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.space.base import Space

SPACE = Space("grid", ["a", "b", "c"], [[*"uvwxyz"]] * 3)
OBJECTIVES = (Objective("accuracy", "%", maximise=True, reference=0.0), Objective("energy", "mJ", False, 50.0))
LATENCY = SPACE.members.sum(axis=1).astype(float)


def values(cell):
    return -float(50 + 5 * cell[0] + 2 * cell[1]), float(5 + 6 * cell[0] + cell[2])


def bounds(*texts, latency=LATENCY, **options):
    return Constraints(SPACE, OBJECTIVES, [Constraint.parse(text) for text in texts], {"latency": latency}, **options)


def latency_function(cells):
    """The same latency as a function of architectures."""
    return np.array([float(sum(cell)) for cell in cells])


def test_parse_constraint():
    assert Constraint.parse(" latency <= 0.05") == Constraint("latency", 0.05)
    assert Constraint.parse("accuracy>=9e1") == Constraint("accuracy", 90.0, at_least=True)


@pytest.mark.parametrize("text", ["latency", "latency<3", "latency<=fast", "latency<=nan", "<=3", "latency<=inf"])
def test_invalid_constraint_text_is_rejected(text):
    with pytest.raises(SettingsError, match="Expected a constraint"):
        Constraint.parse(text)


def test_constraint_on_unknown_metric_is_rejected():
    with pytest.raises(SettingsError, match="Did you mean 'latency'"):
        bounds("latencies<=3")


def test_violation_is_sum_of_relative_excesses():
    observations = [Observation((5, 5, 0), values((5, 5, 0))), Observation((0, 0, 0), values((0, 0, 0)))]
    found = bounds("latency<=8", "energy<=20", "accuracy>=60").violations(observations)
    assert found.tolist() == pytest.approx([2 / 8 + 15 / 20, 10 / 60])


@given(st.lists(st.sampled_from(list(SPACE.index)), min_size=2, max_size=40, unique=True))
def test_feasible_dominates_infeasible_by_violation(cells):
    constraints = bounds("latency<=7", "accuracy>=62")
    observations = [Observation(cell, values(cell)) for cell in cells]
    violations = constraints.violations(observations)
    ranked = np.array([observation.values for observation in constraints.penalise_infeasible(observations)])
    for row, mine in enumerate(violations):
        for other, theirs in enumerate(violations):
            dominates = (ranked[row] <= ranked[other]).all() and (ranked[row] < ranked[other]).any()
            if mine < theirs - 1e-12:
                assert dominates
    infeasible = violations > 0
    assert hypervolume(ranked, (0.0, 50.0)) == pytest.approx(hypervolume(ranked[~infeasible], (0.0, 50.0)))
    if not infeasible.all():
        assert (dominance_numbers(ranked)[infeasible] > 0).all()


def test_feasible_observations_and_estimates_are_unchanged():
    observations = [Observation((0, 0, 0), (-0.1, 5.0), 0.0, (1.0,)), Observation((5, 0, 0), values((5, 0, 0)))]
    assert bounds("accuracy>=60").penalise_infeasible(observations) == observations


def test_measured_objectives_are_kept_for_a_model_of_them():
    infeasible, feasible = (Observation(cell, values(cell)) for cell in [(5, 0, 0), (0, 0, 0)])
    constraints = bounds("energy<=20", requires_training=[True, False])
    penalised, kept = constraints.penalise_infeasible([infeasible], keep_measured=True)[0].values
    assert penalised > 0.0
    assert kept == values((5, 0, 0))[1]
    assert constraints.penalise_infeasible([feasible], keep_measured=True) == [feasible]
    ignorant = bounds("energy<=20")
    assert ignorant.penalise_infeasible([infeasible], keep_measured=True) == ignorant.penalise_infeasible([infeasible])


def test_model_of_a_measured_objective_predicts_measurements_and_no_penalties():
    inner = SEARCHERS["surrogate"]()
    constraints = bounds("energy<=20", requires_training=[True, False])
    searcher = ConstrainedSearcher(inner, constraints)
    trained = list(dict.fromkeys(SPACE.sample(random_stream(0, "cells"), 80)))
    searcher.tell([Observation(cell, values(cell)) for cell in trained])
    candidates, expected, _ = inner.predict(exclude=set(trained))
    np.testing.assert_allclose(expected[:, 1], [values(cell)[1] for cell in candidates], atol=0.5)


@pytest.mark.parametrize("name", ["random", "surrogate"])
@pytest.mark.parametrize("fidelity", [0.0, 0.1])
def test_architectures_measured_to_be_infeasible_are_not_proposed(name, fidelity):
    """An estimate of an objective that takes a training is no measurement."""
    constraints = bounds("energy<=20", "accuracy>=60", requires_training=[True, False])
    searcher = ConstrainedSearcher(SEARCHERS[name](), constraints)
    searcher.tell([Observation(cell, (-1.0, values(cell)[1]), fidelity) for cell in SPACE.index])
    proposed = searcher.ask(SPACE.size, set())
    assert set(proposed) == {cell for cell in SPACE.index if values(cell)[1] <= 20}


def test_measurements_do_not_exclude_where_nothing_is_measured_before_a_training():
    searcher = ConstrainedSearcher(SEARCHERS["random"](), bounds("energy<=20"))
    searcher.tell([Observation(cell, (-1.0, values(cell)[1]), 0.0) for cell in SPACE.index])
    assert len(searcher.ask(SPACE.size, set())) == SPACE.size


def test_known_infeasible_members():
    members = list(SPACE.index)
    assert not any(cell in bounds("accuracy>=60").known_infeasible() for cell in members)
    for latency in (LATENCY, latency_function):
        infeasible = bounds("latency<=7", "latency>=2", latency=latency).known_infeasible()
        assert [cell in infeasible for cell in members] == [not 2 <= sum(cell) <= 7 for cell in members]


def test_metric_table_and_metric_function_agree():
    observations = [Observation(cell, values(cell)) for cell in list(SPACE.index)[::7]]
    listed, computed = (bounds("latency<=6", "energy<=20", latency=metric) for metric in (LATENCY, latency_function))
    assert listed.violations(observations).tolist() == computed.violations(observations).tolist()
    assert listed.penalise_infeasible(observations) == computed.penalise_infeasible(observations)


SEARCHERS = {
    "random": lambda: RandomSearcher(SPACE, random_stream(0, "s")),
    "nsga2": lambda: Nsga2Searcher(SPACE, random_stream(0, "s")),
    "lamoo": lambda: LamooSearcher(SPACE, random_stream(0, "s"), (0.0, 50.0)),
    "surrogate": lambda: SurrogateSearcher(SPACE, random_stream(0, "s"), (0.0, 50.0), requires_training=[True, False]),
}


def searched(searcher, rounds=10):
    known = {}
    for _ in range(rounds):
        found = [Observation(cell, values(cell)) for cell in searcher.ask(6, known)]
        known.update((observation.architecture, observation.values) for observation in found)
        searcher.tell(found)
    return known


@pytest.mark.parametrize("name", SEARCHERS)
def test_known_infeasible_architectures_are_never_proposed(name):
    known = searched(ConstrainedSearcher(SEARCHERS[name](), bounds("latency<=7")))
    assert len(known) == 60
    assert all(sum(cell) <= 7 for cell in known)


@pytest.mark.parametrize("name", ["nsga2", "lamoo", "surrogate"])
def test_observed_infeasible_region_is_avoided(name):
    constraints = bounds("energy<=20")
    counts = {}
    for bound in (True, False):
        inner = SEARCHERS[name]()
        searcher = ConstrainedSearcher(inner, constraints) if bound else inner
        counts[bound] = sum(cost > 20 for _, cost in list(searched(searcher).values())[20:])
    assert counts[True] < 0.7 * counts[False]


def test_no_proposals_without_feasible_architectures():
    searcher = ConstrainedSearcher(SEARCHERS["random"](), bounds("latency<=0"))
    assert searcher.ask(5, set()) == [(0, 0, 0)]
    assert searcher.ask(5, {(0, 0, 0)}) == []
