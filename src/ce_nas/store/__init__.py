"""Storage of a run: its directory, journal, event log and checkpoints.

- run_dir: the directory of a run, with its lock
- journal: the append-only journal, in SQLite or in memory; a run is resumed by replaying it
- resumption: how an unfinished run is continued
- event_log: the external events of a live run, for its replay
- tail: read-only access to a journal that is being written
- checkpoint_gc: removal of checkpoints beyond a quota
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.store.checkpoint_gc import CheckpointQuota
    from ce_nas.store.event_log import EventLog, LoggedEvent
    from ce_nas.store.journal import Journal, JournalEntry, MemoryJournal, NullJournal, SqliteJournal
    from ce_nas.store.run_dir import RunDirectory, read_run_entries
    from ce_nas.store.tail import JournalTail, read_entries

__all__ = [
    "CheckpointQuota",
    "EventLog",
    "Journal",
    "JournalEntry",
    "JournalTail",
    "LoggedEvent",
    "MemoryJournal",
    "NullJournal",
    "RunDirectory",
    "SqliteJournal",
    "read_entries",
    "read_run_entries",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "checkpoint_gc": ["CheckpointQuota"],
        "event_log": ["EventLog", "LoggedEvent"],
        "journal": ["Journal", "JournalEntry", "MemoryJournal", "NullJournal", "SqliteJournal"],
        "run_dir": ["RunDirectory", "read_run_entries"],
        "tail": ["JournalTail", "read_entries"],
    },
)
