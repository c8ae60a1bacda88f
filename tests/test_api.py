"""The Python API: searches, results, and runs in folders that are interrupted and resumed."""

import os
import signal

import pytest

import ce_nas
from ce_nas.api import Search, resume
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import CeNasError, ReplayError, SettingsError, StoreError, TraceError
from ce_nas.forecast.simple_forecasters import Persistence
from ce_nas.report.plotting.plots_extra import has_plots
from ce_nas.space.darts import DartsSpace
from ce_nas.space.darts_counts import DartsCounts
from ce_nas.store.journal import SqliteJournal
from ce_nas.store.run_dir import RunDirectory, read_run_entries

WRITTEN = ("summary.json", "report.html", "report.md", *(["report.png"] if has_plots() else []))


def run_and_die(search, folder, entries):
    """Run ``search`` in a child process that is killed as soon as so many entries are on record."""
    child = os.fork()
    if child == 0:
        append = SqliteJournal.append

        def append_or_die(self, kind, at_s, content):
            append(self, kind, at_s, content)
            if self._position == entries:
                os.kill(os.getpid(), signal.SIGKILL)

        SqliteJournal.append = append_or_die
        try:
            search.run(folder, durable=True)
        finally:  # whatever happens, the child never returns into the tests
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize(
    ("searcher", "policy", "hours"), [("random", "fixed", 1.2), ("lamoo", "hotcarbon", 1.0), ("nsga2", "vanilla", 1.6)]
)
def test_a_run_killed_at_any_event_resumes_to_the_same_bytes(tmp_path, searcher, policy, hours):
    base = {"schedule": {"period": "20min", "sampling_batch": 600}}
    settings = settings_from_flags(base, hours=hours, gpus=3, searcher=searcher, policy=policy)
    whole = Search.from_settings(settings).run(tmp_path / "whole")
    assert 20 < len(whole.entries) < 60  # enough to be killed in every way, few enough to try them all
    for entries in range(1, len(whole.entries) + 1):
        folder = tmp_path / f"killed-{entries}"
        assert run_and_die(Search.from_settings(settings), folder, entries)
        assert len(read_run_entries(folder)) == entries
        resume(folder)
        assert read_run_entries(folder) == list(whole.entries)
        for name in WRITTEN:
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_run_killed_twice_resumes_to_the_same_result(tmp_path):
    settings = settings_from_flags(hours=3, gpus=2, searcher="random", policy="fixed")
    whole = Search.from_settings(settings).run(tmp_path / "whole")
    assert run_and_die(Search.from_settings(settings), tmp_path / "killed", 8)
    child = os.fork()
    if child == 0:  # the resumed run is killed too, in its second new entry
        append = SqliteJournal.append

        def append_or_die(self, kind, at_s, content):
            append(self, kind, at_s, content)
            if self._position == 10:
                os.kill(os.getpid(), signal.SIGKILL)

        SqliteJournal.append = append_or_die
        try:
            resume(tmp_path / "killed", durable=True)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert len(read_run_entries(tmp_path / "killed")) == 10
    assert resume(tmp_path / "killed").summary == whole.summary


def test_resuming_a_finished_run_changes_nothing(tmp_path, small_search):
    first = small_search().run(tmp_path / "run")
    again = resume(tmp_path / "run")
    assert again.summary == first.summary
    assert again.entries == first.entries


def test_a_changed_input_is_noticed_on_resume(tmp_path):
    rows = ["op,accuracy,latency,train_s", *(f"{name},{at},{at / 2},900" for at, name in enumerate("abcdefgh"))]
    table = tmp_path / "own.csv"
    table.write_text("\n".join(rows))
    settings = settings_from_flags(table=table, hours=2, gpus=1, searcher="random", policy="vanilla")
    assert run_and_die(Search.from_settings(settings), tmp_path / "run", 6)
    table.write_text("\n".join(rows).replace("900", "901"))
    with pytest.raises(ReplayError, match=r"own\.csv has changed since the run began"):
        resume(tmp_path / "run")


def test_two_processes_never_share_a_run(tmp_path, small_search):
    small_search().run(tmp_path / "run")
    with RunDirectory.open(tmp_path / "run"), pytest.raises(StoreError, match="locked by another process"):
        resume(tmp_path / "run")


