import gzip
import json
import logging
import re
import threading

import pytest
from starlette.testclient import TestClient

from ce_nas.analysis.summary import summarise
from ce_nas.apps.dashboard.app import MAX_QUERY_LENGTH, Dashboard
from ce_nas.apps.dashboard.run_folders import RunIndex
from ce_nas.apps.dashboard.security import AccessRules
from ce_nas.apps.dashboard.zone_forecast import ZoneForecasts
from ce_nas.core.errors import SettingsError
from ce_nas.store.run_dir import read_run_entries

PAGES = [
    "/", "/?q=wind&sort=-carbon", "/run/runs~wind", "/run/runs~killed", "/run/runs~deep~solar", "/compare",
    "/compare?run=runs~wind&run=runs~deep~solar", "/zones", "/zones?zone=wind&hours=4", "/run/runs~wind/explain",
    "/run/runs~wind/explain?hour=2", "/pilot",
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_in_both_languages(client, path, language):
    found = client.get(path, headers={"accept-language": language})
    assert found.status_code == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<html lang="{language}">' in found.text
    assert found.headers["x-content-type-options"] == "nosniff"


def test_an_unchanged_page_is_not_sent_again(client):
    first = client.get("/run/runs~wind")
    again = client.get("/run/runs~wind", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/run/runs~wind", headers={"if-none-match": '"other"'}).status_code == 200


def test_gzip_is_used_if_accepted(client):
    with client.stream("GET", "/run/runs~wind", headers={"accept-encoding": "gzip"}) as found:
        compressed = b"".join(found.iter_raw())
    assert found.headers["content-encoding"] == "gzip"
    plain = client.get("/run/runs~wind", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(compressed) == plain.content


def test_a_selected_language_is_kept(client):
    client.get("/?lang=ja")
    assert '<html lang="ja">' in client.get("/run/runs~wind").text


def test_summary_as_json(client, run_root):
    found = client.get("/run/runs~wind/summary.json")
    assert found.headers["content-type"].startswith("application/json")
    assert json.loads(found.text) == json.loads(summarise(read_run_entries(run_root / "wind")).to_json())


def test_report_as_one_file(client):
    found = client.get("/run/runs~wind/report.html")
    assert found.headers["content-disposition"] == "attachment; filename*=UTF-8''runs~wind.html"
    assert "<style>" in found.text


@pytest.mark.parametrize(
    "path",
    [
        "/nothing", "/run/nothing", "/run/runs~nothing/summary.json", "/static/nothing", "/static/..%2f..%2fapp.py",
        "/run/..%2f..%2fetc%2fpasswd", "/run/%00", "/static/%2e%2e/app.py", "/run/",
    ],
)  # fmt: skip
def test_unknown_addresses_give_an_error_page(client, path):
    found = client.get(path)
    assert found.status_code == 404
    assert '<p class="lead">' in found.text
    assert "Traceback" not in found.text


def test_order_of_the_selected_runs_counts(client):
    one, two = (
        client.get(f"/compare?run=runs~{a}&run=runs~{b}").text for a, b in (("wind", "killed"), ("killed", "wind"))
    )
    assert "<strong>A</strong> runs/wind" in one
    assert "<strong>A</strong> runs/killed" in two


def test_an_invalid_job_gives_an_error_page(client):
    found = client.get("/zones?hours=1000")
    assert found.status_code == 400
    assert "from 1 to 96" in found.text


def test_a_long_query_is_refused(client):
    found = client.get("/?q=" + "x" * MAX_QUERY_LENGTH)
    assert found.status_code == 400
    assert f"at most {MAX_QUERY_LENGTH} characters" in found.text


def test_an_unexpected_error_is_logged_and_not_shown(dashboard, client, monkeypatch, caplog):
    monkeypatch.setattr(dashboard._run_index, "list_runs", lambda _: {}["internal error"])
    with caplog.at_level(logging.ERROR):
        import starlette.testclient

        unraised = starlette.testclient.TestClient(dashboard, "http://localhost", raise_server_exceptions=False)
        found = unraised.get("/?q=error")
    assert found.status_code == 500
    assert "internal error" not in found.text
    assert "failed to build this page" in found.text
    assert "internal error" in caplog.text


def test_refusals_are_pages_in_the_language_of_the_browser(client):
    found = client.get("/", headers={"host": "evil.example", "accept-language": "ja"})
    assert found.status_code == 421
    assert '<html lang="ja">' in found.text
    posted = client.post("/")
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")
    assert client.head("/").status_code == 200


def test_an_unfinished_run_refreshes_itself(client):
    assert 'data-refresh-s="3"' in client.get("/run/runs~killed").text


def test_the_form_starts_a_pilot_and_its_paper_is_a_file(client, dashboard, monkeypatch, pilot_result):
    monkeypatch.setattr("ce_nas.apps.dashboard.pages.pilot.run_pilot", lambda *_: pilot_result)
    monkeypatch.setattr(dashboard._pilot_queue, "_submit", lambda work: work())
    assert client.get("/pilot/decision.html?gpus=5&go=1", headers={"sec-fetch-site": "cross-site",
                      "sec-fetch-mode": "navigate"}).status_code == 400  # fmt: skip
    client.get("/pilot?gpus=4&go=1&form=of-another-site")
    assert not dashboard._pilot_queue._results
    token = re.search(r'name="form" value="([^"]{16,})"', client.get("/pilot").text)[1]
    client.get(f"/pilot?gpus=4&go=1&form={token}")
    found = client.get("/pilot/decision.html?gpus=4&go=1")
    assert found.status_code == 200
    assert found.headers["content-disposition"] == "attachment; filename=decision.html"
    assert "<style>" in found.text


def test_an_invalid_pilot_input_is_shown_above_the_form(client):
    found = client.get("/pilot?gpus=0&go=1")
    assert found.status_code == 200
    assert "Expected gpus between 1 and 512, got 0." in found.text


def test_zones_are_shown_while_their_forecasts_are_computed(run_root):
    started, go_on = threading.Event(), threading.Event()

    class Slow(ZoneForecasts):
        def _compute_forecast(self, name, hour):
            started.set()
            assert go_on.wait(600)
            message = f"no data of {name}"
            raise SettingsError(message)

    pages = Dashboard(RunIndex([run_root]), AccessRules(), Slow({}))
    browser = TestClient(pages, base_url="http://localhost")
    try:
        found = browser.get("/zones", headers={"accept-language": "en"})
        assert found.status_code == 200
        assert "is being computed" in found.text
        assert 'data-refresh-s="3"' in found.text
        assert started.wait(600)
        assert browser.get("/").status_code == 200  # other pages do not wait for it
        go_on.set()
        computed = threading.Event()
        pages._page_cache.submit_computation(computed.set)
        assert computed.wait(600)
        pages._page_cache._entries.clear()
        found = browser.get("/zones", headers={"accept-language": "en"})
        assert "no data of solar" in found.text
        assert 'data-refresh-s="60"' in found.text
    finally:
        go_on.set()
        pages.close()
