"""A search that is killed at any write, and resumed, ends with the journal of one that was not.

``CE_NAS_TORTURE_KILLS`` sets the number of searches, each killed up to three times, and
``CE_NAS_TORTURE_SEED`` the first seed: one that fails is repeated by that seed and a number of one.
"""

import os
import signal
import sqlite3

import pytest

from ce_nas.api import Search
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import StoreError
from ce_nas.core.rng import random_stream
from ce_nas.store.journal import SqliteJournal
from ce_nas.store.run_dir import RunDirectory, read_run_entries

KILLS = int(os.environ.get("CE_NAS_TORTURE_KILLS", "25"))
FIRST_SEED = int(os.environ.get("CE_NAS_TORTURE_SEED", "0"))
POLICIES = ("vanilla", "hotcarbon", "suspend-resume", "look-ahead", "threshold")


class KilledConnection:
    """A connection to SQLite whose process is killed before or after one of its writes."""

    def __init__(self, connection, writes, *, after):
        self.connection, self.left, self.after = connection, writes, after

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def execute(self, *arguments):
        return self.at_write(lambda: self.connection.execute(*arguments))

    def commit(self):
        return self.at_write(self.connection.commit)

    def at_write(self, write):
        self.left -= 1
        if self.left == 0 and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = write()
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


def make_search(seed):
    rng = random_stream(seed, "kill anywhere")
    policy = POLICIES[int(rng.integers(len(POLICIES)))]
    budget = {"energy": f"{rng.uniform(0.5, 6):.3f}kWh"} if rng.random() < 0.5 else {}
    prices = {"gpu_hour_price": 1.0, "billing_period": "1h"}
    flags = {"gpus": int(rng.integers(1, 5)), "hours": 4, "searcher": "random", "seed": seed, "policy": policy}
    return Search.from_settings(settings_from_flags({"budget": budget | {"stop": "never"}, "prices": prices}, **flags))


def run_engine(search, folder, writes=0, *, after=False, durable=False):
    """Run a search in a folder, new or not; with ``writes``, kill the process there."""
    with RunDirectory.open(folder) if (folder / "journal.sqlite").exists() else RunDirectory.create(folder) as opened:
        journal = opened.open_journal(durable=durable)
        if writes:
            journal._connection = KilledConnection(journal._connection, writes, after=after)
        search._run_engine(journal, None, opened.path)


@pytest.mark.slow
def test_a_run_killed_at_any_write_resumes_to_the_same_journal(tmp_path):
    for seed in range(FIRST_SEED, FIRST_SEED + KILLS):
        rng = random_stream(seed, "kill")
        folder = tmp_path / f"{seed} killed \u00e9"  # a path with blanks and other letters
        run_engine(make_search(seed), tmp_path / f"{seed}-whole")
        whole = read_run_entries(tmp_path / f"{seed}-whole")
        kills = int(rng.integers(1, 4))
        for _ in range(kills):
            writes, after, durable = int(rng.integers(1, len(whole) + 4)), rng.random() < 0.5, rng.random() < 0.5
            child = os.fork()
            if child == 0:
                run_engine(make_search(seed), folder, writes, after=after, durable=durable)
                os._exit(0)
            _, status = os.waitpid(child, 0)
            assert os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGKILL, seed
            if (folder / "journal.sqlite").exists():
                kept = read_run_entries(folder)
                assert kept == whole[: len(kept)], seed
        run_engine(make_search(seed), folder)
        assert read_run_entries(folder) == whole, seed


class FullDisk(KilledConnection):
    """A disk that is full from a write on."""

    def at_write(self, write):
        self.left -= 1
        if self.left <= 0:
            message = "database or disk is full"
            raise sqlite3.OperationalError(message)
        return write()


def test_a_full_disk_at_any_write_is_one_sentence_and_resumable(tmp_path):
    search = make_search(1)
    run_engine(search, tmp_path / "whole")
    whole = read_run_entries(tmp_path / "whole")
    for _ in range(4):  # a quarter of the entries fits each time
        journal = SqliteJournal(tmp_path / "full.sqlite")
        connection = journal._connection
        journal._connection = FullDisk(connection, len(whole) // 5, after=False)
        with pytest.raises(StoreError, match="make room"):
            make_search(1)._run_engine(journal, None, None)
        connection.commit()
        connection.close()
    journal = SqliteJournal(tmp_path / "full.sqlite")
    make_search(1)._run_engine(journal, None, None)
    journal.close()
    assert list(SqliteJournal(tmp_path / "full.sqlite").recorded) == list(whole)
