"""What is kept is listed, checked and found again; what is broken is said."""

import json
import sys
from pathlib import Path

import pytest

from ce_nas.core.errors import DataError
from ce_nas.datasets.store import Kept, Library, Manifest, Origin, default_folder, digest

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
def test_the_folder_is_the_stated_one_or_the_platforms(environ, platform, folder):
    assert default_folder(environ, platform, HOME) == Path(folder)


def test_the_environment_says_where_the_library_is(monkeypatch, tmp_path):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path / "mine"))
    assert Library().root == tmp_path / "mine"


def kept(library, file="a.bin", content=b"abc"):
    draft = library.draft("hwnasbench", file, lambda path: path.write_bytes(content))
    item = Kept(file, digest(draft), len(content), 3, (Origin("there", "0" * 64),), "2026-01-01T00:00:00+00:00", ("n",))
    library.keep(Manifest("hwnasbench", "1.0", "MIT", (item,)), {file: draft})
    return item


def test_what_is_kept_is_found_again(library):
    assert library.manifest("hwnasbench") is None
    assert library.file("hwnasbench", "a.bin") is None
    item = kept(library)
    assert library.manifest("hwnasbench") == Manifest("hwnasbench", "1.0", "MIT", (item,))
    assert library.file("hwnasbench", "a.bin").read_bytes() == b"abc"
    assert library.file("hwnasbench", "b.bin") is None
    assert sorted(path.name for path in (library.root / "hwnasbench").iterdir()) == ["a.bin", "manifest.json"]


def test_faults_are_found(library):
    item = kept(library)
    manifest = library.manifest("hwnasbench")
    assert list(library.faults(manifest)) == [(item, "")]
    path = library.root / "hwnasbench" / "a.bin"
    path.write_bytes(b"abd")
    ((_, fault),) = library.faults(manifest)
    assert "has changed" in fault
    assert item.sha256 in fault
    path.unlink()
    assert [fault for _, fault in library.faults(manifest)] == ["is missing"]
    with pytest.raises(DataError, match="where it was imported; import it anew"):
        library.file("hwnasbench", "a.bin")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 99}', '{"format": 1, "files": [{}]}'])
def test_a_broken_manifest_is_said(library, content):
    kept(library)
    (library.root / "hwnasbench" / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=r"Expected a manifest in .* import the data anew"):
        library.manifest("hwnasbench")


def test_the_manifest_is_json_for_anybody(library):
    kept(library)
    content = json.loads((library.root / "hwnasbench" / "manifest.json").read_text())
    assert content["format"] == 1
    assert content["files"][0]["origins"] == [{"name": "there", "sha256": "0" * 64}]


def test_a_draft_that_fails_leaves_nothing(library):
    def fail(_):
        message = "no"
        raise ValueError(message)

    with pytest.raises(ValueError, match="no"):
        library.draft("hwnasbench", "a.bin", fail)
    assert list((library.root / "hwnasbench").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="a file is no folder there either, but says so otherwise")
def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    library = Library(tmp_path / "file")
    for attempt in (lambda: library.downloads("x"), lambda: library.draft("x", "a", Path.touch)):
        with pytest.raises(DataError, match="choose another one with the environment variable CE_NAS_DATA"):
            attempt()


def test_the_digest_of_a_folder_knows_names_and_contents(tmp_path):
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a").write_text("x")
    first = digest(folder)
    (folder / "deep" / "a").rename(folder / "deep" / "b")
    second = digest(folder)
    (folder / "deep" / "b").write_text("y")
    assert len({first, second, digest(folder)}) == 3
