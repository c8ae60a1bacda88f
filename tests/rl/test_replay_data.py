import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.rl import replay_data as recording
from ce_nas.rl.replay_data import (
    Recording,
    Replay,
    read_recordings,
    record,
    record_all,
    recorded,
    split,
    write_recordings,
)

LISTED = [(at,) for at in range(10)]


def row(*rows, informed=False, seed=0, dataset="cifar10"):
    return Recording(dataset, "lamoo", seed, informed, np.array(rows, dtype=np.int32), np.linspace(1, 2, len(rows)))


def scores(*architectures):
    return [Observation(architecture, (0.0, 0.0), 0.0) for architecture in architectures]


def test_a_replay_proposes_what_the_record_holds_and_then_whatever_is_left():
    replay, started, proposed = Replay(LISTED, row(5, 2, 7), row(9, 8)), set(), []
    for _ in range(10):
        (architecture,) = replay.ask(1, started)
        started.add(architecture)
        proposed.append(architecture[0])
    assert proposed == [5, 2, 7, 0, 1, 3, 4, 6, 8, 9]
    assert replay.ask(1, started) == []


def test_it_is_informed_once_half_of_the_space_was_scored():
    replay = Replay(LISTED, row(5, 2, 7), row(9, 8))
    replay.tell([*scores(*LISTED[:4]), Observation((5,), (0.0, 0.0), 1.0)])
    assert replay.ask(1, {(5,)}) == [(2,)]
    replay.tell(scores(LISTED[4]))
    assert replay.ask(1, {(5,)}) == [(9,)]
    assert replay.ask(1, {(5,), (9,)}) == [(8,)]
    assert replay.ask(1, {(5,), (9,), (8,)}) == [(0,)]


def test_for_sampling_it_proposes_what_is_left_in_order():
    replay = Replay(LISTED, row(5), row(9))
    assert replay.ask(3, {(0,), (2,)}) == [(1,), (3,), (4,)]


@pytest.mark.parametrize("informed", [False, True])
def test_a_search_is_put_on_record_as_it_went(monkeypatch, informed):
    monkeypatch.setattr(recording, "SLOW_H", 12.0)
    first, again = (record("cifar10", "uniform", 3, informed=informed) for _ in range(2))
    assert np.array_equal(first.rows, again.rows)
    assert len(first.rows) == len(set(first.rows.tolist())) == len(first.hypervolumes)
    assert 20 <= len(first.rows) <= 40
    assert (np.diff(first.hypervolumes) >= 0).all()


def test_what_a_file_lacks_is_recorded_and_added(tmp_path, monkeypatch):
    made = []

    def quick(dataset, searcher, seed, *, informed):
        made.append((dataset, searcher, seed, informed))
        return Recording(dataset, searcher, seed, informed, np.array([1, 2]), np.array([0.5, 1.0]))

    monkeypatch.setattr(recording, "record", quick)
    path = tmp_path / "new" / "records.npz"
    assert len(record_all(path, ["cifar10"], [1], ["surrogate"])) == 2
    assert len(record_all(path, ["cifar10"], [1, 2], ["surrogate"])) == 4
    assert made == [("cifar10", name, seed, name == "surrogate") for seed in (1, 2) for name in ("lamoo", "surrogate")]
    assert [(item.seed, item.informed, item.rows.tolist()) for item in read_recordings(path)][2] == (2, False, [1, 2])


def test_each_benchmarks_last_seeds_are_for_the_test_and_those_before_for_validation():
    ours = [
        row(1, informed=i, seed=s, dataset=d)
        for d, seeds in (("a", (1, 2, 3, 5, 7, 8)), ("b", (1, 2, 3, 4)))
        for s in seeds
        for i in (0, 1)
    ]
    parts = split(ours)
    seeds = [{(item.dataset, item.seed) for item in part} for part in parts]
    assert seeds == [
        {("a", 1), ("a", 2)},
        {("a", 3), ("a", 5), ("b", 1), ("b", 2)},
        {("a", 7), ("a", 8), ("b", 3), ("b", 4)},
    ]
    assert sum(map(len, parts)) == len(ours)


def test_the_built_in_records_are_of_three_benchmarks_and_several_seeds():
    built_in = recorded()
    assert {item.dataset for item in built_in} == {"cifar10", "cifar100", "imagenet16-120"}
    for dataset in ("cifar10", "cifar100", "imagenet16-120"):
        for part in split(built_in):
            assert len({item.seed for item in part if item.dataset == dataset and not item.informed}) >= 2
            assert {item.searcher for item in part if item.informed} == {"lamoo", "surrogate"}


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_what_is_no_file_of_records_is_named(tmp_path, content):
    path = tmp_path / "records.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"recordings of searches in .*records\.npz"):
        read_recordings(path)


def test_records_are_read_as_they_were_written(tmp_path, records):
    write_recordings(tmp_path / "records.npz", records)
    found = read_recordings(tmp_path / "records.npz")
    for one, other in zip(records, found, strict=True):
        assert (one.dataset, one.searcher, one.seed, one.informed) == (
            other.dataset,
            other.searcher,
            other.seed,
            other.informed,
        )
        assert np.array_equal(one.rows, other.rows)
        assert np.array_equal(one.hypervolumes, other.hypervolumes)
