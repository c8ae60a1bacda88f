import numpy as np
import pytest

from ce_nas.benchmarks.table_reader import read_table
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.lamoo.searcher import LamooSearcher
from ce_nas.search.random import UniformSearcher
from ce_nas.search.regions import Listed
from ce_nas.search.surrogate.searcher import SurrogateSearcher
from ce_nas.space.base import Space
from ce_nas.space.nasbench201 import NasBench201Space

SPACE = NasBench201Space()
MEMBERS = list(SPACE.index)
REFERENCE = (40.0, 40.0)
HUGE = Space("huge", [f"v{place}" for place in range(30)], [[*"abcd"]] * 30)


def values(cell):
    """Something like an error that falls with the convolutions that matter, and their cost."""
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
        found = [Observation(cell, tuple(table[space.index[cell]].tolist())) for cell in asked]
        known.update((item.architecture, item.values) for item in found)
        searcher.tell(found)
    return known


def left(known, best=BEST, reference=REFERENCE):
    return 1.0 - hypervolume(list(known.values()), reference) / best


def made(seed=0, **options):
    return SurrogateSearcher(SPACE, stream(seed, "surrogate"), REFERENCE, **options)


COSTS = [None, VALUES[:, 1]]


def test_it_needs_far_fewer_trainings_than_chance():
    chance = np.median([left(search(UniformSearcher(SPACE, stream(seed, "u")), 120)) for seed in range(3)])
    assert np.median([left(search(made(seed, known=COSTS))) for seed in range(3)]) < 0.5 * chance


def test_costs_that_are_not_known_are_learned():
    chance = np.median([left(search(UniformSearcher(SPACE, stream(seed, "u")), 60)) for seed in range(3)])
    assert np.median([left(search(made(seed, trained=[True, False]), 60)) for seed in range(3)]) < 0.7 * chance


def told(trainings=60, table=VALUES, **options):
    searcher = made(initial=1, **options)
    cells = list(dict.fromkeys(SPACE.sample(stream(0, "cells"), trainings)))
    searcher.tell([Observation(cell, tuple(table[SPACE.index[cell]].tolist())) for cell in cells])
    searcher.ask(1, cells)
    return searcher, set(cells)


def test_the_first_proposals_are_spread_over_the_cost_known():
    costs = sorted(values(cell)[1] for cell in made(known=COSTS).ask(10, set()))
    ranks = np.searchsorted(np.sort(VALUES[:, 1]), costs) / len(MEMBERS)
    assert ranks[0] < 0.15
    assert ranks[-1] > 0.8
    assert np.diff(ranks).max() < 0.35


def test_what_is_under_way_is_taken_into_account():
    searcher, known = told(known=COSTS)
    candidates, expected, gains = searcher.expected(known)
    greedy = {round(expected[place, 1]) for place in np.argsort(-gains, kind="stable")[:8]}
    proposed = []
    for _ in range(8):
        proposed += searcher.ask(1, known | set(proposed))
    foreseen = {round(expected[candidates.index(cell), 1]) for cell in proposed}
    assert len(foreseen) > 2 * len(greedy)  # one at that cost is enough until it is told of


def test_a_batch_is_not_the_same_network_eight_times():
    searcher, known = told(known=COSTS)
    batch = searcher.ask(8, known)
    assert len({values(cell) for cell in batch}) >= 5


def test_a_region_is_kept():
    searcher, known = told(known=COSTS)
    cells = [cell for cell in MEMBERS if cell[0] == 3 and cell not in known]
    found = searcher.ask_within(12, known, Listed(cells))
    assert len(found) == 12
    assert set(found) <= set(cells)


def test_the_best_comes_first():
    searcher, known = told(known=COSTS)
    candidates, _, gains = searcher.expected(known)
    assert gains[candidates.index(searcher.ask(20, known)[0])] == pytest.approx(gains.max())


def test_it_searches_the_leaves_of_a_partition():
    lamoo = LamooSearcher(SPACE, stream(0, "lamoo"), REFERENCE, inner=made(known=COSTS))
    assert left(search(lamoo, 60)) < np.median(
        [left(search(UniformSearcher(SPACE, stream(s, "u")), 60)) for s in range(3)]
    )


#: the same with something that no one can tell from the cell alone
NOISY = VALUES + np.random.default_rng(3).normal(scale=1.5, size=(len(MEMBERS), 1)) * [1.0, 0.0]


def scores(kind):
    rng = np.random.default_rng(0)
    good = np.column_stack([-NOISY[:, 0] + rng.normal(scale=scale, size=len(MEMBERS)) for scale in (0.5, 2.0, 4.0)])
    if kind == "shuffled":
        return good[rng.permutation(len(good))]
    if kind == "negated":
        return np.where((VALUES[:, 0] < np.quantile(VALUES[:, 0], 0.3))[:, None], -good, good)
    return good


def test_good_scores_help_the_model_to_foresee():
    errors = {}
    for kind in ("none", "good"):
        searcher, _ = told(60, NOISY, known=COSTS, features=None if kind == "none" else scores(kind))
        errors[kind] = np.abs(searcher.expected()[1][:, 0] - NOISY[:, 0]).mean()
    assert errors["good"] < 0.9 * errors["none"]


@pytest.mark.parametrize("kind", ["shuffled", "negated"])
def test_scores_that_mislead_do_not_harm_for_long(kind):
    plain = np.median([left(search(made(seed, known=COSTS), 50)) for seed in range(3)])
    misled = np.median([left(search(made(seed, known=COSTS, features=scores(kind)), 50)) for seed in range(3)])
    assert misled < 2.0 * plain + 0.005


