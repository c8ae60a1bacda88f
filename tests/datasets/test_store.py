"""Stored files are listed, verified and found; defects are reported."""

import json
import sys
from pathlib import Path

import pytest

from ce_nas.core.errors import DataError
from ce_nas.datasets.store import DataStore, FileOrigin, Manifest, StoredFile, default_folder, sha256_digest

HOME = Path("/home/ada")


@pytest.mark.parametrize(
    ("environ", "platform", "folder"),
    [
        ({"CE_NAS_DATA": "/big/data", "XDG_DATA_HOME": "/xdg"}, "linux", "/big/data"),
        ({"CE_NAS_DATA": "  "}, "linux", "/home/ada/.local/share/ce-nas"),
        ({"XDG_DATA_HOME": "/xdg"}, "linux", "/xdg/ce-nas"),
        ({}, "darwin", "/home/ada/Library/Application Support/ce-nas"),
        ({"LOCALAPPDATA": "/local"}, "win32", "/local/ce-nas"),
        ({}, "win32", "/home/ada/AppData/Local/ce-nas"),
    ],
)
def test_the_default_folder_follows_environment_and_platform(environ, platform, folder):
    assert default_folder(environ, platform, HOME) == Path(folder)


def test_the_environment_variable_sets_the_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path / "mine"))
    assert DataStore().root == tmp_path / "mine"


def put_file(store, file="a.bin", content=b"abc"):
    draft = store.write_draft("hwnasbench", file, lambda path: path.write_bytes(content))
    stored = StoredFile(
        file,
        sha256_digest(draft),
        len(content),
        3,
        (FileOrigin("there", "0" * 64),),
        "2026-01-01T00:00:00+00:00",
        ("n",),
    )
    store.commit(Manifest("hwnasbench", "1.0", "MIT", (stored,)), {file: draft})
    return stored


def test_a_committed_file_is_found(store):
    assert store.read_manifest("hwnasbench") is None
    assert store.find_file("hwnasbench", "a.bin") is None
    stored = put_file(store)
    assert store.read_manifest("hwnasbench") == Manifest("hwnasbench", "1.0", "MIT", (stored,))
    assert store.find_file("hwnasbench", "a.bin").read_bytes() == b"abc"
    assert store.find_file("hwnasbench", "b.bin") is None
    assert sorted(path.name for path in (store.root / "hwnasbench").iterdir()) == ["a.bin", "manifest.json"]


def test_verify_reports_changed_and_missing_files(store):
    stored = put_file(store)
    manifest = store.read_manifest("hwnasbench")
    assert list(store.verify(manifest)) == [(stored, "")]
    path = store.root / "hwnasbench" / "a.bin"
    path.write_bytes(b"abd")
    ((_, defect),) = store.verify(manifest)
    assert "has changed" in defect
    assert stored.sha256 in defect
    path.unlink()
    assert [defect for _, defect in store.verify(manifest)] == ["is missing"]
    with pytest.raises(DataError, match="where it was imported; import it again"):
        store.find_file("hwnasbench", "a.bin")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 99}', '{"format": 1, "files": [{}]}'])
def test_a_damaged_manifest_is_refused(store, content):
    put_file(store)
    (store.root / "hwnasbench" / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"Expected a manifest in .* import the data again"):
        store.read_manifest("hwnasbench")


def test_the_manifest_is_plain_json(store):
    put_file(store)
    content = json.loads((store.root / "hwnasbench" / "manifest.json").read_text())
    assert content["format"] == 1
    assert content["files"][0]["origins"] == [{"name": "there", "sha256": "0" * 64}]


def test_a_failed_draft_leaves_no_file(store):
    def fail(_):
        message = "no"
        raise ValueError(message)

    with pytest.raises(ValueError, match="no"):
        store.write_draft("hwnasbench", "a.bin", fail)
    assert list((store.root / "hwnasbench").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="the error message differs on Windows")
def test_an_unwritable_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    store = DataStore(tmp_path / "file")
    for attempt in (lambda: store.make_download_folder("x"), lambda: store.write_draft("x", "a", Path.touch)):
        with pytest.raises(DataError, match="choose another one with the environment variable CE_NAS_DATA"):
            attempt()


def test_the_digest_of_a_folder_covers_names_and_contents(tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").write_text("x")
    first = sha256_digest(folder)
    (folder / "deep" / "a").rename(folder / "deep" / "b")
    second = sha256_digest(folder)
    (folder / "deep" / "b").write_text("y")
    assert len({first, second, sha256_digest(folder)}) == 3
