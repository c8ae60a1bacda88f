import json

import pytest

from ce_nas.core.errors import StoreError
from ce_nas.experiments.results_store import RESULTS_FILE, ResultsStore
from ce_nas.experiments.strategies import CE_NAS
from ce_nas.experiments.trials import build_trial

HEADER = {"version": "1", "files": {}}
FIRST, SECOND = (build_trial(CE_NAS, {"hours": 1}, seed) for seed in (0, 1))


@pytest.fixture
def result(make_result):
    return make_result("ce-nas", 0, [(50, 1, 300, 4)])


def test_stored_results_are_read_again(tmp_path, result):
    with ResultsStore.open(tmp_path / "new", HEADER) as store:
        assert store.get(FIRST) is None
        store.put(FIRST, result)
    with ResultsStore.open(tmp_path / "new", HEADER) as store:
        assert store.get(FIRST) == result
        assert store.get(SECOND) is None


def test_incomplete_last_line_is_dropped(tmp_path, result):
    with ResultsStore.open(tmp_path, HEADER) as store:
        store.put(FIRST, result)
    complete = (tmp_path / RESULTS_FILE).read_bytes()
    (tmp_path / RESULTS_FILE).write_bytes(complete + complete[-40:-1])
    with ResultsStore.open(tmp_path, HEADER) as store:
        assert store.get(FIRST) == result
        store.put(SECOND, result)
    lines = (tmp_path / RESULTS_FILE).read_bytes().splitlines()
    assert (tmp_path / RESULTS_FILE).read_bytes().startswith(complete)
    assert [json.loads(line)["key"] for line in lines[1:]] == [FIRST.key, SECOND.key]


def test_other_version_or_files_are_refused(tmp_path, result):
    with ResultsStore.open(tmp_path, HEADER) as store:
        store.put(FIRST, result)
    before = (tmp_path / RESULTS_FILE).read_bytes()
    for other in ({**HEADER, "version": "2"}, {**HEADER, "files": {"trace.csv": "abc"}}):
        with pytest.raises(StoreError, match="choose another --out"):
            ResultsStore.open(tmp_path, other)
    assert (tmp_path / RESULTS_FILE).read_bytes() == before


def test_folder_is_locked_by_one_process(tmp_path):
    with ResultsStore.open(tmp_path, HEADER), pytest.raises(StoreError, match="no other process uses"):
        ResultsStore.open(tmp_path, HEADER)
    ResultsStore.open(tmp_path, HEADER).close()


def test_invalid_file_or_folder_is_refused(tmp_path):
    (tmp_path / RESULTS_FILE).write_text(json.dumps(HEADER) + "\n{}\n")
    with pytest.raises(StoreError, match="finished trial"):
        ResultsStore.open(tmp_path, HEADER)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="writable folder"):
        ResultsStore.open(tmp_path / "file", HEADER)