def sampled(cells, features):
    return [Observation(cell, (0.5, values(cell)[1]), 0.0, tuple(features[SPACE.index[cell]])) for cell in cells]


def test_scores_told_are_used_though_not_all_are():
    features = scores("good")
    cells = SPACE.sample(stream(1, "sampled"), 3000)
    errors = {}
    for name in ("told", "not told"):
        searcher, known = told(60, NOISY, trained=[True, False])
        if name == "told":
            searcher.tell(sampled([*cells, *known], features))
        candidates, expected, _ = searcher.expected()
        rows = [candidates.index(cell) for cell in cells]
        errors[name] = np.abs(expected[rows, 0] - NOISY[rows, 0]).mean()
        if name == "told":
            np.testing.assert_array_equal(expected[rows, 1], VALUES[rows, 1])
    assert errors["told"] < 0.9 * errors["not told"]


def test_scores_told_little_by_little_are_taken_in_as_they_come():
    features = scores("good")
    searcher, known = told(30, trained=[True, False])
    for start in range(0, 400, 40):
        searcher.tell(sampled(MEMBERS[start : start + 40], features))
        searcher.ask(1, known)
    candidates, expected, _ = searcher.expected()
    rows = [candidates.index(cell) for cell in MEMBERS[:400]]
    np.testing.assert_array_equal(expected[rows, 1], VALUES[:400, 1])


def test_part_trainings_foretell_full_ones():
    searcher, _ = told(30, known=COSTS)
    before = np.abs(searcher.expected()[1][:, 0] - VALUES[:, 0]).mean()
    rows = np.arange(0, len(MEMBERS), 3)
    searcher.tell([Observation(MEMBERS[row], (VALUES[row, 0] + 2.0, VALUES[row, 1]), 0.06) for row in rows])
    trained = [one.architecture for one in searcher._knowledge.full.observations]
    searcher.tell([Observation(cell, (values(cell)[0] + 2.0, values(cell)[1]), 0.06) for cell in trained])
    after = np.abs(searcher.expected()[1][rows, 0] - VALUES[rows, 0]).mean()
    assert after < 0.8 * before


def test_a_space_too_large_to_list_is_searched_from_candidates():
    def far(cell):
        return float(sum(choice == 0 for choice in cell)), float(30 - sum(choice == 0 for choice in cell[:15]))

    reached = {}
    for make in (UniformSearcher, lambda space, rng: SurrogateSearcher(space, rng, (31.0, 31.0))):
        searcher, known = make(HUGE, stream(0, "huge")), {}
        for _ in range(8):
            found = [Observation(cell, far(cell)) for cell in searcher.ask(6, known)]
            known.update((item.architecture, item.values) for item in found)
            searcher.tell(found)
        reached[searcher.name] = hypervolume(list(known.values()), (31.0, 31.0))
    assert reached["surrogate"] > reached["uniform"]


def test_a_cost_that_can_be_asked_for_spreads_the_first_proposals_of_a_huge_space():
    def cost(cells):
        return np.array([float(sum(cell)) for cell in cells])

    found = SurrogateSearcher(HUGE, stream(0, "huge"), (31.0, 90.0), known=[None, cost]).ask(8, set())
    places = np.searchsorted(np.sort(cost(HUGE.sample(stream(0, "chance"), 2000))), np.sort(cost(found))) / 2000
    assert np.diff([0.0, *places, 1.0]).max() < 0.3  # every part of the range has one


def test_a_cost_that_can_be_asked_for_is_believed_as_it_is():
    def cost(cells):
        return np.array([float(sum(cell)) for cell in cells])

    searcher, known = SurrogateSearcher(HUGE, stream(0, "huge"), (31.0, 90.0), known=[None, cost]), {}
    for _ in range(2):
        found = [Observation(cell, (float(30 - cell.count(0)), -1.0)) for cell in searcher.ask(6, known)]
        known.update((item.architecture, item.values) for item in found)
        searcher.tell(found)
    candidates, expected, _ = searcher.expected()
    assert expected[:, 1] == pytest.approx(cost(candidates))


def test_before_trainings_nothing_is_expected():
    candidates, expected, gains = made().expected()
    assert (candidates, expected.shape, gains.shape) == ([], (0, 2), (0,))


@pytest.mark.parametrize(
    "wrong",
    [
        {"known": [None]},
        {"known": [None, np.ones(3)]},
        {"features": np.ones((3, 1))},
        {"trained": [True]},
        {"initial": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(SettingsError, match="Expected known and trained"):
        made(**wrong)


def test_what_is_known_of_members_that_cannot_be_listed_is_refused():
    with pytest.raises(SettingsError, match="listable"):
        SurrogateSearcher(HUGE, stream(0, "huge"), REFERENCE, known=[None, np.ones(4)])


def test_it_reaches_its_aim_on_real_trainings(shared_data):
    table = read_table(shared_data / "nasbench201/nb201.parquet")
    real = np.column_stack([-table.metric("accuracy").values, table.metric("edgegpu_energy").values])
    volume = hypervolume(real, (0.0, 50.0))
    reached = []
    for seed in range(3):
        searcher = SurrogateSearcher(SPACE, stream(seed, "real"), (0.0, 50.0), known=[None, real[:, 1]])
        reached.append(np.log10(left(search(searcher, 50, table=real), volume, (0.0, 50.0))))
    assert np.median(reached) < -2.2
