import json

import pytest

from ce_nas.core.errors import StoreError
from ce_nas.experiments.results_store import FILE, Shelf
from ce_nas.experiments.strategies import CE_NAS
from ce_nas.experiments.trials import cell

HEAD = {"version": "1", "files": {}}
FIRST, SECOND = (cell(CE_NAS, {"hours": 1}, seed) for seed in (0, 1))


@pytest.fixture
def found(finding):
    return finding("ce-nas", 0, [(50, 1, 300, 4)])


def test_what_was_put_is_there_again_and_nothing_else(tmp_path, found):
    with Shelf.open(tmp_path / "new", HEAD) as shelf:
        assert shelf.get(FIRST) is None
        shelf.put(FIRST, found)
    with Shelf.open(tmp_path / "new", HEAD) as shelf:
        assert shelf.get(FIRST) == found
        assert shelf.get(SECOND) is None


def test_a_line_that_a_kill_cut_short_is_dropped_and_its_cell_run_again(tmp_path, found):
    with Shelf.open(tmp_path, HEAD) as shelf:
        shelf.put(FIRST, found)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole + whole[-40:-1])
    with Shelf.open(tmp_path, HEAD) as shelf:
        assert shelf.get(FIRST) == found
        shelf.put(SECOND, found)
    lines = (tmp_path / FILE).read_bytes().splitlines()
    assert (tmp_path / FILE).read_bytes().startswith(whole)
    assert [json.loads(line)["key"] for line in lines[1:]] == [FIRST.key, SECOND.key]


def test_another_version_or_other_files_are_not_mixed_in(tmp_path, found):
    with Shelf.open(tmp_path, HEAD) as shelf:
        shelf.put(FIRST, found)
    before = (tmp_path / FILE).read_bytes()
    for other in ({**HEAD, "version": "2"}, {**HEAD, "files": {"trace.csv": "abc"}}):
        with pytest.raises(StoreError, match="choose another --out"):
            Shelf.open(tmp_path, other)
    assert (tmp_path / FILE).read_bytes() == before


def test_one_process_at_a_time(tmp_path):
    with Shelf.open(tmp_path, HEAD), pytest.raises(StoreError, match="another process"):
        Shelf.open(tmp_path, HEAD)
    Shelf.open(tmp_path, HEAD).close()


def test_a_file_of_another_kind_is_said(tmp_path):
    (tmp_path / FILE).write_text(json.dumps(HEAD) + "\n{}\n")
    with pytest.raises(StoreError, match="finished cell"):
        Shelf.open(tmp_path, HEAD)
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can be written"):
        Shelf.open(tmp_path / "file", HEAD)
