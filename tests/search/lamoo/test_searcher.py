import os
from pathlib import Path

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.lamoo.searcher import BLOCK, LamooSearcher
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import UniformSearcher
from ce_nas.space.nasbench201 import NasBench201Space

SPACE = NasBench201Space()
REFERENCE = (30.0, 30.0)
MEMBERS = list(map(tuple, SPACE.members.tolist()))


def values(cell):
    return float(sum(cell[:3]) + 2 * cell[5]), float(16 - sum(cell[1:4]) - cell[0] + abs(cell[4] - 2))


def seen(cells, fidelity=1.0):
    return [Observation(cell, values(cell), fidelity) for cell in cells]


def told(n=100, **options):
    searcher = LamooSearcher(SPACE, stream(0, "lamoo"), REFERENCE, **options)
    cells = SPACE.sample(stream(0, "cells"), n)
    searcher.tell(seen(cells))
    return searcher, set(cells)


def test_proposals_lie_in_the_chosen_region_but_for_the_stated_share():
    searcher, exclude = told(outside=0.1)
    asked = [cell for _ in range(60) for cell in searcher.ask(10, exclude)]
    region = searcher._region(searcher.partition.chosen())
    assert 0.05 < np.mean(~region.contains(asked)) < 0.15


def test_every_proposal_says_which_region_it_came_from():
    searcher, cells = told(outside=0.25)
    asked = searcher.ask(80, cells)
    path = searcher.partition.chosen().path
    sides = "".join("+" if constraint.good else "-" for constraint in path)
    inside = searcher._region(searcher.partition.chosen()).contains(asked).tolist()
    assert 1 <= len(path) <= 3
    assert [searcher.region_of(one) for one in asked] == [sides if yes else f"outside {sides}" for yes in inside]
    assert not all(inside)
    assert searcher.region_of(next(iter(cells))) is None


@pytest.mark.parametrize(("outside", "inside"), [(0.0, True), (1.0, False)])
def test_the_share_outside_can_be_none_or_all(outside, inside):
    searcher, exclude = told(outside=outside)
    proposals = searcher.ask(30, exclude)
    region = searcher._region(searcher.partition.chosen())
    assert region.contains(proposals).tolist() == [inside] * 30


@pytest.mark.parametrize(("whole", "most", "least"), [(0.0, 0, 0), (0.5, 30, 10), (1.0, 40, 40)])
def test_in_some_turns_the_whole_space_is_searched(whole, most, least):
    searcher, exclude = told(outside=0.0, whole=whole)
    regions = [searcher.region_of(searcher.ask(2, exclude)[0]) for _ in range(40)]
    assert least <= regions.count("") <= most


def test_the_region_s_samples_are_those_inside_it():
    searcher, cells = told()
    searcher.ask(1, cells)
    region = searcher._region(searcher.partition.chosen())
    samples = [sample.architecture for sample in region.samples]
    assert len(samples) == len(searcher.partition.chosen().rows)
    assert region.contains(samples).all()


def test_only_full_trainings_build_the_tree():
    searcher = LamooSearcher(SPACE, stream(0, "lamoo"), REFERENCE)
    searcher.tell(seen(MEMBERS[:200], fidelity=0.0))
    searcher.tell(seen(MEMBERS[200:300], fidelity=0.9))
    searcher.ask(4, set())
    assert searcher.partition is None


def test_a_region_with_nothing_left_is_widened_and_said_to_be():
    searcher, exclude = told(outside=0.0)
    searcher.ask(1, exclude)
    region = searcher._region(searcher.partition.chosen())
    inside = {cell for cell, yes in zip(MEMBERS, region.contains(MEMBERS), strict=True) if yes}
    assert searcher.notes() == []
    proposals = searcher.ask(5, exclude | inside)
    assert len(proposals) == 5
    notes = searcher.notes()
    assert "its deepest boundary was dropped" in notes[0]
    assert searcher.notes() == []


@pytest.mark.parametrize(
    ("known", "options", "too_few", "more"),
    [
        (100, {"rebuild_every": 20, "rebuild_share": 0.0}, 19, 1),
        (200, {"rebuild_every": 1, "rebuild_share": 0.1}, 20, 3),
    ],
)
def test_the_tree_stays_until_there_is_enough_to_learn(known, options, too_few, more):
    searcher, exclude = told(n=known, **options)
    searcher.ask(2, exclude)
    before, fresh = searcher.partition, [cell for cell in MEMBERS if cell not in exclude]
    searcher.tell(seen(fresh[:too_few]))
    searcher.ask(2, exclude)
    assert searcher.partition is before
    searcher.tell(seen(fresh[too_few : too_few + more]))
    searcher.ask(2, exclude)
    assert searcher.partition is not before
    assert len(searcher.partition.root.rows) == len(exclude) + too_few + more


def test_what_was_told_since_the_tree_was_built_is_among_the_region_s_samples():
    searcher, exclude = told(rebuild_every=1000, outside=0.0)
    searcher.ask(2, exclude)
    node = searcher.partition.chosen()
    region = searcher._region(node)
    inside = [cell for cell in searcher.ask(6, exclude) if region.contains([cell])[0]]
    outside = next(cell for cell in MEMBERS if cell not in exclude and not region.contains([cell])[0])
    searcher.tell(seen([*inside, outside]))
    assert [sample.architecture for sample in region.samples[len(node.rows) :]] == inside


