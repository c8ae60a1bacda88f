import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ce_nas.core.errors import ReplayError, StoreError
from ce_nas.store.event_log import Recorded, Recording

contents = st.one_of(st.none(), st.integers(), st.floats(allow_nan=False), st.text(), st.lists(st.integers()))
entries = st.lists(st.tuples(st.sampled_from(["report", "drew"]), st.floats(0, 1e6), contents), max_size=8)


@settings(max_examples=20)
@given(entries)
def test_what_was_put_is_handed_out_again_in_order(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("recording") / "recording.jsonl"
    recording = Recording(path)
    for entry in entries:
        recording.put(*entry)
    again = Recording(path)
    assert [again.take(kind) for kind, *_ in entries] == [Recorded(*entry) for entry in entries]
    assert again.peek is None
    assert again.take("drew") is None


def test_it_goes_on_where_it_ended(tmp_path):
    for number in range(3):
        recording = Recording(tmp_path / "one")
        for _ in range(number):
            recording.take("drew")
        recording.put("drew", float(number), number)
    assert len((tmp_path / "one").read_text().splitlines()) == 3


def test_a_cut_last_line_never_happened(tmp_path):
    path = tmp_path / "one"
    path.write_text('["drew", 1.0, 5]\n["drew", 2.0, ')
    recording = Recording(path)
    assert recording.take("drew") == Recorded("drew", 1.0, 5)
    recording.put("drew", 2.0, 6)
    assert path.read_text() == '["drew", 1.0, 5]\n["drew", 2.0, 6]\n'


def test_another_kind_than_was_recorded_is_told(tmp_path):
    (tmp_path / "one").write_text('["report", 1.0, 5]\n')
    with pytest.raises(ReplayError, match="got 'report' at 1 s"):
        Recording(tmp_path / "one").take("drew")


def test_damage_in_the_middle_is_told(tmp_path):
    (tmp_path / "one").write_text('["drew", 1.0, 5]\nnonsense\n["drew", 1.0, 5]\n')
    with pytest.raises(StoreError, match="recording of a run"):
        Recording(tmp_path / "one")


def test_without_a_file_nothing_is_kept():
    recording = Recording()
    recording.put("drew", 1.0, 5)
    assert recording.peek is None