def test_existing_folders_are_not_overwritten(tmp_path, small_search):
    small_search().run(tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(StoreError, match="ce-nas report"):
        small_search(seed=9).run(tmp_path / "run")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other/notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="choose another --out"):
        small_search().run(tmp_path / "other")


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"zone": "atlantis"}, TraceError),
        ({"policy": "hotcarbn"}, SettingsError),
        ({"start": "2024-01-13T00:00", "zone": "solar", "hours": 9000}, TraceError),
    ],
)
def test_invalid_settings_create_no_folder(tmp_path, small_search, flags, error):
    with pytest.raises(error):
        small_search(**flags).run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_journal_without_a_beginning_is_no_run(tmp_path):
    with RunDirectory.create(tmp_path / "run") as folder:
        folder.open_journal()
    with pytest.raises(StoreError, match="starts with 'run_started'"):
        resume(tmp_path / "run")
    with pytest.raises(StoreError, match="found none"):
        resume(tmp_path / "nowhere")


def test_a_policy_object_replaces_the_named_policy(small_search):
    from ce_nas.policies.baselines import VanillaPolicy

    settings = small_search(policy="threshold").settings
    assert Search.from_settings(settings, policy=VanillaPolicy()).run().summary.policy == "vanilla"


@pytest.mark.parametrize("searcher", ["random", "nsga2", "lamoo", "surrogate"])
def test_every_searcher_searches_a_benchmark_without_a_table(small_search, nb301_flags, searcher):
    search = small_search(**nb301_flags, searcher=searcher, policy="fixed", gpus=6, hours=4)
    summary = search.run().summary
    assert summary.evaluations > 5
    assert summary.samples > 500
    assert summary.hypervolume > 0
    assert summary.hypervolume_share is None
    assert "noise like that of the supernet 'one-shot'" in summary.benchmark["proxy_scores"]
    for member in summary.front:
        architecture = DartsSpace().parse(member.architecture)
        assert member.objectives["flops"] == DartsCounts().flops([architecture])[0] / 1e6


@pytest.mark.long
def test_constraints_and_successive_halving_without_a_table(small_search, nb301_flags, tmp_path):
    base = {"schedule": {"sampling_batch": 20}, "searcher": {"initial_fidelity": 0.1}}
    flags = {**nb301_flags, "constraints": "params<=0.9", "hours": 2.5, "policy": "hotcarbon"}
    whole = small_search(base, **flags).run(tmp_path / "whole").summary
    assert whole.hypervolume_share is None
    assert "of the table's maximum" not in (tmp_path / "whole" / "report.md").read_text()
    found = [entry.content for entry in read_run_entries(tmp_path / "whole") if entry.kind == "evaluated"]
    assert {content["fidelity"] for content in found} == {0.1, 1.0}
    sizes = DartsCounts().parameters([tuple(content["architecture"]) for content in found])
    assert (sizes <= 0.9e6).all()
    assert run_and_die(small_search(base, **flags), tmp_path / "killed", 25)
    assert resume(tmp_path / "killed").summary == whole


def test_keywords_are_names_tables_or_objects():
    settings = Search(policy={"name": "threshold", "clean_quantile": 0.25}, grid="coal", hours="90min").settings
    assert settings.policy.clean_quantile == 0.25
    assert (settings.grid.zone, settings.budget.time_s) == ("coal", 5400.0)
    result = ce_nas.run(policy=OneGpu(), searcher="random", forecaster=Persistence(), gpus=2, hours=2)
    assert (result.summary.policy, result.summary.forecaster) == ("one-gpu", "persistence")
    with pytest.raises(SettingsError, match="Did you mean 'searcher'"):
        Search(sercher="random")


class OneGpu(ce_nas.Policy):
    name = "one-gpu"

    def decide(self, state):
        return ce_nas.Decision(ce_nas.Allocation(0, 1, released=state.cluster.devices - 1), "One GPU.")


def test_a_run_with_the_users_policy_resumes_with_it(tmp_path):
    search = Search(policy=OneGpu(), searcher="random", gpus=2, hours=3)
    whole = search.run(str(tmp_path / "whole"))
    assert run_and_die(search, tmp_path / "killed", 6)
    with pytest.raises(ReplayError):
        resume(tmp_path / "killed")
    assert resume(str(tmp_path / "killed"), policy=OneGpu()).summary == whole.summary
    with pytest.raises(SettingsError, match=r"Unknown component 'polcy'.*Did you mean 'policy'"):
        resume(tmp_path / "whole", polcy=OneGpu())


def test_the_public_names_are_listed():
    assert dir(ce_nas) == sorted(ce_nas.__all__)
    for name in ce_nas.__all__:
        assert getattr(ce_nas, name)
    assert issubclass(SettingsError, ce_nas.CeNasError)
    assert ce_nas.CeNasError is CeNasError
    with pytest.raises(AttributeError, match="rum"):
        _ = ce_nas.rum