def test_one_by_one_a_searcher_that_learns_nothing_proposes_what_it_would_at_once():
    one_by_one, exclude = told()
    at_once, _ = told()
    assert [one_by_one.ask(1, exclude)[0] for _ in range(2 * BLOCK)] == [
        *at_once.ask(BLOCK, exclude),
        *at_once.ask(BLOCK, exclude),
    ]


def test_what_was_taken_meanwhile_is_not_proposed():
    searcher, exclude = told()
    twin, _ = told()
    block = twin.ask(BLOCK, exclude)
    assert searcher.ask(1, exclude) == block[:1]
    assert searcher.ask(1, exclude | set(block[1:3])) == block[3:4]


def test_proposals_are_drawn_anew_in_a_new_tree():
    searcher, exclude = told(rebuild_every=5, rebuild_share=0.0)
    twin, _ = told(rebuild_every=5, rebuild_share=0.0)
    block = twin.ask(BLOCK, exclude)
    searcher.ask(1, exclude)
    searcher.tell(seen([cell for cell in MEMBERS if cell not in {*exclude, *block}][:5]))
    assert searcher.ask(1, exclude) != block[1:2]


def test_one_that_learns_is_asked_every_time():
    searcher, exclude = told(inner=Nsga2Searcher(SPACE, stream(0, "inner")))
    twin, _ = told(inner=Nsga2Searcher(SPACE, stream(0, "inner")))
    assert [searcher.ask(1, exclude) for _ in range(3)] == [twin._ask(1, exclude) for _ in range(3)]


def test_answers_about_old_boundaries_are_not_kept():
    searcher, exclude = told(outside=0.0, rebuild_every=1, rebuild_share=0.0)
    for cell in [cell for cell in MEMBERS if cell not in exclude][:5]:
        searcher.ask(2, exclude)
        searcher.tell(seen([cell]))
    searcher.ask(2, exclude)
    assert len(searcher._membership._good) <= 3


def test_an_architecture_told_again_replaces_its_older_values():
    searcher, exclude = told(rebuild_every=1000)
    searcher.ask(1, exclude)
    count = len(searcher.partition.root.rows)
    searcher.tell([Observation(next(iter(exclude)), (29.0, 29.0))])
    searcher.ask(1, exclude)
    assert len(searcher.partition.root.rows) == count


@pytest.mark.parametrize("inner", [UniformSearcher, Nsga2Searcher])
def test_any_regional_searcher_can_search_the_leaf(inner):
    searcher, exclude = told(outside=0.0, inner=inner(SPACE, stream(0, "inner")))
    proposals = searcher.ask(6, exclude)
    region = searcher._region(searcher.partition.chosen())
    assert region.contains(proposals).all()


@pytest.mark.parametrize("wrong", [{"outside": 1.2}, {"whole": -0.1}, {"rebuild_every": 0}, {"rebuild_share": -1.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(SettingsError, match="Expected shares"):
        told(**wrong)


@pytest.mark.parametrize("select", ["leaf", "mcts"])
@pytest.mark.parametrize("kernel", ["rbf", "poly", "linear"])
def test_it_beats_chance_on_real_trainings(kernel, select):
    table, volume = real_table()
    reached = {}
    for name in ("lamoo", "uniform"):
        reached[name] = []
        for seed in range(3):
            settings = PartitionSettings(kernel=kernel, select=select)
            lamoo = LamooSearcher(SPACE, stream(seed, "lamoo"), (0.0, 50.0), settings=settings)
            searcher = lamoo if name == "lamoo" else UniformSearcher(SPACE, stream(seed, "lamoo"))
            reached[name].append(run(searcher, table, 150) / volume)
    assert np.mean(reached["lamoo"]) > np.mean(reached["uniform"])


def run(searcher, table, evaluations):
    found = {}
    while len(found) < evaluations:
        observations = [Observation(cell, table[cell]) for cell in searcher.ask(10, found)]
        found.update((observation.architecture, observation.values) for observation in observations)
        searcher.tell(observations)
    return hypervolume(list(found.values()), (0.0, 50.0))


def real_table():
    pandas = pytest.importorskip("pandas")
    root = Path(__file__).parents[2] / os.environ.get("CE_NAS_TEST_DATA", "../shared/data")
    path = root / "nasbench201" / "nb201.parquet"
    if not path.exists():
        pytest.skip(f"no table at {path}")
    frame = pandas.read_parquet(path)
    accuracy = frame[[f"val200_cifar10_s{seed}" for seed in range(3)]].mean(axis=1)
    rows = np.stack([-accuracy, frame["hwnb_edgegpu_energy_filled"]], axis=1)
    volume = hypervolume(rows, (0.0, 50.0))
    assert volume == pytest.approx(4077.39, abs=0.01)
    return dict(zip(map(SPACE.parse, frame["arch_str"]), map(tuple, rows.tolist()), strict=True)), volume
