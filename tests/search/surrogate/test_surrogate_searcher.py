import numpy as np
import pytest

from ce_nas.benchmarks.table_reader import read_table
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.lamoo.lamoo_searcher import LamooSearcher
from ce_nas.search.random import RandomSearcher
from ce_nas.search.regions import ListedRegion
from ce_nas.search.surrogate.surrogate_searcher import SurrogateSearcher
from ce_nas.space.base import Space
from ce_nas.space.nasbench201_cell import NasBench201Space

SPACE = NasBench201Space()
MEMBERS = list(SPACE.index)
REFERENCE = (40.0, 40.0)
HUGE = Space("huge", [f"v{index}" for index in range(30)], [[*"abcd"]] * 30)


def values(cell):
    """Like an error, which falls with the live convolutions, and their cost."""
    paths = [(3,), (0, 4), (1, 5), (0, 2, 5)]
    alive = [[cell[edge] for edge in path] for path in paths if all(cell[edge] for edge in path)]
    if not alive:
        return 39.0, 1.0 + sum(cell) / 10.0
    work = sum(max(choice - 1, 0) for path in alive for choice in path)
    depth = max(sum(choice > 2 for choice in path) for path in alive)
    return 30.0 / (1.0 + 0.5 * work + depth), 2.0 + 1.5 * sum(cell)


VALUES = np.array([values(cell) for cell in MEMBERS])
BEST = hypervolume(VALUES, REFERENCE)


def search(searcher, trainings=40, batch=8, table=VALUES, space=SPACE):
    known = {}
    while len(known) < trainings:
        asked = searcher.ask(min(batch, trainings - len(known)), known)
        observations = [Observation(cell, tuple(table[space.index[cell]].tolist())) for cell in asked]
        known.update((observation.architecture, observation.values) for observation in observations)
        searcher.tell(observations)
    return known


def left(known, best=BEST, reference=REFERENCE):
    return 1.0 - hypervolume(list(known.values()), reference) / best


def make_searcher(seed=0, **options):
    return SurrogateSearcher(SPACE, random_stream(seed, "surrogate"), REFERENCE, **options)


COSTS = [None, VALUES[:, 1]]


def test_needs_far_fewer_trainings_than_random_search():
    chance = np.median([left(search(RandomSearcher(SPACE, random_stream(seed, "u")), 120)) for seed in range(3)])
    assert np.median([left(search(make_searcher(seed, known_objectives=COSTS))) for seed in range(3)]) < 0.5 * chance


def test_unknown_costs_are_learned():
    chance = np.median([left(search(RandomSearcher(SPACE, random_stream(seed, "u")), 60)) for seed in range(3)])
    assert (
        np.median([left(search(make_searcher(seed, requires_training=[True, False]), 60)) for seed in range(3)])
        < 0.7 * chance
    )


def trained_searcher(trainings=60, table=VALUES, **options):
    searcher = make_searcher(initial_proposals=1, **options)
    cells = list(dict.fromkeys(SPACE.sample(random_stream(0, "cells"), trainings)))
    searcher.tell([Observation(cell, tuple(table[SPACE.index[cell]].tolist())) for cell in cells])
    searcher.ask(1, cells)
    return searcher, set(cells)


def test_initial_proposals_are_spread_over_the_known_cost():
    costs = sorted(values(cell)[1] for cell in make_searcher(known_objectives=COSTS).ask(10, set()))
    ranks = np.searchsorted(np.sort(VALUES[:, 1]), costs) / len(MEMBERS)
    assert ranks[0] < 0.15
    assert ranks[-1] > 0.8
    assert np.diff(ranks).max() < 0.35


def test_initial_proposals_are_spread_over_the_costs_that_were_measured():
    searcher = make_searcher(requires_training=[True, False])
    measured = SPACE.sample(random_stream(0, "cells"), 40)
    searcher.tell([Observation(cell, (np.nan, values(cell)[1]), 0.0) for cell in measured])
    proposed = searcher.ask(8, set())
    assert set(proposed) <= set(measured)
    ranks = np.searchsorted(sorted(values(cell)[1] for cell in measured), sorted(values(cell)[1] for cell in proposed))
    assert ranks[0] < 10
    assert ranks[-1] > 25


