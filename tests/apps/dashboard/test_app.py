import gzip
import json
import logging

import pytest

from ce_nas.analysis.summary import summarise
from ce_nas.apps.dashboard.app import LONGEST
from ce_nas.store.run_dir import read_run

PAGES = [
    "/", "/?q=wind&sort=-carbon", "/run/runs~wind", "/run/runs~killed", "/run/runs~deep~solar", "/compare",
    "/compare?run=runs~wind&run=runs~deep~solar", "/zones", "/zones?zone=wind&hours=4", "/run/runs~wind/explain",
    "/run/runs~wind/explain?hour=2", "/pilot",
]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_in_both_languages(client, path, language):
    found = client.get(path, headers={"accept-language": language})
    assert found.status_code == 200
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<html lang="{language}">' in found.text
    assert found.headers["x-content-type-options"] == "nosniff"


def test_a_browser_that_has_a_page_is_not_sent_it_again(client):
    first = client.get("/run/runs~wind")
    again = client.get("/run/runs~wind", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get("/run/runs~wind", headers={"if-none-match": '"other"'}).status_code == 200


def test_pages_are_packed_for_who_understands_it(client):
    with client.stream("GET", "/run/runs~wind", headers={"accept-encoding": "gzip"}) as found:
        packed = b"".join(found.iter_raw())
    assert found.headers["content-encoding"] == "gzip"
    plain = client.get("/run/runs~wind", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content


def test_a_language_chosen_on_a_page_stays(client):
    client.get("/?lang=ja")
    assert '<html lang="ja">' in client.get("/run/runs~wind").text


def test_the_figures_are_there_for_programs(client, folder):
    found = client.get("/run/runs~wind/summary.json")
    assert found.headers["content-type"].startswith("application/json")
    assert json.loads(found.text) == json.loads(summarise(read_run(folder / "wind")).to_json())


def test_the_report_can_be_kept_as_one_file(client):
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
def test_what_is_not_there_is_said_on_a_page(client, path):
    found = client.get(path)
    assert found.status_code == 404
    assert '<p class="lead">' in found.text
    assert "Traceback" not in found.text


def test_the_order_of_the_chosen_runs_counts(client):
    one, two = (
        client.get(f"/compare?run=runs~{a}&run=runs~{b}").text for a, b in (("wind", "killed"), ("killed", "wind"))
    )
    assert "<strong>A</strong> runs/wind" in one
    assert "<strong>A</strong> runs/killed" in two


def test_a_wish_that_makes_no_sense_is_said_on_a_page(client):
    found = client.get("/zones?hours=1000")
    assert found.status_code == 400
    assert "from 1 to 96" in found.text


def test_too_long_an_address_is_said(client):
    found = client.get("/?q=" + "x" * LONGEST)
    assert found.status_code == 400
    assert f"{LONGEST} signs at most" in found.text


def test_a_slip_of_ours_is_a_page_too_and_its_reason_is_in_the_log(board, client, monkeypatch, caplog):
    monkeypatch.setattr(board._runs, "listing", lambda _: {}["our slip"])
    with caplog.at_level(logging.ERROR):
        import starlette.testclient

        asking = starlette.testclient.TestClient(board, "http://localhost", raise_server_exceptions=False)
        found = asking.get("/?q=slip")
    assert found.status_code == 500
    assert "our slip" not in found.text
    assert "could not make this page" in found.text
    assert "our slip" in caplog.text


def test_a_name_from_elsewhere_and_a_post_are_pages_in_ones_language(client):
    found = client.get("/", headers={"host": "evil.example", "accept-language": "ja"})
    assert found.status_code == 421
    assert '<html lang="ja">' in found.text
    posted = client.post("/")
    assert (posted.status_code, posted.headers["allow"]) == (405, "GET, HEAD")
    assert client.head("/").status_code == 200


def test_a_run_that_goes_on_asks_for_news_and_one_that_has_ended_stops(client):
    assert 'data-every="3"' in client.get("/run/runs~killed").text


def test_a_pilot_is_begun_by_its_form_and_its_paper_can_be_kept(client, board, monkeypatch, piloted):
    monkeypatch.setattr("ce_nas.apps.dashboard.pages.pilot.run_pilot", lambda *_: piloted)
    monkeypatch.setattr(board._pilots, "_later", lambda work: work())
    assert client.get("/pilot/decision.html?gpus=5&go=1", headers={"sec-fetch-site": "cross-site",
                      "sec-fetch-mode": "navigate"}).status_code == 400  # fmt: skip
    assert not board._pilots._found
    client.get("/pilot?gpus=4&go=1")
    found = client.get("/pilot/decision.html?gpus=4&go=1")
    assert found.status_code == 200
    assert found.headers["content-disposition"] == "attachment; filename=decision.html"
    assert "<style>" in found.text


def test_a_figure_that_makes_no_sense_is_said_above_the_form(client):
    found = client.get("/pilot?gpus=0&go=1")
    assert found.status_code == 200
    assert "Expected gpus between 1 and 512, got 0." in found.text
