"""Runs in folders: killed anywhere, resumed, and the same to the byte."""

import os
import signal

import pytest

from ce_nas.api import Study, resume
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import ReplayError, SettingsError, StoreError, TraceError
from ce_nas.space.darts import DartsSpace
from ce_nas.space.darts_counts import DartsSizes
from ce_nas.store.journal import SqliteJournal
from ce_nas.store.run_dir import RunFolder, read_run

WRITTEN = ("summary.json", "report.html", "report.md", "report.png")


def run_and_die(study, folder, entries):
    """Run ``study`` in a child process that is killed as soon as so many entries are on record."""
    child = os.fork()
    if child == 0:
        append = SqliteJournal.append

        def append_or_die(self, kind, at_s, content):
            append(self, kind, at_s, content)
            if self._at == entries:
                os.kill(os.getpid(), signal.SIGKILL)

        SqliteJournal.append = append_or_die
        study.run(folder, durable=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize(
    ("searcher", "policy", "hours"), [("uniform", "fixed", 1.2), ("lamoo", "heuristic", 1.0), ("nsga2", "vanilla", 1.6)]
)
def test_killed_at_every_event_and_resumed_it_ends_the_same_to_the_byte(tmp_path, searcher, policy, hours):
    base = {"searcher": {"period": "20min", "batch": 600}}
    settings = settings_from_flags(base, hours=hours, gpus=3, searcher=searcher, policy=policy)
    whole = Study(settings).run(tmp_path / "whole")
    assert 20 < len(whole.entries) < 60  # enough to be killed in every way, few enough to try them all
    for entries in range(1, len(whole.entries) + 1):
        folder = tmp_path / f"killed-{entries}"
        assert run_and_die(Study(settings), folder, entries)
        assert len(read_run(folder)) == entries
        resume(folder)
        assert read_run(folder) == list(whole.entries)
        for name in WRITTEN:
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_killed_twice_still_ends_the_same(tmp_path):
    settings = settings_from_flags(hours=3, gpus=2, searcher="uniform", policy="fixed")
    whole = Study(settings).run(tmp_path / "whole")
    assert run_and_die(Study(settings), tmp_path / "killed", 8)
    child = os.fork()
    if child == 0:  # the resumed run is killed too, in its second new entry
        append = SqliteJournal.append

        def append_or_die(self, kind, at_s, content):
            append(self, kind, at_s, content)
            if self._at == 10:
                os.kill(os.getpid(), signal.SIGKILL)

        SqliteJournal.append = append_or_die
        resume(tmp_path / "killed", durable=True)
        os._exit(0)
    os.waitpid(child, 0)
    assert len(read_run(tmp_path / "killed")) == 10
    assert resume(tmp_path / "killed").summary == whole.summary


def test_resuming_a_finished_run_changes_nothing(tmp_path, small_study):
    first = small_study().run(tmp_path / "run")
    again = resume(tmp_path / "run")
    assert again.summary == first.summary
    assert again.entries == first.entries


def test_a_changed_input_is_noticed_on_resume(tmp_path):
    rows = ["op,accuracy,latency,train_s", *(f"{name},{at},{at / 2},900" for at, name in enumerate("abcdefgh"))]
    table = tmp_path / "own.csv"
    table.write_text("\n".join(rows))
    settings = settings_from_flags(table=table, hours=2, gpus=1, searcher="uniform", policy="vanilla")
    assert run_and_die(Study(settings), tmp_path / "run", 6)
    table.write_text("\n".join(rows).replace("900", "901"))
    with pytest.raises(ReplayError, match="differs from its journal at entry 0"):
        resume(tmp_path / "run")


def test_two_processes_never_share_a_run(tmp_path, small_study):
    small_study().run(tmp_path / "run")
    with RunFolder.open(tmp_path / "run"), pytest.raises(StoreError, match="going on in another process"):
        resume(tmp_path / "run")


def test_nothing_is_written_over(tmp_path, small_study):
    small_study().run(tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(StoreError, match="ce-nas resume"):
        small_study(seed=9).run(tmp_path / "run")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="choose another --out"):
        small_study().run(tmp_path / "other")


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"zone": "atlantis"}, TraceError),
        ({"policy": "heuristik"}, SettingsError),
        ({"start": "2024-01-13T00:00", "zone": "solar", "hours": 9000}, TraceError),
    ],
)
def test_bad_settings_leave_no_folder_behind(tmp_path, small_study, flags, error):
    with pytest.raises(error):
        small_study(**flags).run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_journal_without_a_beginning_is_no_run(tmp_path):
    with RunFolder.create(tmp_path / "run") as folder:
        folder.journal()
    with pytest.raises(StoreError, match="beginning of a run"):
        resume(tmp_path / "run")
    with pytest.raises(StoreError, match="found none"):
        resume(tmp_path / "nowhere")


def test_parts_of_ones_own_take_the_place_of_named_ones(small_study):
    from ce_nas.policies.baselines import AllEvaluation

    settings = small_study(policy="threshold").settings
    assert Study(settings, allocator=AllEvaluation()).run().summary.policy == "all-evaluation"


@pytest.mark.parametrize("searcher", ["uniform", "nsga2", "lamoo", "surrogate"])
def test_a_benchmark_without_a_table_is_searched_by_every_searcher(small_study, nb301_flags, searcher):
    study = small_study(**nb301_flags, searcher=searcher, policy="fixed", gpus=6, hours=4)
    summary = study.run().summary
    assert summary.evaluations > 5
    assert summary.samples > 500
    assert summary.hypervolume > 0
    assert summary.hypervolume_share is None
    assert "noise like that of the supernet 'one-shot'" in summary.benchmark["cheap_scores"]
    for member in summary.front:
        architecture = DartsSpace().parse(member.architecture)
        assert member.objectives["flops"] == DartsSizes().flops([architecture])[0] / 1e6


def test_a_benchmark_without_a_table_keeps_bounds_stops_early_and_resumes(small_study, nb301_flags, tmp_path):
    base = {"searcher": {"batch": 20, "early": 0.1}}
    flags = {**nb301_flags, "constraints": "params<=0.9", "hours": 2.5, "policy": "heuristic"}
    whole = small_study(base, **flags).run(tmp_path / "whole").summary
    assert whole.hypervolume_share is None
    assert "of the table's maximum" not in (tmp_path / "whole" / "report.md").read_text()
    found = [entry.content for entry in read_run(tmp_path / "whole") if entry.kind == "evaluated"]
    assert {content["fidelity"] for content in found} == {0.1, 1.0}
    sizes = DartsSizes().parameters([tuple(content["architecture"]) for content in found])
    assert (sizes <= 0.9e6).all()
    assert run_and_die(small_study(base, **flags), tmp_path / "killed", 25)
    assert resume(tmp_path / "killed").summary == whole