def test_pending_proposals_are_taken_into_account():
    searcher, known = trained_searcher(known_objectives=COSTS)
    candidates, expected, improvements = searcher.predict(known)
    greedy = {round(expected[index, 1]) for index in np.argsort(-improvements, kind="stable")[:8]}
    proposed = []
    for _ in range(8):
        proposed += searcher.ask(1, known | set(proposed))
    expected_costs = {round(expected[candidates.index(cell), 1]) for cell in proposed}
    assert len(expected_costs) > 2 * len(greedy)  # pending proposals fill their part of the front


def test_batch_is_diverse():
    searcher, known = trained_searcher(known_objectives=COSTS)
    batch = searcher.ask(8, known)
    assert len({values(cell) for cell in batch}) >= 5


def test_proposals_stay_in_the_region():
    searcher, known = trained_searcher(known_objectives=COSTS)
    cells = [cell for cell in MEMBERS if cell[0] == 3 and cell not in known]
    proposals = searcher.ask_within(12, known, ListedRegion(cells))
    assert len(proposals) == 12
    assert set(proposals) <= set(cells)


def test_best_proposal_comes_first():
    searcher, known = trained_searcher(known_objectives=COSTS)
    candidates, _, improvements = searcher.predict(known)
    assert improvements[candidates.index(searcher.ask(20, known)[0])] == pytest.approx(improvements.max())


def test_searches_leaf_of_lamoo_partition():
    lamoo = LamooSearcher(SPACE, random_stream(0, "lamoo"), REFERENCE, inner=make_searcher(known_objectives=COSTS))
    assert left(search(lamoo, 60)) < np.median(
        [left(search(RandomSearcher(SPACE, random_stream(s, "u")), 60)) for s in range(3)]
    )


#: the same with noise
NOISY = VALUES + np.random.default_rng(3).normal(scale=1.5, size=(len(MEMBERS), 1)) * [1.0, 0.0]


def scores(kind):
    rng = np.random.default_rng(0)
    good = np.column_stack([-NOISY[:, 0] + rng.normal(scale=scale, size=len(MEMBERS)) for scale in (0.5, 2.0, 4.0)])
    if kind == "shuffled":
        return good[rng.permutation(len(good))]
    if kind == "negated":
        return np.where((VALUES[:, 0] < np.quantile(VALUES[:, 0], 0.3))[:, None], -good, good)
    return good


def test_informative_proxy_scores_improve_predictions():
    errors = {}
    for kind in ("none", "good"):
        searcher, _ = trained_searcher(
            60, NOISY, known_objectives=COSTS, proxy_scores=None if kind == "none" else scores(kind)
        )
        errors[kind] = np.abs(searcher.predict()[1][:, 0] - NOISY[:, 0]).mean()
    assert errors["good"] < 0.9 * errors["none"]


@pytest.mark.parametrize("kind", ["shuffled", "negated"])
def test_misleading_proxy_scores_do_little_harm(kind):
    plain = np.median([left(search(make_searcher(seed, known_objectives=COSTS), 50)) for seed in range(3)])
    misled = np.median(
        [left(search(make_searcher(seed, known_objectives=COSTS, proxy_scores=scores(kind)), 50)) for seed in range(3)]
    )
    assert misled < 2.0 * plain + 0.005


def sampled(cells, features):
    return [Observation(cell, (0.5, values(cell)[1]), 0.0, tuple(features[SPACE.index[cell]])) for cell in cells]


@pytest.mark.long
def test_proxy_scores_of_some_architectures_are_used():
    features = scores("good")
    cells = SPACE.sample(random_stream(1, "sampled"), 3000)
    errors = {}
    for name in ("with scores", "without scores"):
        searcher, known = trained_searcher(60, NOISY, requires_training=[True, False])
        if name == "with scores":
            searcher.tell(sampled([*cells, *known], features))
        candidates, expected, _ = searcher.predict()
        rows = [candidates.index(cell) for cell in cells]
        errors[name] = np.abs(expected[rows, 0] - NOISY[rows, 0]).mean()
        if name == "with scores":
            np.testing.assert_array_equal(expected[rows, 1], VALUES[rows, 1])
    assert errors["with scores"] < 0.9 * errors["without scores"]


@pytest.mark.long
def test_proxy_scores_are_used_incrementally():
    features = scores("good")
    searcher, known = trained_searcher(30, requires_training=[True, False])
    for start in range(0, 400, 40):
        searcher.tell(sampled(MEMBERS[start : start + 40], features))
        searcher.ask(1, known)
    candidates, expected, _ = searcher.predict()
    rows = [candidates.index(cell) for cell in MEMBERS[:400]]
    np.testing.assert_array_equal(expected[rows, 1], VALUES[:400, 1])


