"""An import changes everything or nothing, and replaces files only on request."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from ce_nas.core.errors import DataError, MissingExtraError
from ce_nas.datasets.catalog import find_catalog_entry
from ce_nas.datasets.importers.base import ConvertedFile, ImportChange, import_files

THEN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 2, 1, tzinfo=UTC)
SUPERNETS = find_catalog_entry("supernets")


def supernets(folder, name="nets", seed=0):
    path = folder / f"{name}.npz"
    accuracy = np.random.default_rng(seed).random((2, 15_625)).astype(np.float32)
    np.savez(path, names=["one", "two"], accuracy=accuracy)
    return path


def test_the_manifest_records_origins(tmp_path, store):
    path = supernets(tmp_path)
    (done,) = import_files(SUPERNETS, [path], store, THEN, urls={path: "https://there/nets.npz"})
    assert done.change is ImportChange.ADDED
    assert (done.stored_file.file, done.stored_file.rows, done.stored_file.imported) == (
        "nets.npz",
        2,
        "2026-01-01T00:00:00+00:00",
    )
    assert [origin.name for origin in done.stored_file.origins] == ["https://there/nets.npz"]
    manifest = store.read_manifest("supernets")
    assert manifest.files == (done.stored_file,)
    assert (manifest.version, manifest.licence) == (SUPERNETS.version, SUPERNETS.licence)
    assert [defect for _, defect in store.verify(manifest)] == [""]
    assert store.find_file("supernets", "nets.npz").stat().st_size == done.stored_file.size_bytes


def test_importing_the_same_file_changes_nothing(tmp_path, store):
    path = supernets(tmp_path)
    import_files(SUPERNETS, [path], store, THEN)
    (done,) = import_files(SUPERNETS, [path], store, LATER)
    assert done.change is ImportChange.UNCHANGED
    assert done.stored_file.imported.startswith("2026-01-01")


def test_a_different_file_needs_replace(tmp_path, store):
    import_files(SUPERNETS, [supernets(tmp_path)], store, THEN)
    before = store.find_file("supernets", "nets.npz").read_bytes()
    other = supernets(tmp_path, seed=1)
    with pytest.raises(DataError, match=r"imported on 2026-01-01 from nets\.npz; add --replace"):
        import_files(SUPERNETS, [other], store, LATER)
    assert store.find_file("supernets", "nets.npz").read_bytes() == before
    (done,) = import_files(SUPERNETS, [other], store, LATER, replace=True)
    assert done.change is ImportChange.REPLACED
    assert store.find_file("supernets", "nets.npz").read_bytes() != before


def test_further_files_are_added(tmp_path, store):
    import_files(SUPERNETS, [supernets(tmp_path)], store, THEN)
    import_files(SUPERNETS, [supernets(tmp_path, "more")], store, LATER)
    assert [stored.file for stored in store.read_manifest("supernets").files] == ["nets.npz", "more.npz"]


def test_one_invalid_file_changes_nothing(tmp_path, store):
    bad = tmp_path / "bad.npz"
    bad.write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"bad\.npz"):
        import_files(SUPERNETS, [supernets(tmp_path), bad], store, THEN)
    assert store.read_manifest("supernets") is None


@pytest.mark.parametrize("files", [[], ["nowhere.npz"]])
def test_a_missing_file_is_refused_with_the_expected_ones(tmp_path, store, files):
    with pytest.raises(DataError, match=r"Expected \.npz with names and accuracy .* ce-nas data import supernets FILE"):
        import_files(SUPERNETS, [tmp_path / name for name in files], store, THEN)


def test_a_full_disk_leaves_no_drafts(tmp_path, store, monkeypatch):
    calls = []

    def write(self, path):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        path.write_bytes(b"x")

    monkeypatch.setattr(ConvertedFile, "write", write)
    with pytest.raises(DataError, match="but No space left on device; choose another one"):
        import_files(SUPERNETS, [supernets(tmp_path), supernets(tmp_path, "more")], store, THEN)
    assert list((store.root / "supernets").iterdir()) == []


def test_converted_files_are_written_in_plain_formats(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    ConvertedFile("a.parquet", frame, 2, ()).write(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)

    ConvertedFile("b.npz", {"a": np.arange(3)}, 3, ()).write(tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz", allow_pickle=False) as content:
        assert content["a"].tolist() == [0, 1, 2]

    (tmp_path / "c").write_bytes(b"as it is")
    ConvertedFile("c.bin", tmp_path / "c", 1, ()).write(tmp_path / "c.bin")
    assert (tmp_path / "c.bin").read_bytes() == b"as it is"


def test_a_table_without_the_extra_is_not_stored(tmp_path, monkeypatch):
    monkeypatch.setattr("ce_nas.core.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"Storing a.parquet needs .*'ce-nas\[parquet\]'$"):
        ConvertedFile("a.parquet", pd.DataFrame({"a": [1.5]}), 1, ()).write(tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []
