import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.errors import ReplayError, StoreError
from ce_nas.store.event_log import EventLog, LoggedEvent

contents = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.integers()))
event_lists = st.lists(
    st.tuples(st.sampled_from(["worker_message", "energy_reading"]), st.floats(0, 1e6), contents), max_size=8
)


@settings(max_examples=20)
@given(event_lists)
def test_event_log_replays_in_order(tmp_path_factory, events):
    path = tmp_path_factory.mktemp("run") / "events.jsonl"
    log = EventLog(path)
    for event in events:
        log.append(*event)
    replay = EventLog(path)
    assert [replay.pop(kind) for kind, *_ in events] == [LoggedEvent(*event) for event in events]
    assert replay.peek is None
    assert replay.pop("energy_reading") is None


def test_event_log_appends_after_replay(tmp_path):
    for number in range(3):
        log = EventLog(tmp_path / "events.jsonl")
        for _ in range(number):
            log.pop("energy_reading")
        log.append("energy_reading", float(number), number)
    assert len((tmp_path / "events.jsonl").read_text().splitlines()) == 3


def test_event_log_removes_incomplete_last_line(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('["energy_reading", 1.0, 5]\n["energy_reading", 2.0, ')
    log = EventLog(path)
    assert log.pop("energy_reading") == LoggedEvent("energy_reading", 1.0, 5)
    log.append("energy_reading", 2.0, 6)
    assert path.read_text() == '["energy_reading", 1.0, 5]\n["energy_reading", 2.0, 6]\n'


def test_event_log_refuses_other_kind(tmp_path):
    (tmp_path / "events.jsonl").write_text('["worker_message", 1.0, 5]\n')
    with pytest.raises(ReplayError, match="got 'worker_message' at 1 s"):
        EventLog(tmp_path / "events.jsonl").pop("energy_reading")


def test_event_log_refuses_damaged_line(tmp_path):
    (tmp_path / "events.jsonl").write_text('["energy_reading", 1.0, 5]\nnonsense\n["energy_reading", 1.0, 5]\n')
    with pytest.raises(StoreError, match="event log of a run"):
        EventLog(tmp_path / "events.jsonl")


def test_event_log_without_file_keeps_nothing():
    log = EventLog()
    log.append("energy_reading", 1.0, 5)
    assert log.peek is None


def test_an_event_reaches_the_disk_before_the_run_goes_on(tmp_path, monkeypatch):
    from ce_nas.store import event_log

    synced = []
    monkeypatch.setattr(event_log.os, "fsync", lambda _: synced.append((tmp_path / "events").read_text()))
    EventLog(tmp_path / "events").append("kind", 1.0, [2])
    assert synced == ['["kind", 1.0, [2]]\n']


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    from ce_nas.store import event_log

    def raise_no_space(_):
        raise OSError(28, "No space left on device")

    log = EventLog(tmp_path / "events")
    monkeypatch.setattr(event_log.os, "fsync", raise_no_space)
    with pytest.raises(StoreError, match="No space left on device; make room and resume"):
        log.append("kind", 1.0, [2])


def test_a_folder_in_the_place_of_the_log_is_refused(tmp_path):
    with pytest.raises(StoreError, match="cannot be resumed without it"):
        EventLog(tmp_path)


def test_the_next_event_is_seen_before_it_is_taken(tmp_path):
    (tmp_path / "events").write_text('["a", 1.0, 5]\n["b", 2.0, 6]\n["c", 3.0, 7]\n')
    log = EventLog(tmp_path / "events")
    for event in (LoggedEvent("a", 1.0, 5), LoggedEvent("b", 2.0, 6), LoggedEvent("c", 3.0, 7)):
        assert log.peek == event
        assert log.pop(event.kind) == event
    assert log.peek is None
