import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.pareto.hypervolume import hypervolume
from ce_nas.search.lamoo.lamoo_searcher import PROPOSAL_BLOCK_SIZE, LamooSearcher
from ce_nas.search.lamoo.partition_tree import PartitionSettings
from ce_nas.search.nsga2 import Nsga2Searcher
from ce_nas.search.random import RandomSearcher
from ce_nas.space.nasbench201_cell import NasBench201Space

SPACE = NasBench201Space()
REFERENCE = (30.0, 30.0)
MEMBERS = list(map(tuple, SPACE.members.tolist()))


def values(cell):
    return float(sum(cell[:3]) + 2 * cell[5]), float(16 - sum(cell[1:4]) - cell[0] + abs(cell[4] - 2))


def observe(cells, fidelity=1.0):
    return [Observation(cell, values(cell), fidelity) for cell in cells]


def trained_searcher(n=100, **options):
    searcher = LamooSearcher(SPACE, random_stream(0, "lamoo"), REFERENCE, **options)
    cells = SPACE.sample(random_stream(0, "cells"), n)
    searcher.tell(observe(cells))
    return searcher, set(cells)


def test_proposals_lie_in_selected_region_except_exploration_share():
    searcher, exclude = trained_searcher(exploration_share=0.1)
    asked = [cell for _ in range(60) for cell in searcher.ask(10, exclude)]
    region = searcher._region_of_node(searcher.partition.select_leaf())
    assert 0.05 < np.mean(~region.contains(asked)) < 0.15


def test_region_of_every_proposal():
    searcher, cells = trained_searcher(exploration_share=0.25)
    asked = searcher.ask(80, cells)
    path = searcher.partition.select_leaf().path
    sides = "".join("+" if constraint.good else "-" for constraint in path)
    inside = searcher._region_of_node(searcher.partition.select_leaf()).contains(asked).tolist()
    assert 1 <= len(path) <= 3
    assert [searcher.region_of(architecture) for architecture in asked] == [
        sides if is_inside else f"outside {sides}" for is_inside in inside
    ]
    assert not all(inside)
    assert searcher.region_of(next(iter(cells))) is None


@pytest.mark.parametrize(("exploration_share", "inside"), [(0.0, True), (1.0, False)])
def test_exploration_share_of_exploration_share_of_zero_and_one(exploration_share, inside):
    searcher, exclude = trained_searcher(exploration_share=exploration_share)
    proposals = searcher.ask(30, exclude)
    region = searcher._region_of_node(searcher.partition.select_leaf())
    assert region.contains(proposals).tolist() == [inside] * 30


@pytest.mark.parametrize(("whole_space_share", "most", "least"), [(0.0, 0, 0), (0.5, 30, 10), (1.0, 40, 40)])
def test_whole_space_share(whole_space_share, most, least):
    searcher, exclude = trained_searcher(exploration_share=0.0, whole_space_share=whole_space_share)
    regions = [searcher.region_of(searcher.ask(2, exclude)[0]) for _ in range(40)]
    assert least <= regions.count("") <= most


def test_region_samples_lie_inside_the_region():
    searcher, cells = trained_searcher()
    searcher.ask(1, cells)
    region = searcher._region_of_node(searcher.partition.select_leaf())
    samples = [sample.architecture for sample in region.samples]
    assert len(samples) == len(searcher.partition.select_leaf().rows)
    assert region.contains(samples).all()


def test_only_full_trainings_build_the_tree():
    searcher = LamooSearcher(SPACE, random_stream(0, "lamoo"), REFERENCE)
    searcher.tell(observe(MEMBERS[:200], fidelity=0.0))
    searcher.tell(observe(MEMBERS[200:300], fidelity=0.9))
    searcher.ask(4, set())
    assert searcher.partition is None


def test_exhausted_region_drops_its_deepest_boundary():
    searcher, exclude = trained_searcher(exploration_share=0.0)
    searcher.ask(1, exclude)
    region = searcher._region_of_node(searcher.partition.select_leaf())
    inside = {cell for cell, is_inside in zip(MEMBERS, region.contains(MEMBERS), strict=True) if is_inside}
    assert searcher.notes() == []
    proposals = searcher.ask(5, exclude | inside)
    assert len(proposals) == 5
    notes = searcher.notes()
    assert "its deepest boundary was dropped" in notes[0]
    assert searcher.notes() == []


@pytest.mark.parametrize(
    ("known", "options", "n_before", "n_after"),
    [
        (100, {"rebuild_every": 20, "rebuild_share": 0.0}, 19, 1),
        (200, {"rebuild_every": 1, "rebuild_share": 0.1}, 20, 3),
    ],
)
def test_tree_is_rebuilt_after_enough_new_trainings(known, options, n_before, n_after):
    searcher, exclude = trained_searcher(n=known, **options)
    searcher.ask(2, exclude)
    before, fresh = searcher.partition, [cell for cell in MEMBERS if cell not in exclude]
    searcher.tell(observe(fresh[:n_before]))
    searcher.ask(2, exclude)
    assert searcher.partition is before
    searcher.tell(observe(fresh[n_before : n_before + n_after]))
    searcher.ask(2, exclude)
    assert searcher.partition is not before
    assert len(searcher.partition.root.rows) == len(exclude) + n_before + n_after


