"""``ce-nas data``: list, fetch, import and verify data sets."""

import hashlib
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.core.errors import CeNasError, DataError, SettingsError
from ce_nas.datasets.catalog import CATALOG

RUN = CliRunner()


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path / "mine"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "mine"


def run(*arguments, status=0):
    result = RUN.invoke(app, ["data", *map(str, arguments)])
    if isinstance(result.exception, CeNasError):
        raise result.exception
    assert result.exit_code == status, result.output
    return result.stdout


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "CISO_lifecycle_emissions.csv"
    path.write_text(",UTC time,carbon_intensity\n0,2021-01-01 00:00:00,200\n1,2021-01-01 01:00:00,210\n")
    return path


def test_list_shows_every_data_set(data_root):
    text = run("list")
    for dataset in CATALOG:
        assert dataset.name in text
    assert str(data_root) in text
    content = json.loads(run("list", "--json", "-", "--quiet"))
    assert content["folder"] == str(data_root)
    assert [dataset["name"] for dataset in content["data_sets"]] == [dataset.name for dataset in CATALOG]
    assert not any(dataset["imported"] for dataset in content["data_sets"])
    assert not data_root.exists()


def test_an_import_is_listed_and_verified(csv, data_root):
    text = run("import", "carboncast", csv)
    assert re.search(r"added: .*CISO\.parquet, 2 rows, .* kB, from CISO_lifecycle_emissions\.csv", text)
    assert "Licence: Apache-2.0. Use: ce-nas search --zone ZONE" in text
    listed = json.loads(run("list", "-q", "--json", "-"))["data_sets"]
    (dataset,) = [dataset for dataset in listed if dataset["imported"]]
    assert (dataset["name"], dataset["files"][0]["rows"]) == ("carboncast", 2)
    assert "1 file, " in run("list")
    assert "carboncast/CISO.parquet is unchanged" in run("verify")
    assert "unchanged: " in run("import", "carboncast", csv)


def test_an_import_replaces_data_only_on_request(csv):
    run("import", "carboncast", csv)
    csv.write_text(csv.read_text().replace("210", "211"))
    with pytest.raises(DataError, match="add --replace"):
        run("import", "carboncast", csv)
    (imported,) = json.loads(run("import", "carboncast", csv, "--replace", "-q", "--json", "-"))
    assert imported["change"] == "replaced"


def test_verify_fails_for_a_changed_file(csv, data_root):
    run("import", "carboncast", csv)
    (data_root / "carboncast" / "CISO.parquet").write_bytes(b"changed")
    assert "CISO.parquet has changed" in run("verify", status=1)
    (check,) = json.loads(run("verify", "carboncast", "-q", "--json", "-", status=1))
    assert (check["ok"], check["file"]) == (False, "CISO.parquet")


def test_verify_without_data(data_root):
    assert f"Nothing was imported into {data_root}" in run("verify")


def test_an_unknown_data_set_is_an_error():
    with pytest.raises(SettingsError, match="Did you mean 'hwnasbench'"):
        run("fetch", "hwnasbensh")


@pytest.fixture
def mirror(csv):
    """A data_root on a server of the standard library, with both of CarbonCast's files for one zone."""
    import functools
    import http.server
    import threading

    csv.with_name("CISO_direct_emissions.csv").write_text(csv.read_text())

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            requests.append(self.path)

    requests = []
    handler = functools.partial(Handler, directory=str(csv.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
        server.shutdown()
        thread.join()


def test_fetch_downloads_imports_and_cleans_up(mirror, data_root, csv):
    pytest.importorskip("httpx", reason="needs the extra 'live'")
    url, requests = mirror
    (imported,) = json.loads(run("fetch", "carboncast", "--zone", "CISO", "--mirror", url, "-q", "--json", "-"))
    assert imported["change"] == "added"
    assert [origin["name"] for origin in imported["origins"]] == [
        f"{url}/CISO_lifecycle_emissions.csv",
        f"{url}/CISO_direct_emissions.csv",
    ]
    assert imported["origins"][0]["sha256"] == hashlib.sha256(csv.read_bytes()).hexdigest()
    assert list((data_root / "downloads" / "carboncast").iterdir()) == []
    before = len(requests)
    assert "unchanged: " in run("fetch", "carboncast", "--zone", "CISO", "--mirror", url)
    assert len(requests) == before


def test_a_search_reads_imported_data(csv, tmp_path):
    from ce_nas.config.schema import settings_from_flags
    from ce_nas.engine.inputs import RunInputs

    run("import", "carboncast", csv)
    nets = tmp_path / "nets.npz"
    np.savez(nets, names=["one"], accuracy=np.random.default_rng(0).random((1, 15_625)))
    run("import", "supernets", nets)
    inputs = RunInputs(settings_from_flags(zone="CISO", hours=2, proxy_scores="nets:one"))
    inputs.validate()
    assert inputs.trace.g_per_kwh.tolist() == [200.0, 210.0]
    assert inputs.trace.origin == "CISO_lifecycle_emissions.csv (imported, carboncast)"
    assert inputs.start == inputs.trace.start
    assert inputs.proxy_scores.names == ("one",)
    with pytest.raises(SettingsError, match="expected one of: CISO, coal"):
        RunInputs(settings_from_flags(zone="sunny")).validate()
