"""Earlier searches are read from runs, folders and tables, and a resumed search reads the same trainings again."""

import numpy as np
import pytest

from ce_nas.api import Search, resume
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import CeNasError, SettingsError
from ce_nas.engine.input_changes import find_changes, input_digests
from ce_nas.engine.inputs import RunInputs
from ce_nas.engine.warm_start_inputs import list_warm_starts, resolve_warm_starts
from ce_nas.store.run_dir import read_run_entries

FEW = {"searcher": "random", "policy": "vanilla", "gpus": 4, "hours": 4, "stop": "never"}
WARM = {"policy": "vanilla", "gpus": 4, "hours": 3, "stop": "never"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of three runs, two of them of the same problem."""
    folder = tmp_path_factory.mktemp("runs")
    for name, dataset, seed in (("a", "cifar100", 1), ("b", "cifar100", 2), ("c", "imagenet16-120", 1)):
        Search(dataset=dataset, seed=seed, **FEW).run(folder / name)
    (folder / "notes.txt").write_text("not a run")
    return folder


def inputs(*sources, **flags):
    return RunInputs(resolve_warm_starts(settings_from_flags(warm_start=list(map(str, sources)), **flags)))


def earlier(*sources, **flags):
    made = inputs(*sources, **flags)
    return made.earlier_trainings.read(list_warm_starts(made.settings))


def full_trainings(run):
    return [entry for entry in read_run_entries(run) if entry.kind == "evaluated" and entry.content["fidelity"] == 1.0]


def test_runs_of_the_same_problem_are_one_search(runs):
    first, second = earlier(runs)
    counts = [len(full_trainings(runs / name)) for name in "abc"]
    assert (len(first.architectures), len(second.architectures)) == (counts[0] + counts[1], counts[2])
    assert first.values.shape == (counts[0] + counts[1], 2)
    assert (first.values[:, 0] < 0.0).all()  # accuracy is maximised, values are minimised


def test_folders_become_runs_with_the_number_of_their_entries(runs):
    sources = list_warm_starts(inputs(runs).settings)
    assert sources == tuple(f"{runs / name}@{len(read_run_entries(runs / name))}" for name in "abc")
    assert list_warm_starts(inputs(*sources).settings) == sources


def test_only_the_stated_entries_of_a_run_are_read(runs):
    entries = read_run_entries(runs / "a")
    third = [position for position, entry in enumerate(entries, 1) if entry.kind == "evaluated"][2]
    (search,) = earlier(f"{runs / 'a'}@{third}")
    assert len(search.architectures) == 3
    with pytest.raises(SettingsError, match=f"^Expected the {len(entries) + 1} journal entries"):
        earlier(f"{runs / 'a'}@{len(entries) + 1}")


def test_tables_are_earlier_searches(tmp_path):
    table = tmp_path / "before.csv"
    cells = [(kernel, act) for kernel in ("k3", "k5", "k7") for act in ("relu", "silu", "gelu")]
    rows = [f"{kernel},{act},{80 + int(kernel[1])},{row + 1.0},60" for row, (kernel, act) in enumerate(cells)]
    table.write_text("\n".join(["kernel,act,accuracy,latency_ms,train_s", *rows]))
    (search,) = earlier(table, table=table)
    expected = [[-(80.0 + int(kernel[1])), row + 1.0] for row, (kernel, _) in enumerate(cells)]
    assert sorted(search.values.tolist()) == sorted(expected)


def test_each_image_set_of_a_wide_table_is_a_source(shared_data):
    table = shared_data / "nasbench201/nb201.parquet"
    other, same = (earlier(source)[0] for source in (f"{table}:cifar100", table))
    assert len(other.architectures) == len(same.architectures) == 15625
    assert np.mean(other.values[:, 0]) > np.mean(same.values[:, 0])  # CIFAR-100 is harder


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing", "^Expected a run folder, .* got '.*missing', which does not exist"),
        ("", "^Expected a run folder, .* which holds no run"),
        ("other.csv", "^Expected trainings of .* got architectures such as"),
    ],
)
def test_bad_sources_are_named(tmp_path, source, message):
    (tmp_path / "other.csv").write_text("kernel,accuracy,train_s\na,80,60\nb,82,60\n")
    with pytest.raises(SettingsError, match=message):
        inputs(tmp_path / source).validate()


def test_a_search_without_the_objective_is_refused(runs, tmp_path):
    table = tmp_path / "cells.csv"
    table.write_text("kernel,speed_ms,train_s\na,80,60\nb,82,60\nc,90,60\n")
    mine = tmp_path / "mine.csv"
    mine.write_text("kernel,accuracy,latency_ms,train_s\na,80,4,60\nb,82,5,60\nc,83,6,60\n")
    with pytest.raises(SettingsError, match=r"^Expected full trainings with accuracy or latency_ms .* speed_ms"):
        inputs(table, table=mine).validate()


def test_searchers_that_cannot_start_warm_refuse_it(runs):
    with pytest.raises(CeNasError, match="has no setting warm_start; surrogate has it"):
        settings_from_flags(searcher="lamoo", warm_start=str(runs))
    nested = {"name": "lamoo", "inner": {"name": "surrogate", "warm_start": str(runs)}}
    assert len(list_warm_starts(resolve_warm_starts(settings_from_flags(searcher=nested)))) == 3


@pytest.mark.long
def test_a_resumed_search_reads_the_same_trainings(runs, tmp_path):
    source = tmp_path / "source"
    before = Search(dataset="cifar100", seed=5, **FEW).run(source).entries
    result = Search(warm_start=str(source), seed=3, **WARM).run(tmp_path / "warm")
    header = result.entries[0].content
    assert header["settings"]["searcher"]["warm_start"] == [f"{source}@{len(before)}"]
    assert any(name.startswith("the warm start ") for name in header["inputs"])
    assert resume(tmp_path / "warm").summary.journal_sha256 == result.summary.journal_sha256
    cold = Search(seed=3, **WARM).run()
    assert cold.summary.journal_sha256 != result.summary.journal_sha256
    part = f"{source}@{len(before) // 2}"
    digests = input_digests(inputs(part), None)
    source.rename(tmp_path / "moved")
    Search(dataset="cifar100", seed=6, **FEW).run(source)
    changes = find_changes(digests, input_digests(inputs(part), None))
    assert [change["input"] for change in changes] == [f"the warm start {part}"]
