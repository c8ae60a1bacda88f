"""The commands as people type them, in processes of their own where what they load matters."""

import hashlib
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.core.errors import CeNasError, DataError, SettingsError
from ce_nas.datasets.catalog import CATALOGUE

RUN = CliRunner()


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "mine"


def run(*words, status=0):
    found = RUN.invoke(app, ["data", *map(str, words)])
    if isinstance(found.exception, CeNasError):
        raise found.exception
    assert found.exit_code == status, found.output
    return found.stdout


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "CISO_lifecycle_emissions.csv"
    path.write_text(",UTC time,carbon_intensity\n0,2021-01-01 00:00:00,200\n1,2021-01-01 01:00:00,210\n")
    return path


def test_the_list_says_what_there_is_and_how_to_get_it(folder):
    shown = run("list")
    for known in CATALOGUE:
        assert known.name in shown
    assert str(folder) in shown
    content = json.loads(run("list", "--json", "-", "--quiet"))
    assert content["folder"] == str(folder)
    assert [item["name"] for item in content["data_sets"]] == [known.name for known in CATALOGUE]
    assert not any(item["here"] for item in content["data_sets"])
    assert not folder.exists()


def test_an_import_is_shown_listed_and_verified(csv, folder):
    shown = run("import", "carboncast", csv)
    assert re.search(r"added: .*CISO\.parquet, 2 rows, .* kB, from CISO_lifecycle_emissions\.csv", shown)
    assert "Licence: Apache-2.0. Use: ce-nas search --zone ZONE" in shown
    (item,) = [item for item in json.loads(run("list", "-q", "--json", "-"))["data_sets"] if item["here"]]
    assert (item["name"], item["files"][0]["rows"]) == ("carboncast", 2)
    assert "1 file, " in run("list")
    assert "carboncast/CISO.parquet is as it was imported" in run("verify")
    assert "unchanged: " in run("import", "carboncast", csv)


def test_nothing_is_written_over_unasked(csv):
    run("import", "carboncast", csv)
    csv.write_text(csv.read_text().replace("210", "211"))
    with pytest.raises(DataError, match="give --replace"):
        run("import", "carboncast", csv)
    (item,) = json.loads(run("import", "carboncast", csv, "--replace", "-q", "--json", "-"))
    assert item["change"] == "replaced"


def test_a_changed_file_ends_with_status_1(csv, folder):
    run("import", "carboncast", csv)
    (folder / "carboncast" / "CISO.parquet").write_bytes(b"changed")
    assert "CISO.parquet has changed" in run("verify", status=1)
    (found,) = json.loads(run("verify", "carboncast", "-q", "--json", "-", status=1))
    assert (found["ok"], found["file"]) == (False, "CISO.parquet")


def test_nothing_to_verify_is_said(folder):
    assert f"Nothing was imported into {folder}" in run("verify")


def test_an_unknown_data_set_is_said():
    with pytest.raises(SettingsError, match="Did you mean 'hwnasbench'"):
        run("fetch", "hwnasbensh")


@pytest.fixture
def mirror(csv):
    """A folder on a server of the standard library, with both of CarbonCast's files for one zone."""
    import functools
    import http.server
    import threading

    csv.with_name("CISO_direct_emissions.csv").write_text(csv.read_text())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    asked = []
    serving = functools.partial(Handler, directory=str(csv.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serving) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


def test_a_fetch_downloads_imports_and_clears_up(mirror, folder, csv):
    pytest.importorskip("httpx", reason="needs the extra 'live'")
    url, asked = mirror
    (item,) = json.loads(run("fetch", "carboncast", "--zone", "CISO", "--mirror", url, "-q", "--json", "-"))
    assert item["change"] == "added"
    assert [origin["name"] for origin in item["origins"]] == [
        f"{url}/CISO_lifecycle_emissions.csv",
        f"{url}/CISO_direct_emissions.csv",
    ]
    assert item["origins"][0]["sha256"] == hashlib.sha256(csv.read_bytes()).hexdigest()
    assert list((folder / "downloads" / "carboncast").iterdir()) == []
    before = len(asked)
    assert "unchanged: " in run("fetch", "carboncast", "--zone", "CISO", "--mirror", url)
    assert len(asked) == before


def test_what_was_imported_is_what_a_search_reads(csv, tmp_path):
    from ce_nas.config.schema import settings_from_flags
    from ce_nas.engine.inputs import Materials

    run("import", "carboncast", csv)
    nets = tmp_path / "nets.npz"
    np.savez(nets, names=["one"], accuracy=np.random.default_rng(0).random((1, 15_625)))
    run("import", "supernets", nets)
    materials = Materials(settings_from_flags(zone="CISO", hours=2, cheap_scores="nets:one"))
    materials.check()
    assert materials.trace.g_per_kwh.tolist() == [200.0, 210.0]
    assert materials.trace.origin == "CISO_lifecycle_emissions.csv (imported, carboncast)"
    assert materials.start == materials.trace.start
    assert materials.cheap_scores.names == ("one",)
    with pytest.raises(SettingsError, match="expected one of: CISO, coal"):
        Materials(settings_from_flags(zone="sunny")).check()