def test_partial_trainings_improve_predictions():
    searcher, _ = trained_searcher(30, known_objectives=COSTS)
    before = np.abs(searcher.predict()[1][:, 0] - VALUES[:, 0]).mean()
    rows = np.arange(0, len(MEMBERS), 3)
    searcher.tell([Observation(MEMBERS[row], (VALUES[row, 0] + 2.0, VALUES[row, 1]), 0.06) for row in rows])
    trained = [observation.architecture for observation in searcher._dataset.full_trainings.observations]
    searcher.tell([Observation(cell, (values(cell)[0] + 2.0, values(cell)[1]), 0.06) for cell in trained])
    after = np.abs(searcher.predict()[1][rows, 0] - VALUES[rows, 0]).mean()
    assert after < 0.8 * before


def test_huge_space_is_searched_from_candidates():
    def far(cell):
        return float(sum(choice == 0 for choice in cell)), float(30 - sum(choice == 0 for choice in cell[:15]))

    reached = {}
    for make in (RandomSearcher, lambda space, rng: SurrogateSearcher(space, rng, (31.0, 31.0))):
        searcher, known = make(HUGE, random_stream(0, "huge")), {}
        for _ in range(8):
            observations = [Observation(cell, far(cell)) for cell in searcher.ask(6, known)]
            known.update((observation.architecture, observation.values) for observation in observations)
            searcher.tell(observations)
        reached[searcher.name] = hypervolume(list(known.values()), (31.0, 31.0))
    assert reached["surrogate"] > reached["random"]


def test_cost_function_spreads_initial_proposals_of_huge_space():
    def cost(cells):
        return np.array([float(sum(cell)) for cell in cells])

    searcher = SurrogateSearcher(HUGE, random_stream(0, "huge"), (31.0, 90.0), known_objectives=[None, cost])
    proposals = searcher.ask(8, set())
    costs = np.sort(cost(HUGE.sample(random_stream(0, "chance"), 2000)))
    ranks = np.searchsorted(costs, np.sort(cost(proposals))) / 2000
    assert np.diff([0.0, *ranks, 1.0]).max() < 0.3  # every part of the range has a proposal


def test_cost_function_is_used_exactly():
    def cost(cells):
        return np.array([float(sum(cell)) for cell in cells])

    searcher, known = SurrogateSearcher(HUGE, random_stream(0, "huge"), (31.0, 90.0), known_objectives=[None, cost]), {}
    for _ in range(2):
        observations = [Observation(cell, (float(30 - cell.count(0)), -1.0)) for cell in searcher.ask(6, known)]
        known.update((observation.architecture, observation.values) for observation in observations)
        searcher.tell(observations)
    candidates, expected, _ = searcher.predict()
    assert expected[:, 1] == pytest.approx(cost(candidates))


def test_predict_before_trainings_is_empty():
    candidates, expected, improvements = make_searcher().predict()
    assert (candidates, expected.shape, improvements.shape) == ([], (0, 2), (0,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"known_objectives": [None]},
        {"known_objectives": [None, np.ones(3)]},
        {"proxy_scores": np.ones((3, 1))},
        {"requires_training": [True]},
        {"initial_proposals": 0},
    ],
)
def test_invalid_settings_are_rejected(wrong):
    with pytest.raises(SettingsError, match="Expected known_objectives and requires_training"):
        make_searcher(**wrong)


def test_known_values_of_huge_space_are_rejected():
    with pytest.raises(SettingsError, match="listable"):
        SurrogateSearcher(HUGE, random_stream(0, "huge"), REFERENCE, known_objectives=[None, np.ones(4)])


@pytest.mark.long
def test_reaches_target_on_nasbench201(shared_data):
    table = read_table(shared_data / "nasbench201/nb201.parquet")
    real = np.column_stack([-table.metric("accuracy").values, table.metric("edgegpu_energy").values])
    volume = hypervolume(real, (0.0, 50.0))
    reached = []
    for seed in range(3):
        searcher = SurrogateSearcher(
            SPACE, random_stream(seed, "real"), (0.0, 50.0), known_objectives=[None, real[:, 1]]
        )
        reached.append(np.log10(left(search(searcher, 50, table=real), volume, (0.0, 50.0))))
    assert np.median(reached) < -2.2
