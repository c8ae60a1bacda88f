import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Observation
from ce_nas.rl import replay_data
from ce_nas.rl.replay_data import (
    RecordedSearch,
    ReplaySearcher,
    load_recordings,
    read_recordings,
    record_search,
    split_recordings,
    update_recordings,
    write_recordings,
)

ARCHITECTURES = [(index,) for index in range(10)]


def recorded(*indices, scores=False, seed=0, dataset="cifar10"):
    hypervolumes = np.linspace(1, 2, len(indices))
    return RecordedSearch(dataset, "lamoo", seed, scores, np.array(indices, dtype=np.int32), hypervolumes)


def scored(*architectures):
    return [Observation(architecture, (0.0, 0.0), 0.0) for architecture in architectures]


def test_replay_proposes_the_recording_and_then_the_rest():
    searcher, started, proposed = ReplaySearcher(ARCHITECTURES, recorded(5, 2, 7), recorded(9, 8)), set(), []
    for _ in range(10):
        (architecture,) = searcher.ask(1, started)
        started.add(architecture)
        proposed.append(architecture[0])
    assert proposed == [5, 2, 7, 0, 1, 3, 4, 6, 8, 9]
    assert searcher.ask(1, started) == []


def test_replay_switches_recordings_when_half_the_space_is_scored():
    searcher = ReplaySearcher(ARCHITECTURES, recorded(5, 2, 7), recorded(9, 8))
    searcher.tell([*scored(*ARCHITECTURES[:4]), Observation((5,), (0.0, 0.0), 1.0)])
    assert searcher.ask(1, {(5,)}) == [(2,)]
    searcher.tell(scored(ARCHITECTURES[4]))
    assert searcher.ask(1, {(5,)}) == [(9,)]
    assert searcher.ask(1, {(5,), (9,)}) == [(8,)]
    assert searcher.ask(1, {(5,), (9,), (8,)}) == [(0,)]


def test_replay_samples_the_rest_in_order():
    searcher = ReplaySearcher(ARCHITECTURES, recorded(5), recorded(9))
    assert searcher.ask(3, {(0,), (2,)}) == [(1,), (3,), (4,)]


@pytest.mark.parametrize("with_proxy_scores", [False, True])
def test_recorded_search_is_deterministic(monkeypatch, with_proxy_scores):
    monkeypatch.setattr(replay_data, "DEFAULT_RECORDED_DEVICE_H", 12.0)
    first, again = (record_search("cifar10", "random", 3, with_proxy_scores=with_proxy_scores) for _ in range(2))
    assert np.array_equal(first.architecture_indices, again.architecture_indices)
    assert len(first.architecture_indices) == len(set(first.architecture_indices.tolist())) == len(first.hypervolumes)
    assert 20 <= len(first.architecture_indices) <= 40
    assert (np.diff(first.hypervolumes) >= 0).all()


def test_missing_recordings_are_added_to_the_file(tmp_path, monkeypatch):
    calls = []

    def record(dataset, searcher, seed, *, with_proxy_scores):
        calls.append((dataset, searcher, seed, with_proxy_scores))
        return RecordedSearch(dataset, searcher, seed, with_proxy_scores, np.array([1, 2]), np.array([0.5, 1.0]))

    monkeypatch.setattr(replay_data, "record_search", record)
    path = tmp_path / "new" / "recordings.npz"
    assert len(update_recordings(path, ["cifar10"], [1], ["surrogate"])) == 2
    assert len(update_recordings(path, ["cifar10"], [1, 2], ["surrogate"])) == 4
    assert calls == [("cifar10", name, seed, name == "surrogate") for seed in (1, 2) for name in ("lamoo", "surrogate")]
    third = read_recordings(path)[2]
    assert (third.seed, third.with_proxy_scores, third.architecture_indices.tolist()) == (2, False, [1, 2])


def test_last_seeds_are_held_out_for_test_and_validation():
    recordings = [
        recorded(1, scores=scores, seed=seed, dataset=dataset)
        for dataset, seeds in (("a", (1, 2, 3, 5, 7, 8)), ("b", (1, 2, 3, 4)))
        for seed in seeds
        for scores in (False, True)
    ]
    split = split_recordings(recordings)
    assert [{(search.dataset, search.seed) for search in part} for part in split] == [
        {("a", 1), ("a", 2)},
        {("a", 3), ("a", 5), ("b", 1), ("b", 2)},
        {("a", 7), ("a", 8), ("b", 3), ("b", 4)},
    ]
    assert sum(map(len, split)) == len(recordings)


def test_builtin_recordings_cover_three_datasets_and_several_seeds():
    built_in = load_recordings()
    assert {search.dataset for search in built_in} == {"cifar10", "cifar100", "imagenet16-120"}
    for dataset in ("cifar10", "cifar100", "imagenet16-120"):
        for part in split_recordings(built_in):
            of_dataset = [search for search in part if search.dataset == dataset]
            assert len({search.seed for search in of_dataset if not search.with_proxy_scores}) >= 2
            assert {search.searcher for search in part if search.with_proxy_scores} == {"lamoo", "surrogate"}


@pytest.mark.parametrize("content", [b"", b"no zip", None])
def test_invalid_recordings_file_is_named(tmp_path, content):
    path = tmp_path / "recordings.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"recordings of searches in .*recordings\.npz"):
        read_recordings(path)


def test_recordings_are_read_as_written(tmp_path, recordings):
    write_recordings(tmp_path / "recordings.npz", recordings)
    for written, read in zip(recordings, read_recordings(tmp_path / "recordings.npz"), strict=True):
        for name in ("dataset", "searcher", "seed", "with_proxy_scores"):
            assert getattr(written, name) == getattr(read, name)
        assert np.array_equal(written.architecture_indices, read.architecture_indices)
        assert np.array_equal(written.hypervolumes, read.hypervolumes)
