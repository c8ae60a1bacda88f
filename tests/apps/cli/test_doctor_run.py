"""``ce-nas doctor RUN``: damage is named, and nothing is changed."""

import hashlib
import sqlite3

import pytest

from ce_nas.apps.cli.doctor_run import check_run
from ce_nas.store.journal import SqliteJournal
from ce_nas.store.run_dir import read_run_entries


@pytest.fixture
def run(small_search, tmp_path):
    search = small_search(hours=2, policy="vanilla")
    (tmp_path / "run").mkdir()
    journal = SqliteJournal(tmp_path / "run/journal.sqlite")
    search._run_engine(journal, None, None)
    journal.close()
    return tmp_path / "run"


def rewrite(run, change):
    """Write the journal again with the entries that ``change`` makes of each."""
    entries = read_run_entries(run)
    (run / "journal.sqlite").unlink()
    journal = SqliteJournal(run / "journal.sqlite")
    for entry in entries:
        for kind, at_s, content in change(entry.kind, entry.at_s, entry.content):
            journal.append(kind, at_s, content)
    journal.close()


def states(run):
    return {check.name: check.ok for check in check_run(run)}


def test_an_intact_run_passes_and_is_not_changed(run, ce_nas):
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in run.iterdir()}
    result = ce_nas("doctor", str(run))
    assert result.status == 0, result.stdout
    assert "has ended" in " ".join(result.stdout.split())
    assert states(run) == {"journal": True, "tasks": True, "books": True, "checkpoints": True}
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in run.iterdir()} == before


def test_an_interrupted_run_names_a_command_of_the_shell(run, tmp_path):
    rewrite(run, lambda kind, at_s, content: [] if kind == "run_ended" else [(kind, at_s, content)])
    interrupted = run.rename(tmp_path / "ünï run")
    assert check_run(interrupted)[0].details.endswith(f"resume it with: ce-nas resume '{interrupted}'")


def test_an_interrupted_run_of_a_program_names_the_program(run):
    def of_a_loop(kind, at_s, content):
        if kind == "run_started":
            content["settings"]["live"]["devices"] = ["caller"]
        return [] if kind == "run_ended" else [(kind, at_s, content)]

    rewrite(run, of_a_loop)
    assert check_run(run)[0].details.endswith(f"resume it by running its Python program again with out={str(run)!r}")


def test_a_run_whose_books_are_settled_after_its_end_has_ended(run):
    settled = {"steps": [], "carbon_g": {}, "paper_carbon_g": 0.0, "provisional_g": 0.0}

    def settle(kind, at_s, content):
        entries = [(kind, at_s, content)]
        return [*entries, ("carbon_settled", at_s, settled)] if kind == "run_ended" else entries

    rewrite(run, settle)
    assert check_run(run)[0].details.endswith("the run has ended")


def test_a_damaged_journal_has_status_1(run, ce_nas):
    with sqlite3.connect(run / "journal.sqlite") as connection:
        connection.execute("DROP TRIGGER entries_no_update")
        connection.execute("UPDATE entries SET body = replace(body, '1', '2') WHERE seq = 3")
    result = ce_nas("doctor", str(run))
    assert result.status == 1
    assert states(run) == {"journal": False}
    assert not check_run(run / "nowhere")[0].ok


@pytest.mark.parametrize(
    ("name", "kind", "change"),
    [
        ("tasks", "evaluated", lambda content: [content, content]),
        ("tasks", "task_started", lambda content: [content | {"device": 0}]),
        ("tasks", "evaluated", lambda content: [{"task": content["task"]}]),
        ("books", "period", lambda content: [content | {"period": content["period"] + 1}]),
        ("books", "period", lambda content: [content | {"energy_by_source_j": {"modelled": 1.0}}]),
        ("books", "evaluated", lambda content: [content | {"energy_j": -1.0}]),
    ],
)
def test_inconsistent_entries_are_named(run, name, kind, change):
    rewrite(run, lambda k, at_s, content: [(k, at_s, each) for each in (change(content) if k == kind else [content])])
    assert states(run)[name] is False


def test_a_damaged_checkpoint_is_named_and_kept(run):
    (run / "checkpoints").mkdir()
    (run / "checkpoints/task-1.pt").write_bytes(b"half")
    (run / "checkpoints/task-2.pt.part").write_bytes(b"half")
    (check,) = [check for check in check_run(run) if check.name == "checkpoints"]
    assert (check.ok, check.required) == (False, False)
    assert "task-1.pt" in check.details
    assert (run / "checkpoints/task-1.pt").exists()