def test_region_samples_include_trainings_since_the_rebuild():
    searcher, exclude = trained_searcher(rebuild_every=1000, exploration_share=0.0)
    searcher.ask(2, exclude)
    node = searcher.partition.select_leaf()
    region = searcher._region_of_node(node)
    inside = [cell for cell in searcher.ask(6, exclude) if region.contains([cell])[0]]
    outside = next(cell for cell in MEMBERS if cell not in exclude and not region.contains([cell])[0])
    searcher.tell(observe([*inside, outside]))
    assert [sample.architecture for sample in region.samples[len(node.rows) :]] == inside


def test_prefetched_proposals_equal_a_batch():
    prefetching, exclude = trained_searcher()
    batched, _ = trained_searcher()
    assert [prefetching.ask(1, exclude)[0] for _ in range(2 * PROPOSAL_BLOCK_SIZE)] == [
        *batched.ask(PROPOSAL_BLOCK_SIZE, exclude),
        *batched.ask(PROPOSAL_BLOCK_SIZE, exclude),
    ]


def test_prefetched_proposals_excluded_meanwhile_are_skipped():
    searcher, exclude = trained_searcher()
    twin, _ = trained_searcher()
    block = twin.ask(PROPOSAL_BLOCK_SIZE, exclude)
    assert searcher.ask(1, exclude) == block[:1]
    assert searcher.ask(1, exclude | set(block[1:3])) == block[3:4]


def test_rebuild_discards_prefetched_proposals():
    searcher, exclude = trained_searcher(rebuild_every=5, rebuild_share=0.0)
    twin, _ = trained_searcher(rebuild_every=5, rebuild_share=0.0)
    block = twin.ask(PROPOSAL_BLOCK_SIZE, exclude)
    searcher.ask(1, exclude)
    searcher.tell(observe([cell for cell in MEMBERS if cell not in {*exclude, *block}][:5]))
    assert searcher.ask(1, exclude) != block[1:2]


def test_adaptive_inner_searcher_is_asked_every_time():
    searcher, exclude = trained_searcher(inner=Nsga2Searcher(SPACE, random_stream(0, "inner")))
    twin, _ = trained_searcher(inner=Nsga2Searcher(SPACE, random_stream(0, "inner")))
    assert [searcher.ask(1, exclude) for _ in range(3)] == [twin._ask(1, exclude) for _ in range(3)]


def test_region_cache_drops_old_boundaries():
    searcher, exclude = trained_searcher(exploration_share=0.0, rebuild_every=1, rebuild_share=0.0)
    for cell in [cell for cell in MEMBERS if cell not in exclude][:5]:
        searcher.ask(2, exclude)
        searcher.tell(observe([cell]))
    searcher.ask(2, exclude)
    assert len(searcher._region_cache._good_by_boundary) <= 3


def test_repeated_training_replaces_older_values():
    searcher, exclude = trained_searcher(rebuild_every=1000)
    searcher.ask(1, exclude)
    count = len(searcher.partition.root.rows)
    searcher.tell([Observation(next(iter(exclude)), (29.0, 29.0))])
    searcher.ask(1, exclude)
    assert len(searcher.partition.root.rows) == count


@pytest.mark.parametrize("inner", [RandomSearcher, Nsga2Searcher])
def test_any_regional_searcher_searches_the_leaf(inner):
    searcher, exclude = trained_searcher(exploration_share=0.0, inner=inner(SPACE, random_stream(0, "inner")))
    proposals = searcher.ask(6, exclude)
    region = searcher._region_of_node(searcher.partition.select_leaf())
    assert region.contains(proposals).all()


@pytest.mark.parametrize(
    "wrong", [{"exploration_share": 1.2}, {"whole_space_share": -0.1}, {"rebuild_every": 0}, {"rebuild_share": -1.0}]
)
def test_invalid_settings_are_rejected(wrong):
    with pytest.raises(SettingsError, match="Expected an exploration_share"):
        trained_searcher(**wrong)


@pytest.mark.long
@pytest.mark.parametrize("select", ["leaf", "mcts"])
@pytest.mark.parametrize("kernel", ["rbf", "poly", "linear"])
def test_beats_random_search_on_nasbench201(kernel, select, shared_data):
    table, volume = read_nasbench201(shared_data)
    reached = {}
    for name in ("lamoo", "random"):
        reached[name] = []
        for seed in range(3):
            settings = PartitionSettings(kernel=kernel, select=select)
            lamoo = LamooSearcher(SPACE, random_stream(seed, "lamoo"), (0.0, 50.0), settings=settings)
            searcher = lamoo if name == "lamoo" else RandomSearcher(SPACE, random_stream(seed, "lamoo"))
            reached[name].append(run(searcher, table, 150) / volume)
    assert np.mean(reached["lamoo"]) > np.mean(reached["random"])


def run(searcher, table, evaluations):
    found = {}
    while len(found) < evaluations:
        observations = [Observation(cell, table[cell]) for cell in searcher.ask(10, found)]
        found.update((observation.architecture, observation.values) for observation in observations)
        searcher.tell(observations)
    return hypervolume(list(found.values()), (0.0, 50.0))


def read_nasbench201(shared_data):
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(shared_data / "nasbench201/nb201.parquet")
    accuracy = frame[[f"val200_cifar10_s{seed}" for seed in range(3)]].mean(axis=1)
    rows = np.stack([-accuracy, frame["hwnb_edgegpu_energy_filled"]], axis=1)
    volume = hypervolume(rows, (0.0, 50.0))
    assert volume == pytest.approx(4077.39, abs=0.01)
    return dict(zip(map(SPACE.parse, frame["arch_str"]), map(tuple, rows.tolist()), strict=True)), volume
