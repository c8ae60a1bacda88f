"""An import changes everything or nothing, and takes no other file's place unasked."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import DataError
from ce_nas.datasets.catalog import data_set
from ce_nas.datasets.importers.base import Change, Piece, import_files

THEN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
SUPERNETS = data_set("supernets")


def supernets(folder, name="nets", seed=0):
    path = folder / f"{name}.npz"
    accuracy = np.random.default_rng(seed).random((2, 15_625)).astype(np.float32)
    np.savez(path, names=["one", "two"], accuracy=accuracy)
    return path


def test_the_manifest_says_what_came_from_where(tmp_path, library):
    path = supernets(tmp_path)
    (done,) = import_files(SUPERNETS, [path], library, THEN, addresses={path: "https://there/nets.npz"})
    assert done.change is Change.ADDED
    assert (done.kept.file, done.kept.rows, done.kept.imported) == ("nets.npz", 2, "2026-01-01T00:00:00+00:00")
    assert [origin.name for origin in done.kept.origins] == ["https://there/nets.npz"]
    manifest = library.manifest("supernets")
    assert manifest.files == (done.kept,)
    assert (manifest.version, manifest.licence) == (SUPERNETS.version, SUPERNETS.licence)
    assert [fault for _, fault in library.faults(manifest)] == [""]
    assert library.file("supernets", "nets.npz").stat().st_size == done.kept.size_bytes


def test_the_same_file_again_changes_nothing(tmp_path, library):
    path = supernets(tmp_path)
    import_files(SUPERNETS, [path], library, THEN)
    (done,) = import_files(SUPERNETS, [path], library, LATER)
    assert done.change is Change.UNCHANGED
    assert done.kept.imported.startswith("2026-01-01")


def test_another_file_takes_its_place_only_when_told_to(tmp_path, library):
    import_files(SUPERNETS, [supernets(tmp_path)], library, THEN)
    before = library.file("supernets", "nets.npz").read_bytes()
    other = supernets(tmp_path, seed=1)
    with pytest.raises(DataError, match=r"imported on 2026-01-01 from nets\.npz; give --replace"):
        import_files(SUPERNETS, [other], library, LATER)
    assert library.file("supernets", "nets.npz").read_bytes() == before
    (done,) = import_files(SUPERNETS, [other], library, LATER, replace=True)
    assert done.change is Change.REPLACED
    assert library.file("supernets", "nets.npz").read_bytes() != before


def test_further_files_stand_beside_the_first(tmp_path, library):
    import_files(SUPERNETS, [supernets(tmp_path)], library, THEN)
    import_files(SUPERNETS, [supernets(tmp_path, "more")], library, LATER)
    assert [kept.file for kept in library.manifest("supernets").files] == ["nets.npz", "more.npz"]


def test_one_bad_file_among_good_ones_changes_nothing(tmp_path, library):
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"bad\.npz"):
        import_files(SUPERNETS, [supernets(tmp_path), bad], library, THEN)
    assert library.manifest("supernets") is None


@pytest.mark.parametrize("files", [[], ["nowhere.npz"]])
def test_no_file_is_said_with_what_is_needed(tmp_path, library, files):
    with pytest.raises(DataError, match=r"Expected \.npz with names and accuracy .* ce-nas data import supernets FILE"):
        import_files(SUPERNETS, [tmp_path / name for name in files], library, THEN)


def test_a_full_disk_leaves_no_drafts(tmp_path, library, monkeypatch):
    from ce_nas.datasets.importers import base as piece

    calls = []

    def write(self, path):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        path.write_bytes(b"x")

    monkeypatch.setattr(piece.Piece, "write", write)
    with pytest.raises(DataError, match="but No space left on device; choose another one"):
        import_files(SUPERNETS, [supernets(tmp_path), supernets(tmp_path, "more")], library, THEN)
    assert list((library.root / "supernets").iterdir()) == []


def test_rows_arrays_and_files_are_written_in_plain_formats(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    Piece("a.parquet", frame, 2, ()).write(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)

    Piece("b.npz", {"a": np.arange(3)}, 3, ()).write(tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz", allow_pickle=False) as content:
        assert content["a"].tolist() == [0, 1, 2]

    (tmp_path / "c").write_bytes(b"as it is")
    Piece("c.bin", tmp_path / "c", 1, ()).write(tmp_path / "c.bin")
    assert (tmp_path / "c.bin").read_bytes() == b"as it is"
