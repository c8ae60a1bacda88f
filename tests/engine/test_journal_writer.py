"""The journal entries of an engine: time, kind and keys."""

from ce_nas.cluster.base import TakeBack
from ce_nas.core.clock import VirtualClock
from ce_nas.core.records import Allocation, Observation, Outcome, StopReason, Task, TaskEvent, TaskEventKind, TaskKind
from ce_nas.engine.candidate_queue import DroppedCandidate
from ce_nas.engine.journal_writer import JournalWriter
from ce_nas.store.journal import MemoryJournal, NullJournal


def make_writer(journal):
    clock = VirtualClock()
    clock.next(60.0)
    return JournalWriter(journal, clock, lambda architecture: f"region {architecture[0]}")


def test_journal_entries_have_time_kind_and_keys():
    journal = MemoryJournal()
    writer = make_writer(journal)
    task = Task(4, TaskKind.SAMPLING, ((0,), (1,)))
    outcome = Outcome(4, ((1.0,), (2.0,)))
    event = TaskEvent(TaskEventKind.FINISHED, 2, 60.0, task, outcome, ())
    writer.write_allocation(Allocation(1, 2))
    writer.write_task_start(task, 2)
    writer.write_samples(event, outcome, [DroppedCandidate((1,), 10, 3, (0,))])
    writer.write_failure(event, will_retry=True)
    writer.write_end(StopReason.CARBON, [4], [Observation((0,), (1.0,), 0.0)])
    assert {entry.at_s for entry in journal.entries} == {60.0}
    assert [(entry.kind, entry.content) for entry in journal.entries] == [
        ("allocated", {"allocation": {"sampling": 1, "evaluating": 2, "idle": 0, "released": 0}}),
        (
            "task_started",
            {"task": 4, "kind": "sampling", "device": 2, "architectures": [[0], [1]], "fidelity": 1.0},
        ),
        (
            "sampled",
            {"task": 4, "device": 2, "values": [[1.0], [2.0]], "dropped": [[[1], "region 1", 10, 3, [0]]]},
        ),
        ("task_failed", {"task": 4, "device": 2, "failure": None, "detail": "", "will_retry": True}),
        ("run_ended", {"stop_reason": "carbon", "unfinished_tasks": [4], "queued": [[[0], "region 0"]]}),
    ]


def test_records_entries_of_journal():
    assert make_writer(MemoryJournal()).records_entries
    assert not make_writer(NullJournal()).records_entries


def test_allocations_are_in_gpus_and_places_are_kept():
    journal = MemoryJournal()
    writer = JournalWriter(journal, VirtualClock(), str, gpus_per_device=2)
    writer.write_allocation(Allocation(1, 2, released=1))
    place = {"job": "77", "node": "node-3", "account": "lab", "partition": "gpu"}
    writer.write_places(
        TaskEvent(TaskEventKind.SUSPENDED, 2, 60.0, Task(4, TaskKind.SAMPLING, ()), None, (), places=(place,))
    )
    writer.write_take_back(TakeBack(2, 4, 2.6))
    assert [(entry.kind, entry.content) for entry in journal.entries] == [
        ("allocated", {"allocation": {"sampling": 2, "evaluating": 4, "idle": 0, "released": 2}}),
        ("task_placed", {"task": 4, "device": 2, "places": [place]}),
        ("device_taken_back", {"device": 2, "task": 4, "took_s": 2.6}),
    ]
